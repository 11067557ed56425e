package ipcfs

import (
	"container/list"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A sem is a file in sem: a count, and those who wait for it to be above 0, of whom
// then there is none else.
type sem struct {
	*head

	mu      sync.Mutex
	n       uint64
	waiters list.List // of *turn
	err     error     // removed
}

// A turn is one who waits.
type turn struct {
	ready chan struct{} // closed when it is his
	err   error
}

// maxSem keeps sums from overflowing.
const maxSem = 1 << 62

func newSem(h *head) object { return &sem{head: h} }

func (s *sem) line() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("sem %s %d", srv.Quote(s.name), s.n)
}

func (s *sem) status() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("value %d waiting %d", s.n, s.waiters.Len())
}

func (s *sem) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errRemoved
	for e := s.waiters.Front(); e != nil; e = s.waiters.Front() {
		t := s.waiters.Remove(e).(*turn)
		t.err = errRemoved
		close(t.ready)
	}
}

// acquire takes one, waiting for it unless block says not to.
func (s *sem) acquire(ctx context.Context, block bool) error {
	s.mu.Lock()
	switch {
	case s.err != nil:
		defer s.mu.Unlock()
		return s.err
	case s.n > 0:
		defer s.mu.Unlock()
		s.n--
		return nil
	case !block:
		s.mu.Unlock()
		return errAgain
	case srv.Nonblock(ctx):
		s.mu.Unlock()
		return srv.ErrAgain
	}
	t := &turn{ready: make(chan struct{})}
	e := s.waiters.PushBack(t)
	s.mu.Unlock()
	select {
	case <-t.ready:
		return t.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-t.ready: // it came too late
		if t.err == nil {
			s.add(1)
		}
	default:
		s.waiters.Remove(e)
	}
	return ctx.Err()
}

// add gives n more, to those who wait first. s.mu is held.
func (s *sem) add(n uint64) {
	for e := s.waiters.Front(); e != nil && n > 0; e = s.waiters.Front() {
		close(s.waiters.Remove(e).(*turn).ready)
		n--
	}
	s.n += n
}

func (s *sem) release(n uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case n > maxSem-s.n:
		return invalid(fmt.Sprintf("%d and %d are more than %d", s.n, n, uint64(maxSem)))
	}
	s.add(n)
	return nil
}

// set is the ctl message sem, without the name.
func (s *sem) set(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n = 0
	s.add(n)
}

// Open opens the semaphore.
func (s *sem) Open(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	return &semHandle{s, mode}, nil
}

type semHandle struct {
	s    *sem
	mode p9.Mode
}

// Inline marks that the methods can tell when they would block.
func (h *semHandle) Inline() {}

// acquired is what the read of a semaphore or a mutex gives that took it.
const acquired = "acquired\n"

// Read at offset 0 takes one.
func (h *semHandle) Read(ctx context.Context, p []byte, off int64) (int, error) {
	if off == 0 {
		if err := h.s.acquire(ctx, h.mode&p9.ONONBLOCK == 0); err != nil {
			if err == errAgain {
				err = fmt.Errorf("semaphore %s is 0: %w", h.s.name, err)
			}
			return 0, err
		}
	}
	return srv.Bytes(acquired).Read(ctx, p, off)
}

// Write gives back as many as it says, one where it says nothing.
func (h *semHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	n, text := uint64(1), strings.TrimSpace(string(p))
	if text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 62); err != nil {
			return 0, badNumber("count", text)
		}
	}
	if err := h.s.release(n); err != nil {
		return 0, err
	}
	return len(p), nil
}

// A mutex is a file in mutex: a semaphore of one, which the fid that took it has.
type mutex struct {
	*head
	sem sem // 1 when free

	mu     sync.Mutex
	holder *mutexHandle
}

func newMutex(h *head) object { return &mutex{head: h, sem: sem{n: 1}} }

func (m *mutex) remove() { m.sem.remove() }

func (m *mutex) line() string { return "mutex " + srv.Quote(m.name) }

func (m *mutex) status() string {
	m.mu.Lock()
	held := "free"
	if m.holder != nil {
		held = "held by " + srv.Quote(m.holder.user)
	}
	m.mu.Unlock()
	m.sem.mu.Lock()
	defer m.sem.mu.Unlock()
	return fmt.Sprintf("%s waiting %d", held, m.sem.waiters.Len())
}

// Open opens the mutex, without taking it.
func (m *mutex) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	h := &mutexHandle{m: m, mode: mode, user: "?"}
	if u := srv.UserOf(ctx); u != nil {
		h.user = u.Name
	}
	return h, nil
}

type mutexHandle struct {
	m    *mutex
	mode p9.Mode
	user string
}

// Inline marks that the methods can tell when they would block.
func (h *mutexHandle) Inline() {}

func (h *mutexHandle) holds() bool {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return h.m.holder == h
}

// Read at offset 0 takes the mutex, unless the fid has it already.
func (h *mutexHandle) Read(ctx context.Context, p []byte, off int64) (int, error) {
	if off == 0 && !h.holds() {
		if err := h.m.sem.acquire(ctx, h.mode&p9.ONONBLOCK == 0); err != nil {
			if err == errAgain {
				err = fmt.Errorf("mutex %s is held: %w", h.m.name, err)
			}
			return 0, err
		}
		h.m.mu.Lock()
		h.m.holder = h
		h.m.mu.Unlock()
	}
	return srv.Bytes(acquired).Read(ctx, p, off)
}

// Write gives the mutex back.
func (h *mutexHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	if w := strings.TrimSpace(string(p)); w != "release" && w != "" {
		return 0, invalid(srv.Quote(w) + ": who has a mutex writes release")
	}
	if len(p) > 0 && !h.release() {
		return 0, fmt.Errorf("mutex %s is not held by this fid: %w", h.m.name, p9.ErrNotOwner)
	}
	return len(p), nil
}

func (h *mutexHandle) release() bool {
	h.m.mu.Lock()
	held := h.m.holder == h
	if held {
		h.m.holder = nil
	}
	h.m.mu.Unlock()
	if held {
		h.m.sem.release(1)
	}
	return held
}

// Clunk gives the mutex back.
func (h *mutexHandle) Clunk() { h.release() }
