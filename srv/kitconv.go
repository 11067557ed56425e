package srv

import (
	"context"
	"io/fs"
	"iter"
	"strconv"
	"sync"

	"ninespace/srv/p9"
)

// A Queue is a file of records: each read takes the oldest, blocking while there
// is none, and each write or Put adds one. A record longer than the read's count
// is given in parts. After Close, reads drain it and then see the end.
type Queue struct {
	Node
	mu     sync.Mutex
	recs   [][]byte
	closed bool
	wake   chan struct{} // closed, and made anew, at each change
}

// NewQueue makes an empty queue.
func NewQueue(mode fs.FileMode) *Queue {
	return &Queue{Node: NewNode(mode), wake: make(chan struct{})}
}

func (q *Queue) change(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f()
	close(q.wake)
	q.wake = make(chan struct{})
}

// Put adds a record; the queue keeps rec.
func (q *Queue) Put(rec []byte) { q.change(func() { q.recs = append(q.recs, rec) }) }

// Close ends the queue: readers see what is left and then the end.
func (q *Queue) Close() { q.change(func() { q.closed = true }) }

// Read takes the oldest record.
func (q *Queue) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	for {
		q.mu.Lock()
		if ctx.Err() != nil { // flushed: nothing may be consumed
			q.mu.Unlock()
			return 0, ctx.Err()
		}
		if len(q.recs) > 0 {
			n := copy(p, q.recs[0])
			if n == len(q.recs[0]) {
				q.recs = q.recs[1:]
			} else {
				q.recs[0] = q.recs[0][n:]
			}
			q.mu.Unlock()
			return n, nil
		}
		closed, wake := q.closed, q.wake
		q.mu.Unlock()
		if closed {
			return 0, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// Write adds a record.
func (q *Queue) Write(_ context.Context, p []byte, _ int64) (int, error) {
	var err error
	rec := append([]byte(nil), p...)
	q.change(func() {
		if q.closed {
			err = p9.ErrHungup
			return
		}
		q.recs = append(q.recs, rec)
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Stream is a file of bytes with no offsets, such as the two ends of a pipe or a
// connection: read and write are called as they come; either may be nil.
func Stream(mode fs.FileMode, read, write func(ctx context.Context, p []byte) (int, error)) File {
	return &stream{NewNode(mode), read, write}
}

type stream struct {
	Node
	read, write func(context.Context, []byte) (int, error)
}

func (s *stream) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	if s.read == nil {
		return 0, p9.ErrPerm
	}
	return s.read(ctx, p)
}

func (s *stream) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	if s.write == nil {
		return 0, p9.ErrPerm
	}
	return s.write(ctx, p)
}

// A Clone is a directory of numbered conversations, as ip(3) has them: opening
// its file clone makes the next conversation and is then an open fid of that
// conversation's ctl file. A conversation lives while any of its files is open.
type Clone struct {
	*Dir
	start func(ctx context.Context, n int) (*Dir, error)
	mu    sync.Mutex
	next  int
	used  map[int]*conv
}

// NewClone makes the directory. start makes conversation n: a directory that has
// a file ctl, whose reads begin with n. ctx is the conversation's own and ends
// after the last of its files has been clunked. The number is nobody else's
// afterwards: who still has the name, as a kernel that remembers it, is not led to another
// conversation.
func NewClone(start func(ctx context.Context, n int) (*Dir, error)) *Clone {
	c := &Clone{Dir: NewDir(), start: start, used: map[int]*conv{}}
	c.Add("clone", &cloneFile{NewNode(0o666), c})
	return c
}

type cloneFile struct {
	Node
	c *Clone
}

// conv counts the open files of one conversation.
type conv struct {
	c      *Clone
	n      int
	cancel context.CancelFunc
	mu     sync.Mutex
	open   int
}

func (f *cloneFile) Open(ctx context.Context, mode p9.Mode) (Handle, error) {
	c := f.c
	cctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	cv := &conv{c: c, cancel: cancel, open: 1}
	c.mu.Lock()
	n := c.next
	c.next++
	cv.n, c.used[n] = n, cv
	c.mu.Unlock()
	d, err := c.start(cctx, n)
	if err != nil {
		cv.done()
		return nil, err
	}
	c.Add(strconv.Itoa(n), &convDir{cv, d})
	ctl, err := d.Walk(ctx, "ctl")
	if err != nil {
		cv.done()
		return nil, err
	}
	h, err := Open(ctx, ctl, mode)
	if err != nil {
		cv.done()
		return nil, err
	}
	return (&convFile{cv, ctl}).handle(h), nil
}

// Hold keeps conversation n as an open file of it would, until release is called. It
// is nil if there is no such conversation.
func (c *Clone) Hold(n int) (release func()) {
	c.mu.Lock()
	cv := c.used[n]
	c.mu.Unlock()
	if cv == nil || !cv.hold() {
		return nil
	}
	return sync.OnceFunc(cv.done)
}

// hold counts one more open file, unless the conversation is over.
func (cv *conv) hold() bool {
	cv.mu.Lock()
	defer cv.mu.Unlock()
	if cv.open == 0 {
		return false
	}
	cv.open++
	return true
}

func (cv *conv) done() {
	cv.mu.Lock()
	cv.open--
	last := cv.open == 0
	cv.mu.Unlock()
	if !last {
		return
	}
	cv.cancel()
	cv.c.Del(strconv.Itoa(cv.n))
	cv.c.mu.Lock()
	delete(cv.c.used, cv.n)
	cv.c.mu.Unlock()
}

type convDir struct {
	cv *conv
	*Dir
}

func (d *convDir) Walk(ctx context.Context, name string) (File, error) {
	f, err := d.Dir.Walk(ctx, name)
	if err != nil {
		return nil, err
	}
	return &convFile{d.cv, f}, nil
}

// convFile is a conversation's file, unopened.
type convFile struct {
	cv *conv
	File
}

func (f *convFile) Open(ctx context.Context, mode p9.Mode) (Handle, error) {
	if !f.cv.hold() {
		return nil, p9.ErrHungup
	}
	h, err := Open(ctx, f.File, mode)
	if err != nil {
		f.cv.done()
		return nil, err
	}
	return f.handle(h), nil
}

// handle wraps an open file; it is Inline where both are that it stands for, and Ordered where
// the open one is.
func (f *convFile) handle(h Handle) Handle {
	c := &convHandle{*f, h, sync.Once{}}
	_, ordered := h.(Ordered)
	switch quick := isInline(h) && isInline(f.File); {
	case quick && ordered:
		return &quickStream{quickHandle{c}}
	case quick:
		return &quickHandle{c}
	case ordered:
		return &streamHandle{c}
	}
	return c
}

// quickHandle is a convHandle that never blocks, or says so.
type quickHandle struct{ *convHandle }

func (*quickHandle) Inline() {}

// streamHandle is one whose reads are done in order, and whose writes are.
type streamHandle struct{ *convHandle }

func (*streamHandle) Ordered() {}

// quickStream is both.
type quickStream struct{ quickHandle }

func (*quickStream) Ordered() {}

func (f *convFile) Wstat(ctx context.Context, w p9.Wstat) error {
	if ws, ok := f.File.(Wstater); ok {
		return ws.Wstat(ctx, w)
	}
	return p9.ErrWstat
}

// convHandle is a conversation's file, open; it is also a File, so that the fid
// of clone moves to ctl.
type convHandle struct {
	convFile
	h    Handle
	once sync.Once
}

func (h *convHandle) Read(ctx context.Context, p []byte, off int64) (int, error) {
	if r, ok := h.h.(Reader); ok {
		return r.Read(ctx, p, off)
	}
	return 0, p9.ErrPerm
}

func (h *convHandle) Write(ctx context.Context, p []byte, off int64) (int, error) {
	if w, ok := h.h.(Writer); ok {
		return w.Write(ctx, p, off)
	}
	return 0, p9.ErrPerm
}

func (h *convHandle) Clunk() {
	h.once.Do(func() {
		if c, ok := h.h.(Clunker); ok {
			c.Clunk()
		}
		h.cv.done()
	})
}

var _ interface {
	List(context.Context, uint64) iter.Seq2[p9.Dirent, error]
} = (*Dir)(nil)
