package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A service is a command that runs for as long as the node does.
type service struct {
	name string
	args []string
	log  io.Writer

	mu      sync.Mutex
	cmd     *exec.Cmd // while it runs
	since   time.Time // of the present state
	starts  int
	why     string // of its last end
	asked   bool   // to end
	restart chan struct{}
}

// Backoff between a service's end and its next start: it doubles from the least to the
// most, and begins anew after a run of a minute.
const (
	leastBackoff = 100 * time.Millisecond
	mostBackoff  = 30 * time.Second
)

// run keeps the service running until ctx ends, and then ends it.
func (s *service) run(ctx context.Context) {
	wait := leastBackoff
	for {
		begun := time.Now()
		err := s.once(ctx)
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		asked := s.asked
		s.asked = false
		s.mu.Unlock()
		switch {
		case asked:
			err = errors.New("ended as asked")
		case err == nil:
			err = errors.New("ended by itself")
		}
		if time.Since(begun) > time.Minute {
			wait = leastBackoff
		}
		fmt.Fprintf(s.log, "init: %s: %v; again in %v\n", s.name, err, wait)
		s.mu.Lock()
		s.why, s.since = err.Error(), time.Now()
		s.mu.Unlock()
		select {
		case <-time.After(wait):
		case <-s.restart:
			wait = leastBackoff
		case <-ctx.Done():
			return
		}
		wait = min(2*wait, mostBackoff)
	}
}

// once runs it until it ends.
func (s *service) once(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, s.args[0], s.args[1:]...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 3 * time.Second
	s.mu.Lock()
	err := cmd.Start()
	if err == nil {
		s.cmd, s.since = cmd, time.Now()
		s.starts++
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	err = cmd.Wait()
	s.mu.Lock()
	s.cmd, s.since = nil, time.Now()
	s.mu.Unlock()
	return err
}

// again ends what runs, or the wait for the next start.
func (s *service) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		s.asked = true
		s.cmd.Process.Signal(syscall.SIGTERM)
		return
	}
	select {
	case s.restart <- struct{}{}:
	default:
	}
}

// status is the service's line: name, state, seconds in it, pid, how often it was started,
// why it ended last.
func (s *service) status() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	state, pid := "stopped", 0
	if s.cmd != nil {
		state, pid = "running", s.cmd.Process.Pid
	}
	return strings.TrimRight(fmt.Sprintf("service %-10s %-8s %8.1f %7d %3d %s", s.name, state, time.Since(s.since).Seconds(), pid, s.starts, s.why), " ")
}
