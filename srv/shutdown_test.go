package srv_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A place is a server that listens.
type place struct {
	*testing.T
	s      *srv.Server
	path   string
	served chan error // Serve's
}

func listen(t *testing.T, s *srv.Server) *place {
	t.Helper()
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	p := &place{t, s, filepath.Join(t.TempDir(), "s"), make(chan error, 1)}
	l, err := srv.Announce("unix!" + p.path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); p.served <- s.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-ended })
	return p
}

// call connects.
func (p *place) call() *wire {
	p.Helper()
	c, err := net.Dial("unix", p.path)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { c.Close() })
	return &wire{p.T, c, false}
}

// dial connects and attaches.
func (p *place) dial(dotl bool) *wire {
	p.Helper()
	w := p.call()
	w.hello(dotl)
	return w
}

// over wants the server to hang up, and nothing else.
func (w *wire) over() {
	w.Helper()
	if f, err := srvtest.Recv(w.c, w.dotl); err == nil || !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		w.Errorf("no hangup: %v, %v", f, err)
	}
}

// ended wants Serve to have returned without an error.
func (p *place) ended() {
	p.Helper()
	select {
	case err := <-p.served:
		if err != nil {
			p.Errorf("Serve: %v", err)
		}
	case <-time.After(srvtest.Patience):
		p.Fatal("Serve does not return")
	}
	if c, err := net.Dial("unix", p.path); err == nil {
		c.Close()
		p.Error("somebody still listens")
	}
}

// TestShutdown tells a server to stop while a request runs: that one ends as it
// would have, what is asked meanwhile is refused, idle clients are hung up on.
func TestShutdown(t *testing.T) {
	both(t, func(t *testing.T, dotl bool) {
		g := newGate(0o444)
		p := listen(t, srv.New(newHall(map[string]srv.File{"f": g})))
		idle, w := p.dial(dotl), p.dial(dotl)
		w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"f"}})
		w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 2, Wname: []string{"f"}})
		open := &p9.Fcall{Type: p9.Topen, Tag: 1, Fid: 1}
		if dotl {
			open.Type = p9.Tlopen
		}
		w.send(open)
		if !srvtest.Until(func() bool { return g.reached.Load() == 1 }) {
			t.Fatal("no open")
		}
		down := make(chan error, 1)
		go func() { down <- p.s.Shutdown(context.Background()) }()
		idle.over()
		for _, f := range []*p9.Fcall{
			{Type: p9.Twalk, Tag: 2, Newfid: 3},
			{Type: p9.Tattach, Tag: 2, Fid: 3, Afid: p9.NoFid, Uname: "glenda"},
			{Type: p9.Tread, Tag: 2, Fid: 1},
		} {
			w.send(f)
			want := &p9.Fcall{Type: p9.Rerror, Tag: 2, Ename: srv.ErrShutdown.Ename}
			if dotl {
				want = &p9.Fcall{Type: p9.Rlerror, Tag: 2, Errno: uint32(srv.ErrShutdown.Errno)}
			}
			if r := w.recv(); r.Text(dotl) != want.Text(dotl) {
				t.Errorf("%s is answered by %s", f.Text(dotl), r.Text(dotl))
			}
		}
		w.rpc(&p9.Fcall{Type: p9.Tflush, Tag: 2, Oldtag: 9})
		w.rpc(&p9.Fcall{Type: p9.Tclunk, Tag: 2, Fid: 2})
		close(g.open)
		if r := w.recv(); r.Tag != 1 || r.Type != open.Type+1 {
			t.Errorf("the open that ran: %s", r.Text(dotl))
		}
		w.over()
		if err := <-down; err != nil {
			t.Error(err)
		}
		p.ended()
	})
}

// TestShutdownFlush tells a server to stop while a read blocks: its Rflush is the
// last thing said.
func TestShutdownFlush(t *testing.T) {
	f := &waiter{Node: srv.NewNode(0o444)}
	p := listen(t, srv.New(newHall(map[string]srv.File{"f": f})))
	idle, w := p.dial(true), p.dial(true)
	w.open("f", p9.OREAD)
	w.block(f, 10)
	down := make(chan error, 1)
	go func() { down <- p.s.Shutdown(context.Background()) }()
	idle.over()
	for tag := range uint16(10) {
		w.rpc(&p9.Fcall{Type: p9.Tflush, Tag: 100, Oldtag: tag})
	}
	w.over()
	if err := <-down; err != nil {
		t.Error(err)
	}
	p.ended()
}

// TestShutdownAtOnce gives a server no time to stop: what blocks is cancelled.
func TestShutdownAtOnce(t *testing.T) {
	f := &waiter{Node: srv.NewNode(0o444)}
	p := listen(t, srv.New(newHall(map[string]srv.File{"f": f})))
	idle, w := p.dial(true), p.dial(true)
	w.open("f", p9.OREAD)
	w.block(f, 10)
	ctx, cancel := context.WithCancel(context.Background())
	down := make(chan error, 1)
	go func() { down <- p.s.Shutdown(ctx) }()
	idle.over()
	if n := f.blocked.Load(); n != 10 {
		t.Errorf("%d reads block", n)
	}
	cancel()
	if err := <-down; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w.over()
	p.ended()
	if f.blocked.Load() != 0 || f.clunked.Load() != 1 {
		t.Errorf("%d reads block, clunked %d times", f.blocked.Load(), f.clunked.Load())
	}
}

// A bulk is a file without end that is read at once, and counts the reads.
type bulk struct {
	srv.Node
	reads atomic.Int64
}

func (b *bulk) Read(_ context.Context, p []byte, _ int64) (int, error) {
	b.reads.Add(1)
	return len(p), nil
}

// A quickBulk is read on the reading goroutine.
type quickBulk struct{ bulk }

func (*quickBulk) Inline() {}

// TestShutdownSlow tells a server to stop before a client has taken its replies:
// it still gets all of them.
func TestShutdownSlow(t *testing.T) {
	const n, size = 6, 256 << 10 // more than a socket holds, less than the engine does
	quick, slow := &quickBulk{bulk{Node: srv.NewNode(0o444)}}, &bulk{Node: srv.NewNode(0o444)}
	for name, f := range map[string]struct {
		srv.File
		reads *atomic.Int64
	}{"inline": {quick, &quick.reads}, "goroutine": {slow, &slow.reads}} {
		t.Run(name, func(t *testing.T) {
			p := listen(t, srv.New(newHall(map[string]srv.File{"f": f.File})))
			w := p.dial(true)
			w.version(true, p9.MaxMsize)
			w.rpc(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid})
			w.open("f", p9.OREAD)
			for tag := range uint16(n) {
				w.send(&p9.Fcall{Type: p9.Tread, Tag: tag, Fid: 1, Count: size})
			}
			if !srvtest.Until(func() bool { return f.reads.Load() == n }) {
				t.Fatal("no reads")
			}
			down := make(chan error, 1)
			go func() { down <- p.s.Shutdown(context.Background()) }()
			if !srvtest.Until(func() bool { return len(p.served) > 0 || p.refuses() }) {
				t.Fatal("not down")
			}
			for range n {
				if r := w.recv(); len(r.Data) != size {
					t.Error(r.Text(true))
				}
			}
			w.over()
			if err := <-down; err != nil {
				t.Error(err)
			}
			p.ended()
		})
	}
}

// refuses reports whether nobody listens any more.
func (p *place) refuses() bool {
	c, err := net.Dial("unix", p.path)
	if err == nil {
		c.Close()
	}
	return err != nil
}

// TestServeAfterShutdown has Serve called of a server that has stopped.
func TestServeAfterShutdown(t *testing.T) {
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	s := srv.New(srv.NewDir())
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := srv.Announce("unix!" + path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(context.Background(), l); !errors.Is(err, srv.ErrShutdown) {
		t.Error(err)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		t.Error("somebody still listens")
	}
	a, b := srvtest.Pair(t)
	if err := s.ServeConn(context.Background(), b); err != nil {
		t.Error(err)
	}
	(&wire{t, a, false}).over()
}

// A waverer says, when it is let, that it may have to wait after all.
type waverer struct{ gate }

func (*waverer) Inline() {}

func (f *waverer) Stat(ctx context.Context) (p9.Stat, error) { return f.Node.Stat(ctx) }

func (f *waverer) Open(context.Context, p9.Mode) (srv.Handle, error) { return f, nil }

func (f *waverer) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	f.wait(ctx, f.open)
	if srv.Nonblock(ctx) {
		return 0, srv.ErrAgain
	}
	return len(p), nil
}

// TestShutdownFull tells a server to stop while a write is tried that there is then
// no memory for: that is refused as all else is, and the connection ends.
func TestShutdownFull(t *testing.T) {
	both(t, func(t *testing.T, dotl bool) {
		f := &waverer{gate{Node: srv.NewNode(0o222), open: make(chan struct{})}}
		s := srv.New(newHall(map[string]srv.File{"f": f}))
		s.Requests = 1
		p := listen(t, s)
		w := p.dial(dotl)
		w.open("f", p9.OWRITE)
		w.send(&p9.Fcall{Type: p9.Twrite, Tag: 3, Fid: 1, Data: make([]byte, 1000)})
		if !srvtest.Until(func() bool { return f.reached.Load() == 1 }) {
			t.Fatal("no write")
		}
		down := make(chan error, 1)
		go func() { down <- s.Shutdown(context.Background()) }()
		if !srvtest.Until(func() bool { return s.Draining() == 1 }) {
			t.Fatal("not told")
		}
		close(f.open)
		if r := w.recv(); r.Tag != 3 || !isShutdown(r) {
			t.Error(r.Text(dotl))
		}
		w.over()
		if err := <-down; err != nil {
			t.Error(err)
		}
		p.ended()
	})
}

// isShutdown reports whether a reply says that the server is shutting down.
func isShutdown(r *p9.Fcall) bool {
	return r.Type == p9.Rerror && r.Ename == srv.ErrShutdown.Ename ||
		r.Type == p9.Rlerror && r.Errno == uint32(srv.ErrShutdown.Errno)
}

// TestShutdownRefuses asks anything of a server that is to stop, right or wrong: but
// for Tflush and Tclunk the answer is that it is shutting down.
func TestShutdownRefuses(t *testing.T) {
	both(t, func(t *testing.T, dotl bool) {
		f := &waiter{Node: srv.NewNode(0o444)}
		s := srv.New(newHall(map[string]srv.File{"f": f}))
		s.Requests = 1
		p := listen(t, s)
		w := p.dial(dotl)
		w.open("f", p9.OREAD)
		w.block(f, 1) // tag 0
		down := make(chan error, 1)
		go func() { down <- s.Shutdown(context.Background()) }()
		if !srvtest.Until(func() bool { return s.Draining() == 1 }) {
			t.Fatal("not told")
		}
		version := p9.Version9P2000
		if dotl {
			version = p9.Version9P2000L
		}
		for what, b := range map[string][]byte{
			"Tversion":       frame(t, dotl, &p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: 8192, Version: version}),
			"Tauth":          frame(t, dotl, &p9.Fcall{Type: p9.Tauth, Tag: 1, Afid: 9}),
			"a bad fid":      frame(t, dotl, &p9.Fcall{Type: p9.Tread, Tag: 1, Fid: 99}),
			"a long write":   frame(t, dotl, &p9.Fcall{Type: p9.Twrite, Tag: 1, Fid: 1, Data: make([]byte, 60<<10)}),
			"a used tag":     frame(t, dotl, &p9.Fcall{Type: p9.Tread, Tag: 0, Fid: 1}),
			"a used fid":     frame(t, dotl, &p9.Fcall{Type: p9.Twalk, Tag: 1, Newfid: 1}),
			"a reply":        frame(t, dotl, &p9.Fcall{Type: p9.Rclunk, Tag: 1}),
			"no type":        {7, 0, 0, 0, 255, 1, 0},
			"a short Tclunk": {7, 0, 0, 0, byte(p9.Tclunk), 1, 0},
		} {
			w.raw(b)
			r, err := srvtest.Recv(w.c, dotl && what != "Tversion") // whose refusal is 9P2000's
			if err != nil || !isShutdown(r) {
				t.Errorf("%s is answered by %v, %v", what, r, err)
			}
		}
		w.rpc(&p9.Fcall{Type: p9.Tflush, Tag: 1, Oldtag: 0})
		w.over()
		if err := <-down; err != nil {
			t.Error(err)
		}
		p.ended()
	})
}

func frame(t *testing.T, dotl bool, f *p9.Fcall) []byte {
	t.Helper()
	b, err := f.Append(nil, dotl)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
