package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/test/bench/rounds"
)

// A bench is one run of the program.
type bench struct {
	rounds int
	part   int // a round moves so many times fewer bytes
	most   int // connections at once; 0: as many as the row says
	turn   int // rotates the order
	cpu    bool
	pids   []int // of all processes that a round may have run
}

// time gives how long f took: the clock's time or, with cpu, what all processes ran,
// by the clocks of clock_getcpuclockid(3).
func (b *bench) time(f func()) time.Duration {
	ran := func() (sum time.Duration) {
		for _, pid := range b.pids {
			var t unix.Timespec
			if unix.ClockGettime(int32(^pid<<3|2), &t) == nil {
				sum += time.Duration(t.Nano())
			}
		}
		return sum
	}
	begin, before := time.Now(), ran()
	f()
	if b.cpu {
		return ran() - before
	}
	return time.Since(begin)
}

// A row is one thing that is measured.
type row struct {
	rounds.Row
	role  byte // of the far process
	size  int  // of each read or write
	bytes int64
	conns int // at once
	ahead int // requests of netfs that are on their way; 0: by package client, one; or relayed
}

// relayed has a relay be what netfs is in other rows.
const relayed = -1

func rows() []row {
	return []row{
		{ratio("floor", "write, 128 KiB", 0), sink, 128 << 10, 2 << 30, 1, relayed},
		{ratio("floor", "read, 128 KiB", 0), source, 128 << 10, 2 << 30, 1, relayed},
		{ratio("floor", "1,000 at once, 128 KiB", 0), echo, 128 << 10, 1 << 30, 1000, relayed},
		{ratio("write", "128 KiB, 4 ahead", .6), sink, 128 << 10, 2 << 30, 1, 4},
		{ratio("read", "128 KiB, 4 ahead", .6), source, 128 << 10, 2 << 30, 1, 4},
		{ratio("write", "128 KiB", 0), sink, 128 << 10, 2 << 30, 1, 0},
		{ratio("read", "128 KiB", 0), source, 128 << 10, 2 << 30, 1, 0},
		{ratio("write", "4 KiB, 16 ahead", 0), sink, 4 << 10, 256 << 20, 1, 16},
		{ratio("read", "4 KiB, 16 ahead", 0), source, 4 << 10, 256 << 20, 1, 16},
		{ratio("echo", "100 B", 0), echo, 100, 4 << 20, 1, 0},
		{ratio("echo", "1,000 at once, 128 KiB", .6), echo, 128 << 10, 1 << 30, 1000, 0},
		{ratio("echo", "1,000 at once, 1 KiB", 0), echo, 1 << 10, 32 << 20, 1000, 0},
	}
}

func ratio(work, config string, goal float64) rounds.Row {
	return rounds.Row{Work: work, Config: config, Goal: goal}
}

// run measures the rows that match and reports each as it is done.
func (b *bench) run(ctx context.Context, match *regexp.Regexp, report func(rounds.Row, [2]rounds.Result)) error {
	tmp, err := os.MkdirTemp("", "net.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	far, addr, err := startFar(ctx)
	if err != nil {
		return err
	}
	defer stop(far)
	fs, err := startNetfs(ctx, filepath.Join(tmp, "net"))
	if err != nil {
		return err
	}
	defer stop(fs.cmd)
	socket := filepath.Join(tmp, "relay")
	between, err := startRelay(ctx, addr, socket)
	if err != nil {
		return err
	}
	defer stop(between)
	b.pids = []int{0, far.Process.Pid, fs.cmd.Process.Pid, between.Process.Pid}
	byNetfs := func(r *row) (io.ReadWriteCloser, error) {
		switch {
		case r.ahead == relayed:
			return dialSocket(ctx, "unix", socket)
		case r.ahead > 0:
			return fs.dialAhead(addr, r.ahead, r.size)
		}
		return fs.dial(ctx, addr)
	}
	bySocket := func(*row) (io.ReadWriteCloser, error) { return dialSocket(ctx, "tcp", addr) }
	floors := map[[3]int]float64{}
	for _, r := range rows() {
		if !match.MatchString(r.Name()) {
			continue
		}
		if b.most > 0 {
			r.conns = min(r.conns, b.most)
		}
		results := rounds.Alternate(ctx, &b.turn, b.rounds, [2]func() (float64, error){
			func() (float64, error) { return b.round(&r, byNetfs) },
			func() (float64, error) { return b.round(&r, bySocket) },
		})
		kind := [3]int{int(r.role), r.size, r.conns}
		if r.ahead == relayed {
			floors[kind], _ = results[0].Values.Over(results[1].Values)
		} else {
			r.Floor = floors[kind]
		}
		report(r.Row, results)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// round moves a row's bytes by connections of its own, and gives MB a second. Making the
// connections is not counted.
func (b *bench) round(r *row, dial func(r *row) (io.ReadWriteCloser, error)) (float64, error) {
	times := max(1, r.bytes/int64(b.part)/int64(r.size)/int64(r.conns))
	conns := make([]io.ReadWriteCloser, r.conns)
	for i := range conns {
		c, err := dial(r)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		conns[i] = c
		if err := order(c, r.role, times*int64(r.size)); err != nil {
			return 0, err
		}
	}
	errs := make([]error, len(conns))
	took := b.time(func() {
		var wg sync.WaitGroup
		for i, c := range conns {
			wg.Go(func() { errs[i] = move(c, r, times) })
		}
		wg.Wait()
	})
	return float64(times*int64(r.size)*int64(r.conns)) / 1e6 / took.Seconds(), errors.Join(errs...)
}

// move does what is near of a connection.
func move(c io.ReadWriteCloser, r *row, times int64) error {
	p := make([]byte, r.size)
	switch r.role {
	case sink:
		for range times {
			if _, err := c.Write(p); err != nil {
				return err
			}
		}
		_, err := io.ReadFull(c, p[:1]) // all has come
		return err
	case source:
		for left := times * int64(r.size); left > 0; {
			n, err := c.Read(p[:min(int64(len(p)), left)])
			if left -= int64(n); err != nil {
				return err
			}
		}
		return nil
	case echo:
		for range times {
			if _, err := c.Write(p); err != nil {
				return err
			}
			if _, err := io.ReadFull(c, p); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("no role %c", r.role)
}
