package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A halting server stops in the middle of a reply, at so many bytes, once its client has
// taken them: until the Tflush comes or, where the client knows already that the reply has
// come and sends none, it is told to go on.
type halting struct {
	testing.TB
	c     net.Conn
	at    atomic.Int32  // -1: nowhere
	there chan struct{} // it has stopped
	on    chan struct{} // it is to go on
}

// An endable is a context that ends when it is told to, after all that is to be called then.
type endable struct {
	context.Context
	mu  sync.Mutex
	fs  []func()
	end func()
}

func newEndable() *endable {
	e := &endable{}
	e.Context, e.end = context.WithCancel(ctx)
	return e
}

func (e *endable) AfterFunc(f func()) func() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.Err() != nil {
		f()
	} else {
		e.fs = append(e.fs, f)
	}
	return func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		was := len(e.fs) > 0
		e.fs = nil
		return was
	}
}

func (e *endable) cancel() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.fs {
		f()
	}
	e.fs = nil
	e.end()
}

func (h *halting) frame(f p9.Fcall) []byte {
	b, err := f.Append(nil, true)
	if err != nil {
		h.Error(err)
	}
	return b
}

func (h *halting) next() (f p9.Fcall, ok bool) {
	b, err := readFrame(h.c)
	if err == nil {
		err = f.Decode(b, true)
	}
	return f, err == nil
}

// taken tells whether the client has all that was sent.
func (h *halting) taken() bool {
	n := 1
	raw, err := h.c.(syscall.Conn).SyscallConn()
	if err != nil {
		h.Error(err)
		return true
	}
	raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return n == 0
}

func (h *halting) serve() {
	for {
		f, ok := h.next()
		if !ok {
			return
		}
		r := p9.Fcall{Type: f.Type + 1, Tag: f.Tag, Msize: f.Msize, Version: p9.Version9P2000L}
		switch f.Type {
		case p9.Tread:
			r.Data = pattern(100)
		case p9.Tgetattr:
			r.Attr.Size = 100
		case p9.Txattrwalk:
			r.Type, r.Errno = p9.Rlerror, uint32(syscall.ENODATA)
		case p9.Tremove:
			r.Type, r.Errno = p9.Rlerror, uint32(syscall.EPERM)
		}
		b := h.frame(r)
		if at := int(h.at.Load()); at >= 0 && r.Type != p9.Rversion && r.Type != p9.Rattach {
			h.at.Store(-1)
			h.c.Write(b[:at])
			if !srvtest.Until(h.taken) {
				h.Error("the client takes nothing")
			}
			h.there <- struct{}{}
			<-h.on
			b = b[at:]
			if known := at >= p9.HdrSz+4 || at >= p9.HdrSz && r.Type != p9.Rread; !known && r.Type != p9.Rclunk {
				flush, ok := h.next()
				if !ok {
					return
				}
				if flush.Type != p9.Tflush {
					h.Error("no Tflush: ", flush.Text(true))
				}
				b = append(b, h.frame(p9.Fcall{Type: p9.Rflush, Tag: flush.Tag})...)
			}
		}
		h.c.Write(b)
	}
}

// attach gives the tree of a server that stops, when nobody reads the connection.
func (h *halting) attach(t *testing.T) *client.Fid {
	return h.attachBy(t, func(c net.Conn) io.ReadWriteCloser { return c })
}

// attachBy does so by what is made of the socket.
func (h *halting) attachBy(t *testing.T, by func(net.Conn) io.ReadWriteCloser) *client.Fid {
	h.at.Store(-1)
	a, b := srvtest.Pair(t)
	h.TB, h.c, h.there = t, b, make(chan struct{}, 1)
	h.on = make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() { defer close(ended); h.serve() }()
	t.Cleanup(func() { a.Close(); <-ended })
	rwc := by(a)
	conn, err := client.New(ctx, rwc, &client.Options{Version: p9.Version9P2000L})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	root, err := conn.Attach(ctx, nil, "glenda", "")
	if err != nil {
		t.Fatal(err)
	}
	if p9.Socket(rwc) == nil {
		return root
	}
	if !srvtest.Until(func() bool { // it is read again after a lull
		_, err := root.Stat(ctx)
		return err != nil || client.Resting(conn)
	}) {
		t.Fatal("nobody rests")
	}
	return root
}

// TestStopped has the ctx of a caller that reads its reply itself end anywhere in that: it
// is flushed, and what comes of it is the reply, as that is faster.
func TestStopped(t *testing.T) {
	calls := map[string]func(ctx context.Context, root *client.Fid) bool{
		"read": func(ctx context.Context, root *client.Fid) bool {
			p := make([]byte, 200)
			n, err := root.Read(ctx, p, 0)
			return err == nil && bytes.Equal(p[:n], pattern(100))
		},
		"stat": func(ctx context.Context, root *client.Fid) bool {
			st, err := root.Stat(ctx)
			return err == nil && st.Length == 100
		},
		"error": func(ctx context.Context, root *client.Fid) bool {
			_, err := root.Getxattr(ctx, "user.x")
			return p9.ErrorOf(err).Errno == syscall.ENODATA
		},
	}
	for name, call := range calls {
		for at := range 120 {
			h := &halting{}
			size := map[string]int{"read": 111, "stat": 160, "error": 11}[name]
			if at >= size {
				break
			}
			root := h.attach(t)
			h.at.Store(int32(at))
			octx := newEndable()
			done := make(chan bool, 1)
			go func() { done <- call(octx, root) }()
			<-h.there
			octx.cancel()
			h.on <- struct{}{}
			if !<-done {
				t.Errorf("%s, stopped at %d bytes: not the reply", name, at)
			}
			if !call(ctx, root) {
				t.Errorf("%s, stopped at %d bytes: then the next reply is wrong", name, at)
			}
		}
	}
}

// A foreign stream is no socket, and has an error of its own for who is stopped.
type foreign struct{ net.Conn }

type foreignError struct{ error }

func (foreignError) Timeout() bool { return true }

func (l foreign) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = foreignError{errors.New("late")}
	}
	return n, err
}

// TestGiveUp has a caller be given up that waits for a server which stopped anywhere in the reply: it
// ends, its memory is its own, and what comes late is nobody's.
func TestGiveUp(t *testing.T) {
	for at := range 2 * 111 {
		h, by := &halting{}, func(c net.Conn) io.ReadWriteCloser { return c }
		if at >= 111 {
			at, by = at-111, func(c net.Conn) io.ReadWriteCloser { return foreign{c} }
		}
		root := h.attachBy(t, by)
		h.at.Store(int32(at))
		octx, cancel := context.WithCancel(ctx)
		done := make(chan error, 1)
		p := make([]byte, 200)
		go func() { _, err := root.Read(octx, p, 0); done <- err }()
		<-h.there
		cancel()
		if !srvtest.Until(func() bool { return !root.Conn().GiveUp() || len(done) > 0 }) || len(done) == 0 {
			t.Fatalf("stopped at %d bytes: it goes on", at)
		}
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("stopped at %d bytes: %v", at, err)
		}
		clear(p)
		h.on <- struct{}{}
		b := make([]byte, 200)
		if n, err := root.Read(ctx, b, 0); err != nil || !bytes.Equal(b[:n], pattern(100)) {
			t.Errorf("stopped at %d bytes: then %q is read, %v", at, b[:n], err)
		}
		if !bytes.Equal(p, make([]byte, 200)) {
			t.Errorf("stopped at %d bytes: what was given up is written", at)
		}
	}
}

// TestGiveUpPlain has one be given up on a stream without deadlines: only where the reply has begun
// does the call go on, and nothing but that is a reason to hang up.
func TestGiveUpPlain(t *testing.T) {
	for at := range 111 {
		h := &halting{}
		root := h.attachBy(t, func(c net.Conn) io.ReadWriteCloser { return plain{c} })
		if !root.Conn().GiveUp() {
			t.Fatal("nobody waits, and the server is to be hung up")
		}
		h.at.Store(int32(at))
		octx, cancel := context.WithCancel(ctx)
		done := make(chan error, 1)
		p := make([]byte, 200)
		go func() { _, err := root.Read(octx, p, 0); done <- err }()
		<-h.there
		begun := at >= p9.HdrSz+4
		if !root.Conn().GiveUp() {
			t.Errorf("stopped at %d bytes: to be hung up, and the call is wanted", at)
		}
		cancel()
		if !srvtest.Until(func() bool { return root.Conn().GiveUp() != begun && (begun || len(done) > 0) }) {
			t.Fatalf("stopped at %d bytes: to be hung up is %v", at, !begun)
		}
		h.on <- struct{}{}
		if err := <-done; begun != (err == nil) {
			t.Errorf("stopped at %d bytes: %v", at, err)
		}
		if n, err := root.Read(ctx, p, 0); err != nil || !bytes.Equal(p[:n], pattern(100)) {
			t.Errorf("stopped at %d bytes: then %q is read, %v", at, p[:n], err)
		}
		if !root.Conn().GiveUp() {
			t.Errorf("stopped at %d bytes: to be hung up afterwards", at)
		}
	}
}

// TestBlocked has a caller wait for long, as who reads a terminal does: meanwhile nothing of
// the client wakes up. What else wakes in this process it does not do in every interval.
func TestBlocked(t *testing.T) {
	h := &halting{}
	root := h.attach(t)
	h.at.Store(0)
	octx := newEndable()
	done := make(chan error, 1)
	go func() {
		_, err := root.Read(octx, make([]byte, 200), 0)
		done <- err
	}()
	<-h.there
	const few = 10 // one in two lulls
	least := int64(1 << 62)
	for try := 0; try < 50 && least > few; try++ {
		var before, after unix.Rusage
		unix.Getrusage(unix.RUSAGE_SELF, &before)
		time.Sleep(20 * client.Lull)
		unix.Getrusage(unix.RUSAGE_SELF, &after)
		least = min(least, after.Nvcsw-before.Nvcsw)
	}
	if least > few {
		t.Errorf("in the time of 20 lulls threads were woken at least %d times", least)
	}
	octx.cancel()
	h.on <- struct{}{}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := root.Stat(ctx); err != nil {
		t.Error(err)
	}
}

// TestStoppedClunk has the ctx of a caller end in the middle of the reply to its Tclunk: it is
// not flushed nor waited for, and the rest is read for the next.
func TestStoppedClunk(t *testing.T) {
	for at := range p9.HdrSz {
		h := &halting{}
		root := h.attach(t)
		f, err := root.Walk(ctx)
		if err != nil {
			t.Fatal(err)
		}
		h.at.Store(int32(at))
		octx := newEndable()
		done := make(chan error, 1)
		go func() { done <- f.Clunk(octx) }()
		<-h.there
		octx.cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("stopped at %d bytes: %v", at, err)
		}
		h.on <- struct{}{}
		if st, err := root.Stat(ctx); err != nil || st.Length != 100 {
			t.Errorf("stopped at %d bytes: then %+v, %v", at, st, err)
		}
	}
}

// TestStoppedEnds has the connection end, here or there, after the ctx of a caller that was in
// the middle of its reply: nobody is left waiting for the rest.
func TestStoppedEnds(t *testing.T) {
	srvtest.CheckGoroutines(t)
	for i := range 40 {
		h := &halting{}
		root := h.attach(t)
		h.at.Store(50)
		octx := newEndable()
		done := make(chan struct{})
		go func() { defer close(done); root.Stat(octx) }()
		<-h.there
		octx.cancel()
		if i%2 == 0 {
			root.Conn().Close()
		} else {
			h.c.Close()
			go root.Stat(ctx) // or what it sends finds out
		}
		ended := srvtest.Until(func() bool {
			select {
			case <-done:
				return true
			default:
				return false
			}
		})
		h.on <- struct{}{}
		if !ended {
			t.Fatalf("turn %d: still waiting", i)
		}
	}
}

// TestLull has a connection end while nobody reads it, and one while a caller does.
func TestLull(t *testing.T) {
	srvtest.CheckGoroutines(t)
	for _, asked := range []bool{false, true} {
		h := &halting{}
		root := h.attach(t)
		if asked {
			h.at.Store(3)
			go func() { <-h.there; h.c.Close(); h.on <- struct{}{} }()
			if _, err := root.Stat(ctx); err == nil {
				t.Error("a stat without an answer")
			}
		} else {
			h.c.Close()
		}
		<-root.Conn().Done()
		if err := root.Conn().Err(); err == nil {
			t.Error("no error")
		}
	}
}
