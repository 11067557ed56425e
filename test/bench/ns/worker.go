package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// A setup is what a worker is told at its start.
type setup struct {
	Name  string // of the place, for files of its own
	How   string // what it mounts: bind, overlay, mergerfs
	Data  string // the directory
	Home  string // a directory for itself
	Dir   string // where the directory is to be worked on; changed if it mounts
	Space bool   // it is in a name space
	Drop  bool   // the place has a cache of its own, which read empties
	Binds int
	Other int
}

// A request is a line to a worker, a reply one from it. The first reply comes by
// itself, when it is ready, with its pid as N.
type request struct {
	Work string
	Span time.Duration
	CPU  bool
	Pids []int // whose time counts beside its own
}

type reply struct {
	N    int           // how many were done
	Took time.Duration // all of them together
	Err  string
}

// A worker does the works in one place.
type worker struct {
	setup
	clock func() time.Duration
	buf   []byte
	big   int // descriptors that are kept
	ctl   int
	own   int
	progs map[string]string
	held  chan struct{} // never closed: what keeps the other name spaces
}

// serve works until its standard input ends.
func serve(s *setup, std [3]*os.File) error {
	w := &worker{setup: *s, buf: make([]byte, 1<<20), big: -1, ctl: -1, own: -1, progs: map[string]string{}, held: make(chan struct{})}
	out := json.NewEncoder(std[1])
	end, err := w.enter()
	defer end()
	first := reply{N: os.Getpid()}
	if err != nil {
		first.Err = err.Error()
	}
	if err := out.Encode(first); err != nil || first.Err != "" {
		return err
	}
	for in := json.NewDecoder(std[0]); ; {
		var q request
		if err := in.Decode(&q); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var a reply
		if a.N, a.Took, err = w.do(&q); err != nil {
			a.Err = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

// do does one work for a while, some times before it looks at the clock.
func (w *worker) do(q *request) (n int, took time.Duration, err error) {
	work, ok := works[q.Work]
	if !ok {
		return 0, 0, fmt.Errorf("%s: no such work", q.Work)
	}
	w.clock = clock(q)
	if err := work.do(w, work.ready); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", q.Work, err)
	}
	for begin := time.Now(); n == 0 || time.Since(begin) < q.Span; {
		if err := work.do(w, work.before); err != nil {
			return 0, 0, fmt.Errorf("before %s: %w", q.Work, err)
		}
		t := w.clock()
		for range max(work.batch, 1) {
			if err := work.op(w); err != nil {
				return 0, 0, fmt.Errorf("%s: %w", q.Work, err)
			}
			n++
		}
		took += w.clock() - t
		if err := work.do(w, work.after); err != nil {
			return 0, 0, fmt.Errorf("after %s: %w", q.Work, err)
		}
	}
	return n, took, nil
}

// A work is what a row does. Only op is timed.
type work struct {
	batch         int
	ready         func(w *worker) error // before all
	before, after func(w *worker) error // each batch
	op            func(w *worker) error
}

func (*work) do(w *worker, f func(w *worker) error) error {
	if f == nil {
		return nil
	}
	return f(w)
}
