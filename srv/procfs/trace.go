package procfs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// traceBacklog is how many events wait for one reader of trace.
const traceBacklog = 1024

// A hub is the file trace: each who has it open reads the events of the processes that
// are his to trace, from then on.
type hub struct {
	srv.Node
	mu      sync.Mutex
	readers map[*traceHandle]bool
}

// Open makes a reader.
func (h *hub) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	t := &traceHandle{h: h, user: srv.UserOf(ctx), nonblock: mode&p9.ONONBLOCK != 0, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readers == nil {
		h.readers = map[*traceHandle]bool{}
	}
	h.readers[t] = true
	return t, nil
}

// event tells all readers whose user may know: a process of uid did this.
func (h *hub) event(pid int, uid uint32, text string) {
	now := time.Now()
	line := fmt.Sprintf("%d.%09d %d %s\n", now.Unix(), now.Nanosecond(), pid, text)
	h.mu.Lock()
	defer h.mu.Unlock()
	for t := range h.readers {
		if t.user.Host() || t.user.Uid == uid {
			t.put(line)
		}
	}
}

// A traceHandle is trace, open. Its fields are under the hub's lock.
type traceHandle struct {
	h        *hub
	user     *srv.User
	nonblock bool
	lines    []string
	lost     int
	wake     chan struct{} // has one when there is something
}

func (t *traceHandle) put(line string) {
	if len(t.lines) == traceBacklog {
		t.lines = t.lines[1:]
		t.lost++
	}
	t.lines = append(t.lines, line)
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Clunk ends the reader.
func (t *traceHandle) Clunk() {
	t.h.mu.Lock()
	defer t.h.mu.Unlock()
	delete(t.h.readers, t)
}

// Read waits for an event and gives it, or of one that is longer the next bytes.
func (t *traceHandle) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	for {
		n, err := t.take(ctx, p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		if t.nonblock {
			return 0, p9.ErrorOfText("Resource temporarily unavailable")
		}
		select {
		case <-t.wake:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func (t *traceHandle) take(ctx context.Context, p []byte) (int, error) {
	t.h.mu.Lock()
	defer t.h.mu.Unlock()
	if ctx.Err() != nil { // flushed: nothing may be consumed
		return 0, ctx.Err()
	}
	if lost := t.lost; lost > 0 {
		t.lost = 0
		return 0, fmt.Errorf("%d events lost: %w", lost, p9.ErrorOfText("Value too large for defined data type"))
	}
	if len(t.lines) == 0 {
		return 0, nil
	}
	n := copy(p, t.lines[0])
	if t.lines[0] = t.lines[0][n:]; t.lines[0] == "" {
		t.lines = t.lines[1:]
	}
	return n, nil
}
