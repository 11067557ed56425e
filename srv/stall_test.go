package srv_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestConns has more clients than a server takes: one waits until another goes.
func TestConns(t *testing.T) {
	s := srv.New(srv.NewDir().Add("hello", srv.Const("hello")))
	s.Conns = 3
	p := listen(t, s)
	w := []*wire{p.dial(true), p.dial(true), p.dial(true)}
	c, err := net.Dial("unix", p.path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	late := &wire{t, c, false}
	late.send(&p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: 8192, Version: p9.Version9P2000L})
	for _, w := range w {
		for range 100 {
			w.rpc(&p9.Fcall{Type: p9.Tgetattr, Fid: 0})
		}
	}
	if got := figures(t, s); got["conns"] != "3" || got["fids"] != "3" {
		t.Errorf("with 3 clients and one that waits: conns %s fids %s", got["conns"], got["fids"])
	}
	w[1].c.Close()
	if r := late.recv(); r.Type != p9.Rversion {
		t.Error(r.Text(true))
	}
	late.dotl = true
	late.rpc(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid})
	c, err = net.Dial("unix", p.path) // one more waits
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	for _, w := range []*wire{w[0], w[2], late, {t, c, true}} {
		w.over()
	}
	p.ended()
}

// TestFlood has a client send more requests that block than the server runs: the
// rest waits for those, any of them can be flushed, and what has been flushed
// makes way.
func TestFlood(t *testing.T) {
	const n, most = 20_000, 8 << 10
	f := &waiter{Node: srv.NewNode(0o444)}
	p := listen(t, srv.New(newHall(map[string]srv.File{"f": f})))
	w := p.dial(true)
	w.open("f", p9.OREAD)
	reads := make([]*p9.Fcall, n)
	for i := range reads {
		reads[i] = &p9.Fcall{Type: p9.Tread, Tag: uint16(i), Fid: 1, Count: 1 << 20}
	}
	w.send(reads...)
	if !srvtest.Until(func() bool { return f.blocked.Load() == most && figures(t, p.s)["inflight"] == fmt.Sprint(n) }) {
		t.Fatalf("%d reads run, inflight %s", f.blocked.Load(), figures(t, p.s)["inflight"])
	}
	flush := func(tag uint16) {
		t.Helper()
		w.send(&p9.Fcall{Type: p9.Tflush, Tag: n, Oldtag: tag})
		if r := w.recv(); r.Type != p9.Rflush {
			t.Fatal(r.Text(true))
		}
	}
	for i := range uint16(100) {
		flush(i)         // they run, or did not begin yet
		flush(n - 1 - i) // they have not begun
		flush(n/2 + i)
	}
	if !srvtest.Until(func() bool { return f.blocked.Load() == most && figures(t, p.s)["inflight"] == fmt.Sprint(n-300) }) {
		t.Errorf("%d reads run, inflight %s", f.blocked.Load(), figures(t, p.s)["inflight"])
	}
	w.c.Close()
	// As long as some of all these end it is not stuck.
	for left := ""; figures(t, p.s)["conns"] != "0"; {
		now := figures(t, p.s)["inflight"]
		if now == left {
			t.Errorf("the hangup does not end it: inflight %s", now)
			break
		}
		left = now
		srvtest.Until(func() bool { f := figures(t, p.s); return f["conns"] == "0" || f["inflight"] != left })
	}
	if f.blocked.Load() != 0 || f.clunked.Load() != 1 {
		t.Errorf("%d reads block, clunked %d times", f.blocked.Load(), f.clunked.Load())
	}
}

// A bog is a file, and a directory, of which one method does not return until it is
// let go, whatever ends.
type bog struct {
	srv.Node
	slow   string
	free   chan struct{}
	inside chan struct{} // a call that does not return sends to it
}

func (b *bog) sink(what string) {
	if what == b.slow {
		b.inside <- struct{}{}
		<-b.free
	}
}

func (b *bog) Stat(ctx context.Context) (p9.Stat, error) { b.sink("stat"); return b.Node.Stat(ctx) }
func (b *bog) Open(context.Context, p9.Mode) (srv.Handle, error) {
	b.sink("open")
	return b, nil
}
func (b *bog) Read(context.Context, []byte, int64) (int, error) { b.sink("read"); return 0, nil }
func (b *bog) Write(_ context.Context, p []byte, _ int64) (int, error) {
	b.sink("write")
	return len(p), nil
}
func (b *bog) Clunk() { b.sink("clunk") }

// TestStalled has a client get stuck in every way that there is: another one gets
// its work done all the same, while the first is as far as it was.
func TestStalled(t *testing.T) {
	ways := []struct {
		name string
		slow string // of the bog
		do   func(p *place, w *wire, b *bog)
	}{
		{"says nothing", "", func(*place, *wire, *bog) {}},
		{"half a frame", "", func(_ *place, w *wire, _ *bog) { w.c.Write([]byte{23, 0, 0, 0, byte(p9.Tread), 1}) }},
		{"half a large frame", "", func(_ *place, w *wire, _ *bog) {
			w.c.Write(append([]byte{0, 0, 15, 0, byte(p9.Twrite), 1, 0}, make([]byte, 200<<10)...))
		}},
		{"reads nothing", "", func(p *place, w *wire, _ *bog) { p.stuff(w, "bulk", 64<<10) }},
		{"reads nothing of what is inline", "", func(p *place, w *wire, _ *bog) { p.stuff(w, "quick", 64<<10) }},
		{"reads none of many replies", "", func(p *place, w *wire, _ *bog) { p.stuff(w, "quick", 1<<10) }},
		{"stat", "stat", func(_ *place, w *wire, _ *bog) { w.send(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"bog"}}) }},
		{"open", "open", func(_ *place, w *wire, _ *bog) {
			w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"bog"}})
			w.send(&p9.Fcall{Type: p9.Tlopen, Fid: 1})
		}},
		{"read", "read", func(_ *place, w *wire, _ *bog) {
			w.open("bog", p9.OREAD)
			w.send(&p9.Fcall{Type: p9.Tread, Fid: 1, Count: 1})
		}},
		{"write", "write", func(_ *place, w *wire, _ *bog) {
			w.open("bog", p9.OWRITE)
			w.send(&p9.Fcall{Type: p9.Twrite, Fid: 1, Data: make([]byte, 60<<10)})
		}},
		{"flush", "read", func(_ *place, w *wire, b *bog) {
			w.open("bog", p9.OREAD)
			w.send(&p9.Fcall{Type: p9.Tread, Fid: 1, Count: 1})
			b.inside <- <-b.inside
			w.send(&p9.Fcall{Type: p9.Tflush, Tag: 1, Oldtag: 0})
		}},
		{"version", "read", func(_ *place, w *wire, b *bog) {
			w.open("bog", p9.OREAD)
			w.send(&p9.Fcall{Type: p9.Tread, Fid: 1, Count: 1})
			b.inside <- <-b.inside
			w.send(&p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: 8192, Version: p9.Version9P2000L})
		}},
		{"clunk", "clunk", func(_ *place, w *wire, _ *bog) {
			w.open("bog", p9.OREAD)
			w.send(&p9.Fcall{Type: p9.Tclunk, Fid: 1})
		}},
		{"hangup", "clunk", func(_ *place, w *wire, _ *bog) { w.open("bog", p9.OREAD); w.c.Close() }},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			b := &bog{srv.NewNode(0o666), way.slow, make(chan struct{}), make(chan struct{}, 1)}
			p := listen(t, srv.New(newHall(map[string]srv.File{"bog": b, "hello": srv.Const("hello"),
				"bulk": &bulk{Node: srv.NewNode(0o444)}, "quick": &quickBulk{bulk{Node: srv.NewNode(0o444)}}})))
			defer close(b.free)
			stuck, w := p.large(), p.large()
			way.do(p, stuck, b)
			if way.slow != "" {
				<-b.inside
			}
			stands := func() string {
				f := figures(t, p.s)
				return fmt.Sprintf("conns %s inflight %s mem %s", f["conns"], f["inflight"], f["mem"])
			}
			// What it sent is read, as far as it will be: on a busy machine that may take
			// longer than it seems, but not again and again.
			var before, after string
			for range 5 {
				same := 0
				if !srvtest.Until(func() bool {
					w.work(1)
					was := before
					if before = stands(); before != was {
						same = 0
					}
					same++
					return same == 10
				}) {
					t.Fatal("the stuck client is not stuck")
				}
				for range 50 {
					w.work(1)
					p.dial(true).c.Close()
				}
				w.open("hello", p9.OREAD)
				for range 1000 {
					w.rpc(&p9.Fcall{Type: p9.Tread, Fid: 1, Count: 5})
				}
				w.rpc(&p9.Fcall{Type: p9.Tclunk, Fid: 1})
				conns, _, _ := strings.Cut(before, " inflight")
				if !srvtest.Until(func() bool { // the others' hangups are heard
					after = stands()
					return strings.HasPrefix(after, conns+" ")
				}) {
					break
				}
				if after == before {
					return
				}
			}
			t.Errorf("the stuck client got on: %s; before %s", after, before)
		})
	}
}

// TestFloodFlushed has a client go on sending reads, and flushing them, for which
// there is no goroutine: nothing of them stays.
func TestFloodFlushed(t *testing.T) {
	const most, rounds = 8 << 10, 20_000
	f := &waiter{Node: srv.NewNode(0o444)}
	w := dial(t, newHall(map[string]srv.File{"f": f}), true)
	w.open("f", p9.OREAD)
	w.block(f, most)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range rounds / 100 {
		var fs []*p9.Fcall
		for i := range uint16(100) {
			fs = append(fs, &p9.Fcall{Type: p9.Tread, Tag: most + i, Fid: 1, Count: 1}, &p9.Fcall{Type: p9.Tflush, Tag: most + 200 + i, Oldtag: most + i})
		}
		w.send(fs...)
		for range 100 {
			if r := w.recv(); r.Type != p9.Rflush {
				t.Fatal(r.Text(true))
			}
		}
	}
	if n := f.blocked.Load(); n != most {
		t.Errorf("%d reads run", n)
	}
	if after := heap(); after > before+rounds*100 {
		t.Errorf("%d bytes are kept of each read", (after-before)/rounds)
	}
}
