package srv

import (
	"context"
	"io/fs"
	"net"
	"testing"
	"time"

	"ninespace/srv/p9"
)

// wire is a raw client: what is sent and received is exactly what the test says.
type wire struct {
	t    *testing.T
	c    net.Conn
	dotl bool
}

func dialRaw(t *testing.T, s *Server) *wire {
	t.Helper()
	a, b := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.ServeConn(ctx, b) }()
	t.Cleanup(func() { a.Close(); cancel(); <-done })
	a.SetDeadline(time.Now().Add(20 * time.Second))
	return &wire{t: t, c: a}
}

func (w *wire) send(f p9.Fcall) {
	w.t.Helper()
	b, err := f.Append(nil, w.dotl)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.c.Write(b); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) recv() p9.Fcall {
	w.t.Helper()
	var h [4]byte
	if _, err := readFull(w.c, h[:]); err != nil {
		w.t.Fatal(err)
	}
	b := make([]byte, int(h[0])|int(h[1])<<8|int(h[2])<<16)
	copy(b, h[:])
	if _, err := readFull(w.c, b[4:]); err != nil {
		w.t.Fatal(err)
	}
	var f p9.Fcall
	if err := f.Decode(b, w.dotl); err != nil {
		w.t.Fatal(err)
	}
	return f
}

func readFull(c net.Conn, p []byte) (int, error) {
	n := 0
	for n < len(p) {
		m, err := c.Read(p[n:])
		if err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

func (w *wire) rpc(f p9.Fcall) p9.Fcall {
	w.t.Helper()
	w.send(f)
	return w.recv()
}

// start agrees on a version and attaches fid 0.
func (w *wire) start(dotl bool) {
	w.t.Helper()
	v := p9.Version9P2000
	if dotl {
		v = p9.Version9P2000L
	}
	if r := w.rpc(p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: 64 << 10, Version: v}); r.Version != v {
		w.t.Fatalf("version: %+v", r)
	}
	w.dotl = dotl
	if r := w.rpc(p9.Fcall{Type: p9.Tattach, Tag: 1, Fid: 0, Afid: p9.NoFid, Uname: "glenda", Nuname: p9.NoUid}); r.Type != p9.Rattach {
		w.t.Fatalf("attach: %+v", r)
	}
}

func TestHello(t *testing.T) {
	for _, dotl := range []bool{false, true} {
		w := dialRaw(t, New(NewDir().Add("hello", Const("hello, world\n"))))
		w.start(dotl)
		if r := w.rpc(p9.Fcall{Type: p9.Twalk, Tag: 1, Fid: 0, Newfid: 1, Wname: []string{"hello"}}); len(r.Wqid) != 1 {
			t.Fatalf("walk: %+v", r)
		}
		open := p9.Fcall{Type: p9.Topen, Tag: 1, Fid: 1}
		if dotl {
			open.Type = p9.Tlopen
		}
		if r := w.rpc(open); r.Type != open.Type+1 {
			t.Fatalf("open: %+v", r)
		}
		if r := w.rpc(p9.Fcall{Type: p9.Tread, Tag: 1, Fid: 1, Count: 100}); string(r.Data) != "hello, world\n" {
			t.Fatalf("read: %+v", r)
		}
	}
}

// TestPipelined sends a walk, the open and the read of what it finds, and the
// clunk back to back: the fids are the client's choice, so all four succeed.
func TestPipelined(t *testing.T) {
	q := NewQueue(0o666)
	q.Put([]byte("first"))
	w := dialRaw(t, New(NewDir().Add("q", q)))
	w.start(true)
	go func() {
		for i, f := range []p9.Fcall{
			{Type: p9.Twalk, Fid: 0, Newfid: 1, Wname: []string{"q"}},
			{Type: p9.Tlopen, Fid: 1},
			{Type: p9.Tread, Fid: 1, Count: 100},
			{Type: p9.Tclunk, Fid: 1},
		} {
			f.Tag = uint16(i)
			b, _ := f.Append(nil, true)
			w.c.Write(b)
		}
	}()
	for range 4 {
		r := w.recv()
		want := []p9.Type{p9.Rwalk, p9.Rlopen, p9.Rread, p9.Rclunk}[r.Tag]
		if r.Type != want {
			t.Fatalf("tag %d: %+v", r.Tag, r)
		}
	}
}

// TestFlush blocks a read, flushes it, and sees that nothing was lost.
func TestFlush(t *testing.T) {
	q := NewQueue(0o666)
	w := dialRaw(t, New(NewDir().Add("q", q)))
	w.start(true)
	w.rpc(p9.Fcall{Type: p9.Twalk, Tag: 1, Fid: 0, Newfid: 1, Wname: []string{"q"}})
	w.rpc(p9.Fcall{Type: p9.Tlopen, Tag: 1, Fid: 1})
	w.send(p9.Fcall{Type: p9.Tread, Tag: 2, Fid: 1, Count: 100})
	if r := w.rpc(p9.Fcall{Type: p9.Tflush, Tag: 3, Oldtag: 2}); r.Type != p9.Rflush || r.Tag != 3 {
		t.Fatalf("flush: %+v", r)
	}
	q.Put([]byte("kept"))
	if r := w.rpc(p9.Fcall{Type: p9.Tread, Tag: 2, Fid: 1, Count: 100}); string(r.Data) != "kept" {
		t.Fatalf("read: %+v", r)
	}
}

// TestReadRest reads a 9P2000 directory as Linux does: it fills one buffer by
// reads that go on where the last one ended, with the count that is left, until
// one gives nothing.
func TestReadRest(t *testing.T) {
	w := dialRaw(t, New(NewDir().Add("first", Const("")).Add("other", Const(""))))
	w.start(false)
	w.rpc(p9.Fcall{Type: p9.Topen, Tag: 1, Fid: 0})
	read := func(off, count int) p9.Fcall {
		return w.rpc(p9.Fcall{Type: p9.Tread, Tag: 1, Fid: 0, Offset: uint64(off), Count: uint32(count)})
	}
	both := len(read(0, 8168).Data)
	one, count := both/2, both-1
	for range 2 {
		if r := read(0, count); len(r.Data) != one {
			t.Fatalf("the first of two: %+v", r)
		}
		if r := read(one, count-one); r.Type != p9.Rread || len(r.Data) != 0 {
			t.Errorf("the rest of the count: %+v", r)
		}
		if r := read(one, count); len(r.Data) != one {
			t.Errorf("the second: %+v", r)
		}
	}
	if r := read(0, one-1); r.Type != p9.Rerror {
		t.Errorf("a count that is no rest: %+v", r)
	}
	if r := read(0, one); len(r.Data) != one {
		t.Errorf("a count for one: %+v", r)
	}
	if r := read(one, one-1); r.Type != p9.Rerror {
		t.Errorf("a count that is no rest: %+v", r)
	}
}

// A groups is a directory in which nothing can be made, and the group that was
// asked for each thing.
type groups struct {
	*Dir
	asked map[string]uint32
}

func (g *groups) ask(ctx context.Context, name string) error {
	g.asked[name] = GroupOf(ctx)
	return p9.ErrIO
}

func (g *groups) Create(ctx context.Context, name string, _ fs.FileMode, _ p9.Mode) (File, Handle, error) {
	return nil, nil, g.ask(ctx, name)
}
func (g *groups) Symlink(ctx context.Context, name, _ string) (File, error) {
	return nil, g.ask(ctx, name)
}
func (g *groups) Mknod(ctx context.Context, name string, _ fs.FileMode, _ uint64) (File, error) {
	return nil, g.ask(ctx, name)
}

// TestGroup: what is made is told the group that its request says, if it says one.
func TestGroup(t *testing.T) {
	for _, c := range []struct {
		dotl bool
		f    p9.Fcall
		want uint32
	}{
		{true, p9.Fcall{Type: p9.Tlcreate, Gid: 5}, 5},
		{true, p9.Fcall{Type: p9.Tmkdir, Gid: 5}, 5},
		{true, p9.Fcall{Type: p9.Tsymlink, Name2: "x", Gid: 5}, 5},
		{true, p9.Fcall{Type: p9.Tmknod, Perm: 0o010644, Gid: 5}, 5},
		{true, p9.Fcall{Type: p9.Tlcreate, Gid: p9.NoUid}, p9.NoUid},
		{false, p9.Fcall{Type: p9.Tcreate, Gid: 5}, p9.NoUid},
	} {
		g := &groups{NewDir(), map[string]uint32{}}
		g.Node = NewNode(fs.ModeDir | 0o777)
		w := dialRaw(t, New(g))
		w.start(c.dotl)
		c.f.Tag, c.f.Name = 1, "new"
		w.rpc(c.f)
		if got, ok := g.asked["new"]; !ok || got != c.want {
			t.Errorf("%v: %d, want %d", c.f.Type, got, c.want)
		}
	}
}
