package ipcfs

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

const (
	pipeBytes = 256 << 10 // each way
	pipeDepth = 1 << 16   // messages
)

// A pipe is a conversation of pipe: two ends, and a fifo from each to the other.
type pipe struct {
	n        int
	owner    *srv.User
	to       [2]fifo // to[i] is read from end i
	nonblock atomic.Bool

	mu   sync.Mutex
	open [2]int
}

var errBroken = p9.ErrorOfErrno(syscall.EPIPE)

// newPipe makes conversation n.
func (f *FS) newPipe(ctx context.Context, n int) (*srv.Dir, error) {
	p := &pipe{n: n, owner: srv.UserOf(ctx)}
	for i := range p.to {
		p.to[i].depth, p.to[i].max = pipeDepth, pipeBytes
	}
	f.keep(n, p)
	context.AfterFunc(ctx, func() {
		p.hangup()
		f.forget(n, p)
	})
	ctl := srv.Cmds(0o600, func(context.Context) (string, error) { return fmt.Sprintln(n), nil }, commands(
		command{"block", "", 0, 0, func(context.Context, []string) error { p.nonblock.Store(false); return nil }},
		command{"hangup", "", 0, 0, func(context.Context, []string) error { p.hangup(); return nil }},
		command{"nonblock", "", 0, 0, func(context.Context, []string) error { p.nonblock.Store(true); return nil }},
	))
	return srv.NewDir().
		Add("ctl", &pipeFile{srv.NewNode(0o600), p, ctl, 0}).
		Add("data", &pipeFile{srv.NewNode(0o600), p, nil, 0}).
		Add("data1", &pipeFile{srv.NewNode(0o600), p, nil, 1}), nil
}

// hangup ends both ways at once.
func (p *pipe) hangup() {
	for i := range p.to {
		p.to[i].end(errBroken)
	}
}

func (p *pipe) status() string {
	p.mu.Lock()
	open := p.open
	p.mu.Unlock()
	var bytes [2]int
	for i := range p.to {
		p.to[i].mu.Lock()
		bytes[i] = p.to[i].bytes
		p.to[i].mu.Unlock()
	}
	return fmt.Sprintf("data open %d bytes %d data1 open %d bytes %d", open[0], bytes[0], open[1], bytes[1])
}

// A pipeFile is a file of a conversation, its opener's: ctl, or one of the ends.
type pipeFile struct {
	srv.Node
	p   *pipe
	ctl srv.File
	end int
}

// Inline marks that opening does not block.
func (f *pipeFile) Inline() {}

// Stat tells the attributes.
func (f *pipeFile) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := f.Node.Stat(ctx)
	owned(&st, f.p.owner)
	return st, err
}

// Open opens the file.
func (f *pipeFile) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	if f.ctl != nil {
		return srv.Open(ctx, f.ctl, mode)
	}
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	f.p.open[f.end]++
	return &pipeHandle{p: f.p, end: f.end, mode: mode}, nil
}

// A pipeHandle is an end, open.
type pipeHandle struct {
	p    *pipe
	end  int
	mode p9.Mode

	mu   sync.Mutex
	rest []byte
}

func (h *pipeHandle) block() bool { return h.mode&p9.ONONBLOCK == 0 && !h.p.nonblock.Load() }

// Inline marks that the methods can tell when they would block.
func (h *pipeHandle) Inline() {}

// Read gives the next message, or what is left of the last.
func (h *pipeHandle) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	h.mu.Lock()
	if len(h.rest) > 0 {
		defer h.mu.Unlock()
		n := copy(p, h.rest)
		h.rest = h.rest[n:]
		return n, nil
	}
	h.mu.Unlock()
	m, err := h.p.to[h.end].take(ctx, false, h.block())
	if err == errAgain {
		err = fmt.Errorf("pipe %d is empty: %w", h.p.n, err)
	}
	if err != nil {
		return 0, err
	}
	n := copy(p, m.data)
	if n < len(m.data) {
		h.mu.Lock()
		h.rest = m.data[n:]
		h.mu.Unlock()
	}
	return n, nil
}

// Write sends a message to the other end.
func (h *pipeHandle) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	err := h.p.to[1-h.end].put(ctx, p, h.block())
	if err == errAgain {
		err = fmt.Errorf("pipe %d is full: %w", h.p.n, err)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Clunk closes an end with its last fid: the other one reads what there is and then
// the end, and can write no more.
func (h *pipeHandle) Clunk() {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if h.p.open[h.end]--; h.p.open[h.end] == 0 {
		h.p.to[h.end].drop(errBroken)
		h.p.to[1-h.end].end(errBroken)
	}
}
