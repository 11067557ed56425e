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

	"ninespace/test/bench/rounds"
)

// A bench is one run of the program.
type bench struct {
	rounds int
	part   int // a round moves so many times fewer bytes
	most   int // connections at once; 0: as many as the row says
	turn   int // rotates the order
}

// A row is one thing that is measured.
type row struct {
	work, config string
	role         byte // of the far process
	size         int  // of each read or write
	bytes        int64
	conns        int     // at once
	ahead        int     // requests of netfs that are on their way; 0: by package client, one
	goal         float64 // what the ratio is to reach; 0: none is set
}

func (r *row) name() string { return r.work + ", " + r.config }

func rows() []row {
	return []row{
		{"write", "128 KiB, 4 ahead", sink, 128 << 10, 2 << 30, 1, 4, .6},
		{"read", "128 KiB, 4 ahead", source, 128 << 10, 2 << 30, 1, 4, .6},
		{"write", "128 KiB", sink, 128 << 10, 2 << 30, 1, 0, 0},
		{"read", "128 KiB", source, 128 << 10, 2 << 30, 1, 0, 0},
		{"write", "4 KiB, 16 ahead", sink, 4 << 10, 256 << 20, 1, 16, 0},
		{"read", "4 KiB, 16 ahead", source, 4 << 10, 256 << 20, 1, 16, 0},
		{"echo", "100 B", echo, 100, 4 << 20, 1, 0, 0},
		{"echo", "1,000 at once, 128 KiB", echo, 128 << 10, 1 << 30, 1000, 0, .6},
		{"echo", "1,000 at once, 1 KiB", echo, 1 << 10, 32 << 20, 1000, 0, 0},
	}
}

// Ways to the far process.
var ways = [...]string{"netfs", "socket"}

// A result is what one way gave in one row: MB a second, by round.
type result struct {
	values rounds.Values
	err    error
}

// run measures the rows that match and reports each as it is done.
func (b *bench) run(ctx context.Context, match *regexp.Regexp, report func(*row, []result)) error {
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
	dial := [len(ways)]func(r *row) (io.ReadWriteCloser, error){
		func(r *row) (io.ReadWriteCloser, error) {
			if r.ahead > 0 {
				return fs.dialAhead(addr, r.ahead, r.size)
			}
			return fs.dial(ctx, addr)
		},
		func(*row) (io.ReadWriteCloser, error) { return dialSocket(ctx, addr) },
	}
	for _, r := range rows() {
		if !match.MatchString(r.name()) {
			continue
		}
		if b.most > 0 {
			r.conns = min(r.conns, b.most)
		}
		results := make([]result, len(ways))
		for n := -1; n < b.rounds; n++ { // one to warm up
			b.turn++
			for i := range ways {
				i = (i + b.turn) % len(ways)
				res := &results[i]
				if res.err == nil {
					res.err = ctx.Err()
				}
				if res.err != nil {
					continue
				}
				var v float64
				if v, res.err = b.round(&r, dial[i]); n >= 0 && res.err == nil {
					res.values = append(res.values, v)
				}
			}
		}
		report(&r, results)
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
	var wg sync.WaitGroup
	begin := time.Now()
	for i, c := range conns {
		wg.Go(func() { errs[i] = move(c, r, times) })
	}
	wg.Wait()
	took := time.Since(begin)
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
