package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

func hasWord(text, word string) bool {
	for _, w := range strings.Fields(text) {
		if w == word {
			return true
		}
	}
	return false
}

// A talk is a shell on the far side to which lines are said.
type talk struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func (p *place) talk(ctx context.Context) (*talk, error) {
	args := p.cpuArgs("sh")
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Dir = p.env("0"), p.dir
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	t := &talk{cmd, in, bufio.NewReader(out)}
	if err := t.say("true"); err != nil {
		t.end()
		return nil, err
	}
	return t, nil
}

// say has a line done, and waits until it is.
func (t *talk) say(line string) error {
	if _, err := fmt.Fprintf(t.in, "%s; echo done $?\n", line); err != nil {
		return err
	}
	for {
		s, err := t.out.ReadString('\n')
		if err != nil {
			return err
		}
		if status, ok := strings.CutPrefix(s, "done "); ok {
			if status != "0\n" {
				return fmt.Errorf("%s: status %s", line, strings.TrimSpace(status))
			}
			return nil
		}
	}
}

func (t *talk) end() {
	t.in.Close()
	t.cmd.Wait()
}

// countTrips tells how many round trips the first read of a small file waits for, and the
// second, beyond what any command does: what is asked for meanwhile takes no time. Of the
// latter it is the least of three, as other users of /tmp have it looked at again.
func (p *place) countTrips(ctx context.Context, _ time.Duration) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	t, err := p.talk(ctx)
	if err != nil {
		return nil, err
	}
	defer t.end()
	rtt := 2 * time.Duration(p.cpu.delay.Load())
	waits := func(line string) (float64, error) {
		begin := time.Now()
		err := t.say(line)
		return float64(time.Since(begin) / rtt), err
	}
	// read is the shell's own, so that there is no program to be found first.
	read := "read x </mnt/term" + p.path("a/b/c/d/file")
	none, err := waits("true")
	if err != nil {
		return nil, err
	}
	cold, err := waits(read)
	warm := cold
	for range 3 {
		again, aerr := waits(read)
		warm, err = min(warm, again), errors.Join(err, aerr)
	}
	return []float64{max(0, cold-none), max(0, warm-none)}, err
}

// countCold tells how many round trips a first command takes, from the dialling on.
func (p *place) countCold(ctx context.Context, limit time.Duration) ([]float64, error) {
	took, err := p.took(ctx, limit, brief, p.cpuArgs("/bin/true")...)
	if err != nil {
		return nil, err
	}
	return []float64{math.Floor(took[0] / ms(2*time.Duration(p.cpu.delay.Load())))}, nil
}

// idleSessions measures what sessions cost in which nothing goes on.
func (p *place) idleSessions(ctx context.Context, _ time.Duration) ([]float64, error) {
	const n = 3
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	base := descendants(p.cpud.Process.Pid)
	for range n {
		t, err := p.talk(ctx)
		if err != nil {
			return nil, err
		}
		defer t.end()
	}
	time.Sleep(time.Second) // until they are idle
	var ours, all, processes float64
	for pid := range descendants(p.cpud.Process.Pid) {
		if base[pid] {
			continue
		}
		own, share, err := memory(pid)
		if err != nil {
			return nil, err
		}
		all += share
		if exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); exe == p.nine {
			ours += own
			processes++
		}
	}
	least, err := idleProgram(ctx)
	return []float64{ours / 1024 / n, processes / n, all / 1024 / n, least}, err
}

// idleFlag has this program be one that does nothing, and idle is what it does.
const idleFlag = "-idle"

func idle() error {
	for range 2 { // as a session does
		debug.FreeOSMemory()
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// idleProgram measures what a program of Go's costs that waits for its input, as a floor: a
// session is one.
func idleProgram(ctx context.Context) (float64, error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, exe, idleFlag)
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	time.Sleep(time.Second)
	own, _, err := memory(cmd.Process.Pid)
	in.Close()
	return own / 1024, errors.Join(err, cmd.Wait())
}

// descendants are a process's children and theirs.
func descendants(pid int) map[int]bool {
	parent := map[int]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		text := string(b)
		f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		parent[child], _ = strconv.Atoi(f[1])
	}
	all := map[int]bool{}
	for child := range parent {
		for up := child; up > 1; up = parent[up] {
			if up == pid && child != pid {
				all[child] = true
			}
		}
	}
	return all
}

// memory is what a process has in memory that no other has, and that with its share of what
// others have too, in KiB.
func memory(pid int) (own, share float64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line) // name: n kB
		if len(f) != 3 {
			continue
		}
		n, _ := strconv.ParseFloat(f[1], 64)
		switch f[0] {
		case "Private_Clean:", "Private_Dirty:":
			own += n
		case "Pss:":
			share = n
		}
	}
	if own == 0 || share == 0 {
		return 0, 0, fmt.Errorf("process %d has no Private or Pss", pid)
	}
	return own, share, nil
}
