package srv_test

import (
	"context"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A gate is a directory, and a file, that opens, reads, writes and stats only
// when it is told to.
type gate struct {
	srv.Node
	open, stat chan struct{}
	reached    atomic.Int64 // calls that have come to the gate
	read       []byte
	passed     atomic.Int64 // reads
}

func newGate(mode fs.FileMode) *gate {
	return &gate{Node: srv.NewNode(mode), open: make(chan struct{})}
}

func (g *gate) wait(ctx context.Context, c chan struct{}) error {
	g.reached.Add(1)
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) Stat(ctx context.Context) (p9.Stat, error) {
	if g.stat != nil {
		g.wait(ctx, g.stat)
	}
	return g.Node.Stat(ctx)
}

func (g *gate) Open(ctx context.Context, _ p9.Mode) (srv.Handle, error) {
	return g, g.wait(ctx, g.open)
}

func (g *gate) Read(_ context.Context, p []byte, _ int64) (int, error) {
	g.passed.Add(1)
	return copy(p, g.read), nil
}

// Write takes one byte and then waits for the rest.
func (g *gate) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	return 1, g.wait(ctx, g.stat)
}

func (g *gate) Remove(context.Context) error { return nil }

func (g *gate) Walk(context.Context, string) (srv.File, error) { return nil, p9.ErrNotExist }

// TestCrossing has two renames from each of two directories to the other, among
// opens of both: none waits for one that came after it.
func TestCrossing(t *testing.T) {
	a, b := newGate(fs.ModeDir|0o777), newGate(fs.ModeDir|0o777)
	w := dial(t, newHall(map[string]srv.File{"a": a, "b": b}), true)
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"a"}})
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 2, Wname: []string{"b"}})
	w.send(&p9.Fcall{Type: p9.Tlopen, Tag: 1, Fid: 1},
		&p9.Fcall{Type: p9.Trenameat, Tag: 2, Fid: 1, Newfid: 2, Name: "x", Name2: "y"},
		&p9.Fcall{Type: p9.Tlopen, Tag: 3, Fid: 1},
		&p9.Fcall{Type: p9.Tlopen, Tag: 4, Fid: 2},
		&p9.Fcall{Type: p9.Trenameat, Tag: 5, Fid: 2, Newfid: 1, Name: "x", Name2: "y"},
		&p9.Fcall{Type: p9.Tlopen, Tag: 6, Fid: 2},
		&p9.Fcall{Type: p9.Tgetattr, Tag: 7, Fid: 0})
	if r := w.recv(); r.Tag != 7 { // all have been read by now
		t.Fatal(r.Text(true))
	}
	close(a.open)
	if r := w.recv(); r.Tag != 1 {
		t.Fatal(r.Text(true))
	}
	close(b.open)
	seen := map[uint16]bool{}
	for range 5 {
		seen[w.recv().Tag] = true
	}
	if len(seen) != 5 {
		t.Error("answered: ", seen)
	}
}

// TestClunkAfterRename clunks a directory that an earlier rename goes to and
// still waits for.
func TestClunkAfterRename(t *testing.T) {
	a := newGate(fs.ModeDir | 0o777)
	b := newBox(t)
	w := dial(t, newHall(map[string]srv.File{"a": a, "b": b}), true)
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"a"}})
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 2, Wname: []string{"b"}})
	w.send(&p9.Fcall{Type: p9.Tlopen, Tag: 1, Fid: 1},
		&p9.Fcall{Type: p9.Trenameat, Tag: 2, Fid: 1, Newfid: 2, Name: "x", Name2: "y"},
		&p9.Fcall{Type: p9.Tclunk, Tag: 3, Fid: 2})
	if !srvtest.Until(func() bool { return a.reached.Load() == 1 }) {
		t.Fatal("no open")
	}
	close(a.open)
	for range 3 {
		if r := w.recv(); r.Tag == 2 && r.Errno == uint32(syscall.EBADF) {
			t.Error("the clunk overtook the rename: ", r.Text(true))
		}
	}
}

// TestEachOthersParent moves a into b and out again, and then b into a: neither
// keeps the other.
func TestEachOthersParent(t *testing.T) {
	c := &census{t: t}
	t.Cleanup(func() {
		if n := c.live.Load(); n != 0 {
			t.Errorf("%d files were never clunked", n)
		}
	})
	w := dial(t, c.beast("root"), true)
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"a"}})
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 2, Wname: []string{"q"}})
	w.rpc(&p9.Fcall{Type: p9.Trename, Fid: 1, Newfid: 2, Name: "a"})
	w.rpc(&p9.Fcall{Type: p9.Trename, Fid: 1, Newfid: 0, Name: "a"})
	w.rpc(&p9.Fcall{Type: p9.Trename, Fid: 2, Newfid: 1, Name: "q"})
	// Where others move files by name, a fid's idea of its parent is stale.
	w.rpc(&p9.Fcall{Type: p9.Trename, Fid: 1, Newfid: 2, Name: "a"})
	w.c.Close()
}

// TestFlushOfFlush flushes a Tflush: the answers come in order.
func TestFlushOfFlush(t *testing.T) {
	both(t, func(t *testing.T, dotl bool) {
		g := newGate(0o444)
		g.stat = make(chan struct{})
		w := dial(t, newHall(map[string]srv.File{"f": &deaf{g}}), dotl)
		w.send(&p9.Fcall{Type: p9.Twalk, Tag: 1, Newfid: 1, Wname: []string{"f"}})
		if !srvtest.Until(func() bool { return g.reached.Load() == 1 }) {
			t.Fatal("no stat")
		}
		w.send(&p9.Fcall{Type: p9.Tflush, Tag: 2, Oldtag: 1}, &p9.Fcall{Type: p9.Tflush, Tag: 3, Oldtag: 2},
			&p9.Fcall{Type: p9.Tflush, Tag: 3, Oldtag: 1}, &p9.Fcall{Type: p9.Tclunk, Tag: 2, Fid: 7})
		for _, tag := range []uint16{3, 2} { // tags in use are refused
			if r := w.recv(); r.Tag != tag || r.Type != p9.Rerror && r.Type != p9.Rlerror {
				t.Error(r.Text(dotl))
			}
		}
		close(g.stat)
		for _, want := range []uint16{1, 2, 3} {
			r := w.recv()
			if r.Tag != want {
				t.Errorf("%s, want tag %d", r.Text(dotl), want)
			}
		}
	})
}

// deaf does not hear that its caller has gone.
type deaf struct{ *gate }

func (d *deaf) Stat(context.Context) (p9.Stat, error) { return d.gate.Stat(context.Background()) }

// TestFlushedWrite flushes a write that has taken a byte: the client is told.
func TestFlushedWrite(t *testing.T) {
	both(t, func(t *testing.T, dotl bool) {
		g := newGate(0o666)
		close(g.open)
		w := dial(t, newHall(map[string]srv.File{"f": g}), dotl)
		w.open("f", p9.OWRITE)
		n := g.reached.Load()
		w.send(&p9.Fcall{Type: p9.Twrite, Tag: 1, Fid: 1, Data: []byte("abc")})
		if !srvtest.Until(func() bool { return g.reached.Load() > n }) {
			t.Fatal("no write")
		}
		w.send(&p9.Fcall{Type: p9.Tflush, Tag: 2, Oldtag: 1})
		if r := w.recv(); r.Type != p9.Rwrite || r.Count != 1 {
			t.Fatal(r.Text(dotl))
		}
		if r := w.recv(); r.Type != p9.Rflush {
			t.Error(r.Text(dotl))
		}
	})
}

// TestInlineBeside has a quick directory between others that block: what asks
// those does not keep the connection from being read.
func TestInlineBeside(t *testing.T) {
	for _, ask := range []*p9.Fcall{
		{Type: p9.Twalk, Fid: 1, Newfid: 3, Wname: []string{".."}},
		{Type: p9.Treaddir, Fid: 2, Count: 1000},
		{Type: p9.Tunlinkat, Fid: 1, Name: "slow"},
		{Type: p9.Tremove, Fid: 1},
	} {
		t.Run(ask.Type.String(), func(t *testing.T) {
			slow, dir := newGate(0o444), srv.NewDir()
			dir.Node = srv.NewNode(fs.ModeDir | 0o777)
			slow.stat = make(chan struct{}, 100)
			root := &slowHall{newHall(map[string]srv.File{"d": dir.Add("slow", slow)}), slow}
			slow.stat <- struct{}{}
			w := dial(t, root, true)
			for fid := range uint32(2) {
				slow.stat <- struct{}{}
				w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: fid + 1, Wname: []string{"d"}})
			}
			w.rpc(&p9.Fcall{Type: p9.Tlopen, Fid: 2})
			n := slow.reached.Load()
			ask.Tag = 1
			w.send(ask)
			if !srvtest.Until(func() bool { return slow.reached.Load() > n }) {
				t.Fatal("nothing blocks")
			}
			w.send(&p9.Fcall{Type: p9.Tflush, Tag: 2, Oldtag: 9})
			if r := w.recv(); r.Tag != 2 {
				t.Error(r.Text(true))
			}
			close(slow.stat)
		})
	}
}

// A slowHall's Stat blocks with its file's.
type slowHall struct {
	*hall
	g *gate
}

func (h *slowHall) Stat(ctx context.Context) (p9.Stat, error) {
	h.g.Stat(ctx)
	return h.hall.Stat(ctx)
}

// TestFitsMsize has errors, names and targets that a small message cannot hold.
func TestFitsMsize(t *testing.T) {
	long := strings.Repeat("x", 250)
	fail := srv.Text(0o444, func(context.Context) (string, error) { return "", p9.NewError(syscall.EIO, strings.Repeat(long, 9)) })
	root := srv.NewDir().Add("fail", fail).Add("link", &link{srv.NewNode(fs.ModeSymlink | 0o777), long})
	both(t, func(t *testing.T, dotl bool) {
		w := &wire{t, srvtest.Serve(t, srv.New(root)), false}
		w.version(dotl, p9.MinMsize)
		w.rpc(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid})
		ask := func(f *p9.Fcall) {
			t.Helper()
			w.send(f)
			r := w.recv()
			if b, _ := r.Append(nil, dotl); len(b) > p9.MinMsize || r.Type != p9.Rerror && r.Type != p9.Rlerror {
				t.Errorf("%d bytes: %s", len(b), r.Text(dotl))
			}
		}
		if dotl {
			w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"link"}})
			ask(&p9.Fcall{Type: p9.Treadlink, Fid: 1})
			return
		}
		w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"fail"}})
		ask(&p9.Fcall{Type: p9.Topen, Fid: 1})
	})
}

type link struct {
	srv.Node
	target string
}

func (l *link) Readlink(context.Context) (string, error) { return l.target, nil }
