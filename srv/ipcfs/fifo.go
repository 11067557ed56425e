package ipcfs

import (
	"container/list"
	"context"
	"io"
	"slices"
	"sync"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// errAgain is what an operation that may not wait says when it would have to.
var errAgain = p9.ErrorOfErrno(syscall.EAGAIN)

// errRemoved is what is said of an object that was removed while it was open.
var errRemoved = p9.ErrorOfErrno(syscall.EIDRM)

// A msg is a message with its place in the order in which messages came.
type msg struct {
	data []byte
	seq  uint64
}

// A fifo is messages on their way from writers to readers. Both may wait, in the
// order in which they came. A message is handed to the reader that waits longest, so
// while one waits there is no message, and while a writer waits there is no room.
type fifo struct {
	mu      sync.Mutex
	msgs    []msg // the first ones of the room are taken: see pop
	taken   int
	bytes   int
	depth   int // messages that it holds
	max     int // bytes that it holds, or one message more
	seq     uint64
	out     int // messages that were leased and may come back
	readers list.List
	writers list.List
	ended   error // nothing more is put: this is what writers are told
	cut     error // readers are told this at once; nil: they drain it first, and then see the end
}

// A waiter is a reader or writer that waits. It is answered once, under fifo.mu.
type waiter struct {
	ready chan struct{} // closed with the answer
	m     msg           // a reader's answer, or what a writer has
	lease bool
	err   error
	done  bool
}

func (w *waiter) answer(err error) {
	w.err, w.done = err, true
	close(w.ready)
}

func (q *fifo) len() int   { return len(q.msgs) - q.taken }
func (q *fifo) full() bool { return q.len() >= q.depth || q.bytes >= q.max }

// pop takes the oldest message out. mu is held.
func (q *fifo) pop() msg {
	m := q.msgs[q.taken]
	q.msgs[q.taken] = msg{}
	q.taken++
	q.bytes -= len(m.data)
	if q.taken == len(q.msgs) {
		q.msgs, q.taken = q.msgs[:0], 0
	}
	return m
}

// push adds a message behind the others, or gives it to a reader. mu is held.
func (q *fifo) push(data []byte) {
	q.seq++
	m := msg{data, q.seq}
	if q.give(m) {
		return
	}
	if q.taken > 32 && q.taken > len(q.msgs)/2 {
		n := copy(q.msgs, q.msgs[q.taken:])
		clear(q.msgs[n:])
		q.msgs, q.taken = q.msgs[:n], 0
	}
	q.msgs = append(q.msgs, m)
	q.bytes += len(data)
}

// give hands a message to the first reader that waits, if there is one. mu is held.
func (q *fifo) give(m msg) bool {
	e := q.readers.Front()
	if e == nil {
		return false
	}
	w := q.readers.Remove(e).(*waiter)
	w.m = m
	if w.lease {
		q.out++
	}
	w.answer(nil)
	return true
}

// admit lets writers that wait put what they have, as far as there is room. mu is held.
func (q *fifo) admit() {
	for e := q.writers.Front(); e != nil && !q.full(); e = q.writers.Front() {
		w := q.writers.Remove(e).(*waiter)
		q.push(w.m.data)
		w.answer(nil)
	}
}

// wait is for a waiter that has been put on a list: mu is held, and unlocked. With an
// error of ctx it is as if it had not been there.
func (q *fifo) wait(ctx context.Context, l *list.List, w *waiter) error {
	e := l.PushBack(w)
	q.mu.Unlock()
	select {
	case <-w.ready:
		return w.err
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !w.done {
		l.Remove(e)
		return ctx.Err()
	}
	if l == &q.readers && w.err == nil { // it was given what nobody will read
		if w.lease {
			q.out--
		}
		q.back(w.m)
		return ctx.Err()
	}
	return w.err
}

// take takes the oldest message, waiting for one unless block says not to: then, and
// on the reading goroutine, there is an error. io.EOF is the end. A message that is
// leased comes back by unlease.
func (q *fifo) take(ctx context.Context, lease, block bool) (msg, error) {
	q.mu.Lock()
	if err := q.cut; err != nil {
		q.mu.Unlock()
		return msg{}, err
	}
	if q.len() > 0 {
		m := q.pop()
		if lease {
			q.out++
		}
		q.admit()
		q.mu.Unlock()
		return m, nil
	}
	err := q.ended
	switch {
	case err != nil && q.out == 0:
		err = io.EOF
	case !block:
		err = errAgain
	case srv.Nonblock(ctx):
		err = srv.ErrAgain
	default:
		w := &waiter{ready: make(chan struct{}), lease: lease}
		err := q.wait(ctx, &q.readers, w)
		return w.m, err
	}
	q.mu.Unlock()
	return msg{}, err
}

// put adds a message, a copy of p, waiting for room as take does for a message.
func (q *fifo) put(ctx context.Context, p []byte, block bool) error {
	q.mu.Lock()
	err := q.ended
	switch {
	case err != nil:
	case !q.full():
		q.push(slices.Clone(p))
	case !block:
		err = errAgain
	case srv.Nonblock(ctx):
		err = srv.ErrAgain
	default:
		return q.wait(ctx, &q.writers, &waiter{ready: make(chan struct{}), m: msg{data: slices.Clone(p)}})
	}
	q.mu.Unlock()
	return err
}

// back puts a message where it was in the order. mu is held.
func (q *fifo) back(m msg) {
	if q.cut != nil || q.give(m) {
		return
	}
	i := q.taken
	for i < len(q.msgs) && q.msgs[i].seq < m.seq {
		i++
	}
	if i == q.taken && i > 0 {
		q.taken--
		q.msgs[q.taken] = m
	} else {
		q.msgs = slices.Insert(q.msgs, i, m)
	}
	q.bytes += len(m.data)
}

// unlease ends a lease: the message is done with, or else it comes back.
func (q *fifo) unlease(m msg, done bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.out--
	if !done {
		q.back(m)
	}
	q.drained()
}

// drained tells readers that wait of the end, if it has come. mu is held.
func (q *fifo) drained() {
	if q.ended != nil && q.out == 0 && q.len() == 0 {
		for e := q.readers.Front(); e != nil; e = q.readers.Front() {
			q.readers.Remove(e).(*waiter).answer(io.EOF)
		}
	}
}

// end has writers told err from now on, those that wait included. Readers get what
// there is, and then the end.
func (q *fifo) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.endLocked(err)
	q.drained()
}

func (q *fifo) endLocked(err error) {
	if q.ended == nil {
		q.ended = err
	}
	for e := q.writers.Front(); e != nil; e = q.writers.Front() {
		q.writers.Remove(e).(*waiter).answer(err)
	}
}

// drop ends it for both sides and forgets what was in it.
func (q *fifo) drop(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.endLocked(err)
	q.cut = err
	q.msgs, q.taken, q.bytes = nil, 0, 0
	for e := q.readers.Front(); e != nil; e = q.readers.Front() {
		q.readers.Remove(e).(*waiter).answer(err)
	}
}
