package ipcfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

const eventDepth = 1024 // messages that wait for a reader of a channel made without saying

// A post is what messages are copied to for each of those who read there.
type post struct {
	mu    sync.Mutex
	depth int
	boxes map[*box]bool
	err   error // removed
}

// A box is what waits for one reader: when it is full, the oldest message goes and is
// counted.
type box struct {
	fifo
	lost int // under fifo.mu
}

func (p *post) subscribe() (*box, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return nil, p.err
	}
	b := &box{}
	b.depth, b.max = p.depth, queueBytes
	if p.boxes == nil {
		p.boxes = map[*box]bool{}
	}
	p.boxes[b] = true
	return b, nil
}

func (p *post) leave(b *box) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.boxes, b)
}

// send gives data, which nobody changes any more, to all who read, and tells how many
// these are.
func (p *post) send(data []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for b := range p.boxes {
		b.fifo.mu.Lock()
		for b.full() {
			b.pop()
			b.lost++
		}
		b.push(data)
		b.fifo.mu.Unlock()
	}
	return len(p.boxes)
}

func (p *post) resize(depth int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.depth = depth
	for b := range p.boxes {
		b.fifo.mu.Lock()
		b.depth = depth
		b.fifo.mu.Unlock()
	}
}

// drop ends it for all readers.
func (p *post) drop(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
	for b := range p.boxes {
		b.fifo.drop(err)
	}
}

func (p *post) readers() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.boxes)
}

// overrun tells once how many messages a reader lost.
func (b *box) overrun() error {
	b.fifo.mu.Lock()
	defer b.fifo.mu.Unlock()
	n := b.lost
	if b.lost = 0; n == 0 {
		return nil
	}
	return fmt.Errorf("%d messages lost: %w", n, p9.NewError(syscall.EOVERFLOW, "Value too large for defined data type"))
}

// A boxHandle reads a box, message by message.
type boxHandle struct {
	p    *post
	b    *box
	name string
	mode p9.Mode

	mu   sync.Mutex
	rest []byte
}

// Inline marks that the methods can tell when they would block.
func (h *boxHandle) Inline() {}

// Read gives the next message, or what is left of the last.
func (h *boxHandle) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	if h.b == nil {
		return 0, p9.ErrPerm
	}
	h.mu.Lock()
	if len(h.rest) > 0 {
		defer h.mu.Unlock()
		n := copy(p, h.rest)
		h.rest = h.rest[n:]
		return n, nil
	}
	h.mu.Unlock()
	if err := h.b.overrun(); err != nil {
		return 0, err
	}
	m, err := h.b.take(ctx, false, h.mode&p9.ONONBLOCK == 0)
	switch {
	case errors.Is(err, io.EOF):
		return 0, err
	case err == errAgain:
		return 0, fmt.Errorf("%s has no message: %w", h.name, err)
	case err != nil:
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

// Clunk ends the reading.
func (h *boxHandle) Clunk() {
	if h.b != nil {
		h.p.leave(h.b)
	}
}

// An event is a file in event.
type event struct {
	*head
	post
}

func newEvent(h *head) object { return &event{head: h, post: post{depth: eventDepth}} }

func (e *event) remove() { e.drop(errRemoved) }

func (e *event) line() string {
	e.post.mu.Lock()
	defer e.post.mu.Unlock()
	return fmt.Sprintf("event %s %d", srv.Quote(e.name), e.depth)
}

func (e *event) status() string {
	e.post.mu.Lock()
	defer e.post.mu.Unlock()
	return fmt.Sprintf("backlog %d readers %d", e.depth, len(e.boxes))
}

// Open begins to collect messages for a reader.
func (e *event) Open(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	h := &boxHandle{p: &e.post, name: "event " + e.name, mode: mode}
	var err error
	if mode.Readable() {
		if h.b, err = e.subscribe(); err != nil {
			return nil, err
		}
	}
	if mode.Writable() {
		return &eventHandle{h}, nil
	}
	return h, nil
}

// An eventHandle can be written as well.
type eventHandle struct{ *boxHandle }

// Write sends a message.
func (h *eventHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	h.p.mu.Lock()
	err := h.p.err
	h.p.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if len(p) > 0 {
		h.p.send(slices.Clone(p))
	}
	return len(p), nil
}
