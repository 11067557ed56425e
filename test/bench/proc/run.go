package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"

	"ninespace/test/bench/rounds"
)

// A bench is one run of the program.
type bench struct {
	rounds, processes int
}

// A row is one way to read status.
type row struct {
	rounds.Row
	way string // which worker measures it
	at  int    // goroutines
}

func rows() []row {
	return []row{
		{rounds.Row{Work: "served", Config: "1 at once", Goal: 1 / 1.3}, "served", 1},
		{rounds.Row{Work: "9P", Config: "1 at once"}, "9p", 1},
		{rounds.Row{Work: "9P", Config: "8 at once"}, "9p", 8},
		{rounds.Row{Work: "floor", Config: "1 at once"}, "floor", 1},
		{rounds.Row{Work: "floor", Config: "8 at once"}, "floor", 8},
		{rounds.Row{Work: "mount", Config: "1 at once", Goal: .5}, "mount", 1},
		{rounds.Row{Work: "mount", Config: "8 at once", Goal: .5}, "mount", 8},
		{rounds.Row{Work: "listed", Config: "1 at once"}, "listed", 1},
	}
}

// run measures the rows that match and reports each as it is done.
func (b *bench) run(ctx context.Context, match *regexp.Regexp, report func(rounds.Row, [2]rounds.Result)) error {
	tmp, err := os.MkdirTemp("", "proc.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	pids, stop, err := sleepers(ctx, b.processes)
	if err != nil {
		return err
	}
	defer stop()
	server, err := startServer(ctx, tmp)
	if err != nil {
		return err
	}
	defer server()
	floors := map[int]float64{} // by how many at once
	for _, r := range rows() {
		if !match.MatchString(r.Name()) {
			continue
		}
		w := work{Way: r.way, At: r.at, Rounds: b.rounds, Pids: pids, Socket: tmp + "/proc"}
		m, err := w.start(ctx, tmp)
		if r.way == "floor" {
			floors[r.at], _ = m.Ours.Over(m.Direct)
		}
		if r.way == "mount" {
			r.Floor = floors[r.at]
		}
		report(r.Row, [2]rounds.Result{{Values: m.Ours, Err: err}, {Values: m.Direct}})
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// sleepers starts processes that sleep, and gives their pids.
func sleepers(ctx context.Context, n int) (pids []int, stop func(), err error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", `i=0; while [ $i -lt $0 ]; do sleep 100000 & echo $!; i=$((i+1)); done; echo; wait`, strconv.Itoa(n))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, nil, err
	}
	stop = func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	}
	for s := bufio.NewScanner(out); s.Scan() && s.Text() != ""; {
		pid, err := strconv.Atoi(s.Text())
		if err != nil {
			stop()
			return nil, nil, err
		}
		pids = append(pids, pid)
	}
	if len(pids) != n {
		stop()
		return nil, nil, fmt.Errorf("%d of %d processes", len(pids), n)
	}
	return pids, stop, nil
}
