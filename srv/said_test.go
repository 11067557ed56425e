package srv_test

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestSaidBeforeBotch sends a write and, with it, what is no message: the write
// is answered before the server hangs up.
func TestSaidBeforeBotch(t *testing.T) {
	f := &quickTill{till{Node: srv.NewNode(0o222)}}
	w := dial(t, newHall(map[string]srv.File{"f": f}), true)
	w.open("f", p9.OWRITE)
	b, _ := (&p9.Fcall{Type: p9.Twrite, Fid: 1, Data: []byte("abc")}).Append(nil, true)
	w.raw(append(b, 3, 0, 0, 0, 0, 0, 0))
	if r := w.recv(); r.Type != p9.Rwrite {
		t.Error(r.Text(true))
	}
	w.over()
}

// A quickLeaf's handle is written to by the reading goroutine.
type quickLeaf struct{ *leaf }

func (l *quickLeaf) Open(context.Context, p9.Mode) (srv.Handle, error) {
	return &quickHandle{leafHandle{l.leaf}}, nil
}

type quickHandle struct{ leafHandle }

func (*quickHandle) Inline() {}

// A bare is a connection without deadlines.
type bare struct{ io.ReadWriteCloser }

// TestShutdownBare stops a server in the middle of a write, on a connection that has
// no deadlines: the write is answered.
func TestShutdownBare(t *testing.T) {
	srvtest.CheckGoroutines(t)
	for _, quick := range []bool{true, false} {
		g := newLeaf()
		close(g.gate.open)
		var f srv.File = g
		if quick {
			f = &quickLeaf{g}
		}
		s := srv.New(newHall(map[string]srv.File{"f": f}))
		a, b := srvtest.Pair(t)
		done := make(chan error, 1)
		go func() { done <- s.ServeConn(context.Background(), bare{b}) }()
		w := &wire{t, a, false}
		w.hello(true)
		w.open("f", p9.OWRITE)
		n := g.reached.Load()
		w.send(&p9.Fcall{Type: p9.Twrite, Tag: 1, Fid: 1, Data: []byte("abc")})
		if !srvtest.Until(func() bool { return g.reached.Load() > n }) {
			t.Fatal("no write")
		}
		down := make(chan error, 1)
		go func() { down <- s.Shutdown(context.Background()) }()
		if !srvtest.Until(func() bool { return s.Draining() == 1 }) {
			t.Fatal("not told")
		}
		close(g.gate.stat)
		if r, err := srvtest.Recv(w.c, true); err != nil || r.Type != p9.Rwrite {
			t.Errorf("quick %v: %v %v", quick, r, err)
		}
		<-down
		<-done
	}
}

type slowStat struct{ *gate }

func (s *slowStat) Stat(ctx context.Context) (p9.Stat, error) { return s.gate.Node.Stat(ctx) }

// TestShutdownTCP stops a server whose client has not yet read its replies and goes
// on asking: it can read them all.
func TestShutdownTCP(t *testing.T) {
	g := newGate(0o444)
	g.read = make([]byte, 60<<10)
	close(g.open)
	s := srv.New(newHall(map[string]srv.File{"f": &slowStat{g}}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), l) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := &wire{t, c, false}
	w.hello(true)
	w.open("f", p9.OREAD)
	const n = 30
	for i := range uint16(n) {
		w.send(&p9.Fcall{Type: p9.Tread, Tag: i, Fid: 1, Count: 60 << 10})
	}
	if !srvtest.Until(func() bool { return g.passed.Load() == n }) {
		t.Fatal("reads do not run")
	}
	stop := make(chan struct{})
	asked := make(chan struct{})
	var more atomic.Int64
	go func() {
		defer close(asked)
		b, _ := (&p9.Fcall{Type: p9.Tgetattr, Tag: 1000}).Append(nil, true)
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := c.Write(b); err != nil {
					return
				}
				more.Add(1)
			}
		}
	}()
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	if !srvtest.Until(func() bool { return s.Draining() == 1 }) {
		t.Fatal("not told")
	}
	if n := more.Load(); !srvtest.Until(func() bool { return more.Load() > n+100 }) {
		t.Fatal("the client asks no more")
	}
	got := 0
	for {
		r, err := srvtest.Recv(c, true)
		if err != nil {
			t.Logf("%v", err)
			break
		}
		if r.Type == p9.Rread {
			got++
		}
	}
	close(stop)
	c.Close() // or else the server waits for that
	<-asked
	<-down
	<-served
	if got != n {
		t.Errorf("%d of %d replies came", got, n)
	}
}
