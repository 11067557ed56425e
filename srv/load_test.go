package srv_test

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A wire is the client's end of a connection, for tests that say each message.
type wire struct {
	*testing.T
	c    net.Conn
	dotl bool
}

func dial(t *testing.T, root srv.File, dotl bool) *wire {
	t.Helper()
	w := &wire{t, srvtest.Serve(t, srv.New(root)), false}
	w.hello(dotl)
	return w
}

// hello agrees on a version and attaches fid 0.
func (w *wire) hello(dotl bool) {
	w.Helper()
	w.version(dotl, 64<<10)
	w.rpc(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid, Uname: "glenda", Nuname: p9.NoUid})
}

func (w *wire) version(dotl bool, msize uint32) {
	w.Helper()
	version := p9.Version9P2000
	if dotl {
		version = p9.Version9P2000L
	}
	w.rpc(&p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: msize, Version: version})
	w.dotl = dotl
}

func (w *wire) send(fs ...*p9.Fcall) {
	w.Helper()
	var b []byte
	for _, f := range fs {
		var err error
		if b, err = f.Append(b, w.dotl); err != nil {
			w.Fatal(err)
		}
	}
	w.patient()
	if _, err := w.c.Write(b); err != nil {
		w.Fatal(err)
	}
}

// patient bounds what comes next: a test of many messages may take as long as it does.
func (w *wire) patient() { w.c.SetDeadline(time.Now().Add(2 * srvtest.Patience)) }

func (w *wire) recv() *p9.Fcall {
	w.Helper()
	w.patient()
	f, err := srvtest.Recv(w.c, w.dotl)
	if err != nil {
		w.Fatal(err)
	}
	return f
}

// rpc wants no error.
func (w *wire) rpc(f *p9.Fcall) *p9.Fcall {
	w.Helper()
	w.send(f)
	r := w.recv()
	if r.Type != f.Type+1 {
		w.Fatalf("%s\nis answered by %s", f.Text(w.dotl), r.Text(w.dotl))
	}
	return r
}

// open makes fid 1 an open file of the root.
func (w *wire) open(name string, mode p9.Mode) {
	w.Helper()
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{name}})
	if w.dotl {
		w.rpc(&p9.Fcall{Type: p9.Tlopen, Fid: 1, Flags: mode.Linux()})
	} else {
		w.rpc(&p9.Fcall{Type: p9.Topen, Fid: 1, Mode: mode.Plan9()})
	}
}

func both(t *testing.T, test func(t *testing.T, dotl bool)) {
	t.Run("9P2000", func(t *testing.T) { test(t, false) })
	t.Run("9P2000.L", func(t *testing.T) { test(t, true) })
}

// TestPipelinedReads sends 1,000 reads before it takes the first reply.
func TestPipelinedReads(t *testing.T) {
	text := srv.Text(0o444, func(context.Context) (string, error) { return "0123456789", nil })
	for _, root := range []srv.File{srv.NewDir().Add("f", srv.Const("0123456789")), srv.NewDir().Add("f", text)} {
		both(t, func(t *testing.T, dotl bool) {
			w := dial(t, root, dotl)
			w.open("f", p9.OREAD)
			var reads []*p9.Fcall
			for i := range 1000 {
				reads = append(reads, &p9.Fcall{Type: p9.Tread, Tag: uint16(i), Fid: 1, Offset: uint64(i % 10), Count: 1})
			}
			w.send(reads...)
			seen := map[uint16]bool{}
			for range reads {
				r := w.recv()
				if want := fmt.Sprint(r.Tag % 10); r.Type != p9.Rread || string(r.Data) != want || seen[r.Tag] {
					t.Fatalf("%s, want %s", r.Text(dotl), want)
				}
				seen[r.Tag] = true
			}
		})
	}
}

// A waiter is a file whose reads block until their context ends; it counts them.
type waiter struct {
	srv.Node
	blocked atomic.Int64
	clunked atomic.Int64
}

func (f *waiter) Read(ctx context.Context, _ []byte, _ int64) (int, error) {
	f.blocked.Add(1)
	defer f.blocked.Add(-1)
	<-ctx.Done()
	return 0, ctx.Err()
}

func (f *waiter) Clunk() { f.clunked.Add(1) }

// A hall is a directory whose walks are not inline: each gives its file once.
type hall struct {
	srv.Node
	files map[string]srv.File
}

func newHall(files map[string]srv.File) *hall { return &hall{srv.NewNode(fs.ModeDir | 0o555), files} }

func (h *hall) Walk(_ context.Context, name string) (srv.File, error) {
	if f := h.files[name]; f != nil {
		return f, nil
	}
	return nil, p9.ErrNotExist
}

// block sends n reads of fid 1 that block, and waits until they do.
func (w *wire) block(f *waiter, n int) {
	w.Helper()
	for i := range n {
		w.send(&p9.Fcall{Type: p9.Tread, Tag: uint16(i), Fid: 1, Count: 8192})
	}
	if !srvtest.Until(func() bool { return f.blocked.Load() == int64(n) }) {
		w.Fatalf("%d reads block, not %d", f.blocked.Load(), n)
	}
}

// TestAnsweredThenBlocked has reads that block come together with others that do not,
// in any order: those are answered.
func TestAnsweredThenBlocked(t *testing.T) {
	f := &waiter{Node: srv.NewNode(0o444)}
	w := dial(t, newHall(map[string]srv.File{"f": f, "bulk": &bulk{Node: srv.NewNode(0o444)}}), true)
	w.open("f", p9.OREAD)
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 2, Wname: []string{"bulk"}})
	w.rpc(&p9.Fcall{Type: p9.Tlopen, Fid: 2})
	const n = 8
	for order := range 1 << n { // bit i says that the i-th read blocks
		var reads []*p9.Fcall
		quick := 0
		for i := range n {
			r := &p9.Fcall{Type: p9.Tread, Tag: uint16(i), Fid: 1, Count: 1}
			if order>>i&1 == 0 {
				r.Fid = 2
				quick++
			}
			reads = append(reads, r)
		}
		w.send(reads...)
		for range quick {
			if r := w.recv(); r.Type != p9.Rread || order>>r.Tag&1 != 0 {
				t.Fatal(r.Text(true))
			}
		}
		var flushes []*p9.Fcall
		for i := range n {
			if order>>i&1 != 0 {
				flushes = append(flushes, &p9.Fcall{Type: p9.Tflush, Tag: uint16(n + i), Oldtag: uint16(i)})
			}
		}
		if len(flushes) > 0 {
			w.send(flushes...)
		}
		for range flushes {
			if r := w.recv(); r.Type != p9.Rflush {
				t.Fatal(r.Text(true))
			}
		}
	}
}

// TestBlockedReads has 1,000 reads block: others are served, each can be flushed,
// and the hangup ends the rest before the file is clunked.
func TestBlockedReads(t *testing.T) {
	both(t, func(t *testing.T, dotl bool) {
		srvtest.CheckGoroutines(t)
		f := &waiter{Node: srv.NewNode(0o444)}
		t.Cleanup(func() {
			if f.blocked.Load() != 0 || f.clunked.Load() != 1 {
				t.Errorf("after the hangup %d reads block, clunked %d times", f.blocked.Load(), f.clunked.Load())
			}
		})
		w := dial(t, newHall(map[string]srv.File{"f": f, "hello": srv.Const("hello")}), dotl)
		w.open("f", p9.OREAD)
		w.block(f, 1000)
		w.rpc(&p9.Fcall{Type: p9.Twalk, Tag: 2000, Newfid: 2, Wname: []string{"hello"}})
		for _, tag := range []uint16{0, 999, 500} {
			w.send(&p9.Fcall{Type: p9.Tflush, Tag: 2000, Oldtag: tag})
			if r := w.recv(); r.Type != p9.Rflush || r.Tag != 2000 {
				t.Errorf("flush: %s", r.Text(dotl))
			}
		}
		if n := f.blocked.Load(); n != 997 {
			t.Errorf("after 3 flushes %d reads block", n)
		}
		w.c.Close()
	})
}

// A listing is a directory of n files, quick to list from anywhere.
type listing struct {
	srv.Node
	n    int
	file srv.File
}

func (l *listing) Inline() {}

func (l *listing) Walk(_ context.Context, name string) (srv.File, error) {
	var i int
	if _, err := fmt.Sscanf(name, "file%d", &i); err != nil || i >= l.n {
		return nil, p9.ErrNotExist
	}
	return l.file, nil
}

func (l *listing) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		for i := cookie; i < uint64(l.n); i++ {
			if !yield(p9.Dirent{Qid: p9.Qid{Path: i}, Cookie: i + 1, Name: fmt.Sprintf("file%d", i)}, nil) {
				return
			}
		}
	}
}

// list lists the directory that fid 1 has open, of file0, file1 and so on, with
// reads of one size. It counts the entries, and says if the size was too small.
func (w *wire) list(count uint32) (next int, small bool) {
	w.Helper()
	typ := p9.Tread
	if w.dotl {
		typ = p9.Treaddir
	}
	var off uint64
	for {
		w.send(&p9.Fcall{Type: typ, Fid: 1, Offset: off, Count: count})
		r := w.recv()
		if r.Type == p9.Rerror || r.Type == p9.Rlerror {
			return next, true
		}
		if len(r.Data) > int(count) {
			w.Fatalf("%d bytes, asked for %d", len(r.Data), count)
		}
		if len(r.Data) == 0 {
			return next, false
		}
		for b := r.Data; len(b) > 0; next++ {
			var name string
			if w.dotl {
				ents, err := p9.ParseDirents(b)
				if err != nil {
					w.Fatal(err)
				}
				name, off, b = ents[0].Name, ents[0].Cookie, b[p9.DirentSize(&ents[0]):]
			} else {
				st, rest, err := p9.ParseStat(b)
				if err != nil {
					w.Fatal(err)
				}
				off += uint64(len(b) - len(rest))
				name, b = st.Name, rest
			}
			if want := fmt.Sprintf("file%d", next); name != want {
				w.Fatalf("count %d: %s where %s is next", count, name, want)
			}
		}
	}
}

// TestListCounts lists 2,000 entries with reads of each size: all come, once
// and in order.
func TestListCounts(t *testing.T) {
	const n = 2_000
	root := srv.NewDir().Add("d", &listing{srv.NewNode(fs.ModeDir | 0o555), n, srv.Const("")})
	both(t, func(t *testing.T, dotl bool) {
		w := dial(t, root, dotl)
		w.open("d", p9.OREAD)
		count := uint32(120) // a stat is larger than an entry of Rreaddir
		if dotl {
			count = 64
		}
		for ; count < 64<<10-p9.IOHdrSz; count = 2*count + 1 {
			next, _ := w.list(count)
			if next != n {
				t.Errorf("count %d: %d entries of %d", count, next, n)
			}
		}
		// Too small for one entry is an error, and not the end.
		if next, small := w.list(20); !small {
			t.Errorf("count 20: %d entries and the end", next)
		}
	})
}

// A victim is a file that can be removed while it is read.
type victim struct {
	waiter
	dir *srv.Dir
}

func (v *victim) Remove(context.Context) error {
	v.dir.Del("victim")
	return nil
}

// TestRemoveWhileRead removes a file that another connection reads from: neither
// waits for the other.
func TestRemoveWhileRead(t *testing.T) {
	both(t, func(t *testing.T, dotl bool) {
		dir := srv.NewDir()
		dir.Node = srv.NewNode(fs.ModeDir | 0o777)
		v := &victim{waiter{Node: srv.NewNode(0o666)}, dir}
		dir.Add("victim", v)
		w := dial(t, dir, dotl)
		w.open("victim", p9.OREAD)
		w.block(&v.waiter, 1)
		other := client.Fsys{Root: srvtest.Mount(t, dir, dotl)}
		ctx := context.Background()
		if err := other.Remove(ctx, "victim"); err != nil {
			t.Error(err)
		}
		if _, err := other.Stat(ctx, "victim"); err == nil {
			t.Error("the file is still there")
		}
		if n := v.blocked.Load(); n != 1 {
			t.Errorf("%d reads block", n)
		}
		w.send(&p9.Fcall{Type: p9.Tflush, Tag: 5, Oldtag: 0})
		if r := w.recv(); r.Type != p9.Rflush {
			t.Errorf("%s", r.Text(dotl))
		}
		w.rpc(&p9.Fcall{Type: p9.Tclunk, Fid: 1})
	})
}

// TestHangups opens and drops connections at once, with reads that block.
func TestHangups(t *testing.T) {
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	f := &waiter{Node: srv.NewNode(0o444)}
	s := srv.New(newHall(map[string]srv.File{"f": f}))
	var wg sync.WaitGroup
	for range 50 {
		a, b := srvtest.Pair(t)
		wg.Go(func() { s.ServeConn(context.Background(), b) })
		wg.Go(func() {
			defer a.Close()
			c, err := client.New(context.Background(), a, nil)
			if err != nil {
				t.Error(err)
				return
			}
			root, err := c.Attach(context.Background(), nil, "", "")
			if err != nil {
				t.Error(err)
				return
			}
			g, err := root.Walk(context.Background(), "f")
			if err != nil {
				t.Error(err)
				return
			}
			if err := g.Open(context.Background(), p9.OREAD); err != nil {
				t.Error(err)
			}
			for range 10 {
				wg.Go(func() { g.Read(context.Background(), make([]byte, 1), 0) })
			}
			srvtest.Until(func() bool { return f.blocked.Load() > 0 })
		})
	}
	wg.Wait()
	if f.blocked.Load() != 0 || f.clunked.Load() != 50 {
		t.Errorf("%d reads block, %d clunks", f.blocked.Load(), f.clunked.Load())
	}
}
