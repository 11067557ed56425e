package ns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv"
)

// poll(2), select(2) and epoll(7). 9P cannot be asked whether a file is ready, only to
// read it, which waits. So a file that may have nothing to give for long, one that is
// made up as it is read and tells no length, is read ahead once it is polled: it is
// ready when that read is answered, with bytes, the end or an error, and the next
// read(2) is given the answer. What was read ahead and not read by the time of its
// close, the next to read the file is given: Go programs poll whatever they open. All
// other files are always ready, and all are to be written.

const (
	readyToRead  = unix.POLLIN | 0x40   // POLLRDNORM
	readyToWrite = unix.POLLOUT | 0x100 // POLLWRNORM
	aheadSize    = 64 << 10             // a message fits in
	// aheadGrace is how long who does not want to wait does wait for a read that was
	// just begun: most files, after all, have something.
	aheadGrace = 2 * time.Millisecond
)

// An ahead is an open file that is read ahead.
type ahead struct {
	h      *fileHandle
	r      srv.Reader
	notify func()
	ctx    context.Context
	cancel func()
	server waiter

	mu    sync.Mutex
	asked bool          // to be told
	done  chan struct{} // closed when the read that is under way ends; nil: none is
	ready bool          // there is an answer
	data  []byte
	err   error
	off   int64 // where data begins, or the next read
}

// mayWait tells whether an open file is one to read ahead.
func (h *fileHandle) mayWait() (srv.Reader, bool) {
	r, ok := h.h.(srv.Reader)
	_, ctl := h.h.(*ctlHandle)
	return r, ok && !ctl && h.direct && h.empty && h.access != unix.O_WRONLY
}

// aheadOf gives what an open file is read ahead by, nil if it is not to be; make says
// to begin with that.
func (f *fuseFS) aheadOf(h *fileHandle, make bool) *ahead {
	if a := h.ahead.Load(); a != nil || !make {
		return a
	}
	r, ok := h.mayWait()
	if !ok {
		return nil
	}
	a := &ahead{h: h, r: r}
	ctx := context.WithValue(context.Background(), waiterKey{}, &a.server)
	a.ctx, a.cancel = context.WithCancel(withCaller(ctx, &caller{group: h.n.group}))
	h.mu.Lock()
	a.off = h.rat
	h.mu.Unlock()
	if !h.ahead.CompareAndSwap(nil, a) {
		a.cancel()
	}
	return h.ahead.Load()
}

// Poll tells what an open file is ready for. The kernel asks again when it was told.
func (f *fuseFS) Poll(_ <-chan struct{}, in *devfuse.PollIn, out *devfuse.PollOut) fuse.Status {
	h, ok := f.handle(in.Fh).(*fileHandle)
	if !ok {
		return fuse.EBADF
	}
	out.Events = readyToRead | readyToWrite
	a := f.aheadOf(h, true)
	if a == nil || in.Events&readyToRead == 0 {
		return fuse.OK
	}
	a.mu.Lock()
	if in.Flags&devfuse.PollNotify != 0 && !a.asked {
		kh := in.Kh
		a.asked, a.notify = true, func() {
			f.conn.Notify(fuse.NOTIFY_POLL, binary.NativeEndian.AppendUint64(nil, kh))
		}
	}
	a.mu.Unlock()
	if !h.n.left.some.Load() && !a.poll() {
		out.Events = readyToWrite
	}
	return fuse.OK
}

// poll tells whether there is an answer, after a moment if it had to ask for one.
func (a *ahead) poll() bool {
	a.mu.Lock()
	begun := a.begin()
	done, ready := a.done, a.ready
	a.mu.Unlock()
	if ready || !begun {
		return ready
	}
	t := time.NewTimer(aheadGrace)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// begin has a read under way, unless one is or there is an answer. a.mu is locked.
func (a *ahead) begin() bool {
	if a.ready || a.done != nil || a.ctx.Err() != nil {
		return false
	}
	a.done = make(chan struct{})
	go a.read(a.done, a.off)
	return true
}

func (a *ahead) read(done chan struct{}, off int64) {
	b := make([]byte, aheadSize)
	n, err := a.r.Read(a.ctx, b, off)
	a.mu.Lock()
	a.done, a.ready = nil, true
	a.data, a.err = b[:max(n, 0)], err
	if n > 0 || errors.Is(err, io.EOF) {
		a.err = nil
	}
	notify := a.notify
	close(done)
	a.mu.Unlock()
	if notify != nil && a.ctx.Err() == nil {
		notify()
	}
}

// Read is read(2): of what was read ahead, or else of what comes, for which it waits
// unless now.
func (a *ahead) Read(ctx context.Context, p []byte, off int64, now bool) (int, error) {
	for {
		a.mu.Lock()
		if off != a.off && a.done == nil { // somebody has sought
			a.off, a.data, a.ready = off, nil, false
		}
		if a.ready {
			n, err := copy(p, a.data), a.err
			a.data, a.off = a.data[n:], a.off+int64(n)
			a.ready = len(a.data) > 0
			a.mu.Unlock()
			return n, err
		}
		a.mu.Unlock()
		if now && !a.poll() {
			return 0, unix.EAGAIN
		}
		a.mu.Lock()
		a.begin()
		done := a.done
		a.mu.Unlock()
		if done == nil {
			if a.ctx.Err() != nil {
				return 0, a.ctx.Err()
			}
			continue
		}
		select {
		case <-done:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// written is called after a write: an end that was read before it may be none now, as
// that of a ctl file which a command has given an answer.
func (a *ahead) written() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ready && len(a.data) == 0 {
		a.ready = false
	}
}

// stop gives up the read that is under way, which then has read nothing, and waits
// for its end.
func (a *ahead) stop() {
	if a == nil {
		return
	}
	a.cancel()
	t := time.AfterFunc(flushPatience, a.server.giveUp)
	defer t.Stop()
	a.mu.Lock()
	done := a.done
	a.mu.Unlock()
	if done != nil {
		<-done
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.h.n.left.put(a.data)
}

// A leftover is what was read ahead of a file by who did not want it.
type leftover struct {
	some atomic.Bool
	mu   sync.Mutex
	data [][]byte // one answer each
}

func (l *leftover) put(b []byte) {
	if len(b) > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.data = append(l.data, b)
		l.some.Store(true)
	}
}

// take gives some of it; 0 is none.
func (l *leftover) take(p []byte) (n int) {
	if !l.some.Load() {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.data) > 0 {
		n = copy(p, l.data[0])
		if l.data[0] = l.data[0][n:]; len(l.data[0]) == 0 {
			l.data = l.data[1:]
		}
	}
	l.some.Store(len(l.data) > 0)
	return n
}
