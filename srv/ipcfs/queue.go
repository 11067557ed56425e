package ipcfs

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"ninespace/srv"
	"ninespace/srv/p9"
)

const (
	queueDepth = 64       // of a queue that is made without saying
	maxDepth   = 1 << 20  // messages
	queueBytes = 16 << 20 // a queue with as much is full
)

// A queue is a file in q.
type queue struct {
	*head
	fifo
	cfg struct {
		sync.Mutex
		work, nonblock bool
	}
}

func newQueue(h *head) object {
	q := &queue{head: h}
	q.depth, q.max = queueDepth, queueBytes
	return q
}

func (q *queue) remove() { q.drop(errRemoved) }

// set is the ctl message queue, without the name.
func (q *queue) set(depth int, work, nonblock bool) {
	q.cfg.Lock()
	q.cfg.work, q.cfg.nonblock = work, nonblock
	q.cfg.Unlock()
	q.fifo.mu.Lock()
	defer q.fifo.mu.Unlock()
	q.depth = depth
	q.admit()
}

func (q *queue) how() (work, nonblock bool) {
	q.cfg.Lock()
	defer q.cfg.Unlock()
	return q.cfg.work, q.cfg.nonblock
}

func (q *queue) words() (words string) {
	work, nonblock := q.how()
	if work {
		words += " work"
	}
	if nonblock {
		words += " nonblock"
	}
	return words
}

func (q *queue) line() string {
	q.fifo.mu.Lock()
	defer q.fifo.mu.Unlock()
	return fmt.Sprintf("queue %s %d%s", srv.Quote(q.name), q.depth, q.words())
}

func (q *queue) status() string {
	q.fifo.mu.Lock()
	defer q.fifo.mu.Unlock()
	closed := ""
	if q.ended != nil {
		closed = " closed"
	}
	return fmt.Sprintf("depth %d messages %d leased %d readers %d writers %d%s%s",
		q.depth, q.fifo.len(), q.out, q.readers.Len(), q.writers.Len(), q.words(), closed)
}

// Open opens the queue.
func (q *queue) Open(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	return &queueHandle{q: q, mode: mode}, nil
}

// A queueHandle is a queue, open. Of a work queue it may have one message on lease.
type queueHandle struct {
	q    *queue
	mode p9.Mode

	mu     sync.Mutex
	rest   []byte // what is left of the message that is being read
	lease  msg
	leased bool
}

// Inline marks that the methods can tell when they would block.
func (h *queueHandle) Inline() {}

func (h *queueHandle) block(nonblock bool) bool { return h.mode&p9.ONONBLOCK == 0 && !nonblock }

// Read gives the next message, or what is left of the last.
func (h *queueHandle) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	work, nonblock := h.q.how()
	h.mu.Lock()
	if len(h.rest) > 0 {
		defer h.mu.Unlock()
		n := copy(p, h.rest)
		h.rest = h.rest[n:]
		return n, nil
	}
	h.settle(true)
	h.mu.Unlock()
	m, err := h.q.take(ctx, work, h.block(nonblock))
	if err == errAgain {
		err = fmt.Errorf("queue %s is empty: %w", h.q.name, err)
	}
	if err != nil {
		return 0, err
	}
	n := copy(p, m.data)
	if n == len(m.data) && !work {
		return n, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if work {
		h.settle(true) // two reads at once: the first one's message is done with
		h.lease, h.leased = m, true
	}
	h.rest = m.data[n:]
	return n, nil
}

// settle ends the lease, if there is one. h.mu is held.
func (h *queueHandle) settle(done bool) {
	if h.leased {
		h.q.unlease(h.lease, done)
		h.lease, h.leased, h.rest = msg{}, false, nil
	}
}

// Write adds a message. From who reads a work queue it is a word about his lease.
func (h *queueHandle) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	work, nonblock := h.q.how()
	if work && h.mode.Readable() {
		if err := h.word(strings.TrimSpace(string(p))); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	if len(p) == 0 {
		return 0, nil
	}
	err := h.q.put(ctx, p, h.block(nonblock))
	if err == errAgain {
		err = fmt.Errorf("queue %s is full: %w", h.q.name, err)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (h *queueHandle) word(w string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case w != "ack" && w != "back":
		return invalid(fmt.Sprintf("%s: who reads a work queue writes ack or back", srv.Quote(w)))
	case !h.leased:
		return invalid(w + ": no message is leased")
	}
	h.settle(w == "ack")
	return nil
}

// Clunk gives the lease back.
func (h *queueHandle) Clunk() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settle(false)
}
