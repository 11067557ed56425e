package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// pinned runs a measure with the client and the row's servers on one CPU, the same for
// all. On two, one request at a time has each turn wake a CPU that has halted, which takes
// longer than any server's work and is never the same twice; and of many, a server takes as
// many in one read as have come while it answered those before, which is one or all of
// them as the two processes fall into step. On one CPU each works off all that there is.
func pinned(run measure) measure {
	return func(b *bench, r *row) map[string]*result {
		var all unix.CPUSet
		if err := unix.SchedGetaffinity(0, &all); err != nil {
			return b.failed(r, fmt.Errorf("sched_getaffinity: %w", err))
		}
		defer b.allow(r, &all)
		if err := b.allow(r, last(&all)); err != nil {
			return b.failed(r, err)
		}
		return run(b, r)
	}
}

// last gives the last CPU of a set: the first ones have most of the interrupts.
func last(set *unix.CPUSet) *unix.CPUSet {
	var one unix.CPUSet
	for i, left := 0, set.Count(); left > 0; i++ {
		if set.IsSet(i) {
			if left--; left == 0 {
				one.Set(i)
			}
		}
	}
	return &one
}

// allow has the client and the row's servers run on the CPUs of a set.
func (b *bench) allow(r *row, set *unix.CPUSet) error {
	err := allow(os.Getpid(), set)
	for _, name := range r.peers {
		if s := b.servers[name]; s.cmd != nil && s.missing == nil {
			err = errors.Join(err, allow(s.cmd.Process.Pid, set))
		}
	}
	return err
}

// allow has all threads of a process run on the CPUs of a set, and those that they
// start later, which inherit it.
func allow(pid int, set *unix.CPUSet) error {
	done := map[string]bool{}
	for {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return err
		}
		before := len(done)
		for _, t := range tasks {
			if done[t.Name()] {
				continue
			}
			done[t.Name()] = true
			tid, err := strconv.Atoi(t.Name())
			if err != nil {
				return err
			}
			if err := unix.SchedSetaffinity(tid, set); err != nil && err != unix.ESRCH { // it has ended
				return fmt.Errorf("thread %d: sched_setaffinity: %w", tid, err)
			}
		}
		if len(done) == before { // none was started by one that was not done yet
			return nil
		}
	}
}
