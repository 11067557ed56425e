package srv_test

import (
	"context"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestManyBlocked has more reads block than any client needs: one can still be
// flushed, and the hangup is seen.
func TestManyBlocked(t *testing.T) {
	srvtest.CheckGoroutines(t)
	const n = 20_000
	f := &waiter{Node: srv.NewNode(0o444)}
	w := dial(t, newHall(map[string]srv.File{"f": f}), true)
	w.open("f", p9.OREAD)
	reads := make([]*p9.Fcall, n)
	for i := range reads {
		reads[i] = &p9.Fcall{Type: p9.Tread, Tag: uint16(i), Fid: 1, Count: 1}
	}
	w.send(reads...)
	w.send(&p9.Fcall{Type: p9.Tflush, Tag: n, Oldtag: 7})
	if r := w.recv(); r.Type != p9.Rflush {
		t.Error(r.Text(true))
	}
	w.c.Close()
}

// TestUnsentReads has many large reads done at once for a client that takes no
// replies: what waits to be sent is bounded.
func TestUnsentReads(t *testing.T) {
	const n = 200
	g := newGate(0o444)
	g.read = make([]byte, 1<<20)
	w := &wire{t, srvtest.Serve(t, srv.New(newHall(map[string]srv.File{"f": g}))), false}
	w.version(true, 1<<20)
	w.rpc(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid})
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"f"}})
	w.send(&p9.Fcall{Type: p9.Tlopen, Tag: n, Fid: 1})
	for i := range n {
		w.send(&p9.Fcall{Type: p9.Tread, Tag: uint16(i), Fid: 1, Count: 1 << 20})
	}
	w.send(&p9.Fcall{Type: p9.Tgetattr, Tag: n + 1})
	w.recv() // so all has been read
	close(g.open)
	if !srvtest.Until(func() bool { return g.passed.Load() == n }) {
		t.Fatal("reads do not run")
	}
	sum := 0
	for range n + 1 {
		sum += len(w.recv().Data)
	}
	if sum > 80<<20 {
		t.Errorf("%d MiB waited to be sent", sum>>20)
	}
}

// TestHeldWrites has writes block until their data is more than a connection may
// hold: the rest are refused, small requests and flushes are not.
func TestHeldWrites(t *testing.T) {
	const n = 300
	g := newGate(0o222)
	close(g.open)
	w := &wire{t, srvtest.Serve(t, srv.New(newHall(map[string]srv.File{"f": g}))), false}
	w.version(true, 1<<20)
	w.rpc(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid})
	w.open("f", p9.OWRITE)
	data := make([]byte, 1<<20-p9.IOHdrSz)
	for i := range n {
		w.send(&p9.Fcall{Type: p9.Twrite, Tag: uint16(i), Fid: 1, Data: data})
	}
	w.send(&p9.Fcall{Type: p9.Tgetattr, Tag: n})
	refused := 0
	other := func() *p9.Fcall { // refusals come in no order with what workers answer
		for {
			r := w.recv()
			if r.Type != p9.Rlerror || r.Errno != uint32(syscall.ENOMEM) {
				return r
			}
			refused++
		}
	}
	if r := other(); r.Type != p9.Rgetattr {
		t.Fatal(r.Text(true))
	}
	w.send(&p9.Fcall{Type: p9.Tflush, Tag: n, Oldtag: 0})
	if r := other(); r.Type != p9.Rwrite { // it had taken a byte
		t.Error(r.Text(true))
	}
	if r := other(); r.Type != p9.Rflush {
		t.Error(r.Text(true))
	}
	if refused < n-256 {
		t.Errorf("%d of %d writes of 1 MiB are held", n-refused, n)
	}
}

// TestHeldNames has small requests block behind large ones that came before them:
// of what those held in names nothing is kept, and what waits is counted.
func TestHeldNames(t *testing.T) {
	const n = 40
	g := newGate(fs.ModeDir | 0o777)
	w := &wire{t, srvtest.Serve(t, srv.New(newHall(map[string]srv.File{"f": g}))), false}
	w.version(true, 1<<20)
	w.rpc(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid})
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"f"}})
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	w.send(&p9.Fcall{Type: p9.Tlopen, Tag: 1, Fid: 1})
	before := heap()
	names := make([]string, 65535)
	long := strings.Repeat("x", 65535)
	for i := range uint16(n) {
		w.send(&p9.Fcall{Type: p9.Twalk, Tag: 2, Newfid: 2, Wname: names})
		w.recv()
		w.send(&p9.Fcall{Type: p9.Tsymlink, Tag: 2, Fid: 9, Name: long, Name2: long})
		w.recv()
		w.send(&p9.Fcall{Type: p9.Tgetattr, Tag: 100 + i, Fid: 1})
	}
	if got := heap() - before; int64(got) > n<<17 {
		t.Errorf("%d small requests hold %d MiB", n, got>>20)
	}
}

// A proof is an authentication conversation whose reads block.
type proof struct {
	waiter
	early atomic.Int64 // clunks while something read
}

func (p *proof) Write(_ context.Context, b []byte, _ int64) (int, error) { return len(b), nil }
func (p *proof) Check(context.Context, string, string) error             { return nil }
func (p *proof) Clunk() {
	p.early.Add(p.blocked.Load())
	p.clunked.Add(1)
}

// TestAfid clunks an afid, or hangs up, while a read of it blocks.
func TestAfid(t *testing.T) {
	for _, clunk := range []bool{true, false} {
		both(t, func(t *testing.T, dotl bool) {
			p := &proof{}
			s := srv.New(srv.NewDir())
			s.Auth = func(_ context.Context, uname, _ string) (srv.AuthFile, error) {
				if uname != "root" {
					t.Errorf("auth of %q", uname)
				}
				return p, nil
			}
			t.Cleanup(func() {
				if p.clunked.Load() != 1 || p.early.Load() != 0 {
					t.Errorf("clunked %d times, %d reads then", p.clunked.Load(), p.early.Load())
				}
			})
			w := &wire{t, srvtest.Serve(t, s), false}
			w.version(dotl, 8192)
			auth := &p9.Fcall{Type: p9.Tauth, Afid: 1, Uname: "root"}
			if dotl { // by number alone
				auth.Uname = ""
			}
			w.rpc(auth)
			w.send(&p9.Fcall{Type: p9.Tattach, Fid: 0, Afid: p9.NoFid, Uname: "root"})
			if r := w.recv(); r.Type == p9.Rattach {
				t.Error("attached without a proof")
			}
			w.rpc(&p9.Fcall{Type: p9.Tattach, Fid: 0, Afid: 1, Uname: "root"})
			w.block(&p.waiter, 1)
			w.send(&p9.Fcall{Type: p9.Tread, Tag: 9, Fid: 1, Offset: 1 << 63, Count: 1})
			if r := w.recv(); r.Tag != 9 {
				t.Error(r.Text(dotl))
			}
			if clunk {
				w.rpc(&p9.Fcall{Type: p9.Tclunk, Tag: 3, Fid: 1})
				w.send(&p9.Fcall{Type: p9.Tflush, Tag: 4, Oldtag: 0})
				if r := w.recv(); r.Type != p9.Rflush {
					t.Error(r.Text(dotl))
				}
			}
			w.c.Close()
		})
	}
}

// A yard is a directory from which entries are unlinked by name.
type yard struct {
	*srv.Dir
	mu    sync.Mutex
	users []string // who unlinked and set attributes
}

func newYard() *yard {
	y := &yard{Dir: srv.NewDir()}
	y.Node = srv.NewNode(fs.ModeDir | 0o777)
	return y
}

func (y *yard) by(ctx context.Context) {
	y.mu.Lock()
	defer y.mu.Unlock()
	name := "nobody in particular"
	if u := srv.UserOf(ctx); u != nil {
		name = u.Name
	}
	y.users = append(y.users, name)
}

func (y *yard) Unlink(ctx context.Context, name string, _ bool) error {
	y.by(ctx)
	y.Del(name)
	return nil
}

// A plank is a file of a yard.
type plank struct {
	srv.Node
	y *yard
}

func (p *plank) Read(context.Context, []byte, int64) (int, error) { return 0, nil }
func (p *plank) Listxattr(context.Context) ([]string, error)      { return nil, nil }
func (p *plank) Getxattr(context.Context, string) ([]byte, error) { return nil, syscall.ENODATA }
func (p *plank) Removexattr(context.Context, string) error        { return nil }
func (p *plank) Setxattr(ctx context.Context, _ string, _ []byte, _ int) error {
	p.y.by(ctx)
	return nil
}

// TestWhoseDrop hangs up with a file to remove on close and an attribute to set:
// both are done as the fid's user.
func TestWhoseDrop(t *testing.T) {
	for _, dotl := range []bool{false, true} {
		y := newYard()
		y.Add("f", &plank{srv.NewNode(0o666), y})
		t.Run("", func(t *testing.T) {
			w := dial(t, y, dotl)
			if dotl {
				w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"f"}})
				w.rpc(&p9.Fcall{Type: p9.Txattrcreate, Fid: 1, Name: "user.a"})
			} else {
				w.open("f", p9.OREAD|p9.ORCLOSE)
			}
			w.c.Close()
		})
		if len(y.users) != 1 || y.users[0] != "glenda" {
			t.Errorf("done by %q", y.users)
		}
	}
}

// TestStaleRemove removes a file whose name is another's by now.
func TestStaleRemove(t *testing.T) {
	both(t, func(t *testing.T, dotl bool) {
		y := newYard()
		y.Add("f", &plank{srv.NewNode(0o666), y})
		w := dial(t, y, dotl)
		w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"f"}})
		y.Add("f", &plank{srv.NewNode(0o666), y})
		w.send(&p9.Fcall{Type: p9.Tremove, Fid: 1})
		if r := w.recv(); r.Type == p9.Rremove {
			t.Error(r.Text(dotl))
		}
		if _, err := y.Walk(context.Background(), "f"); err != nil {
			t.Error("another file was removed")
		}
	})
}

// An owned is a file of glenda's whose attributes change as they are told to.
type owned struct{ srv.Node }

func (o *owned) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := o.Node.Stat(ctx)
	st.Uid, st.Gid = "glenda", "sys"
	return st, err
}

func (o *owned) Wstat(context.Context, p9.Wstat) error { return nil }

// TestWstatOwner has glenda, who owns a file, another and the user who runs the
// server give it away.
func TestWstatOwner(t *testing.T) {
	w := dial(t, srv.NewDir().Add("f", &owned{srv.NewNode(0o600)}), false)
	host := strconv.Itoa(os.Getuid())
	for fid, uname := range []string{"glenda", "no such user", host} {
		num := uint32(1 + fid)
		w.rpc(&p9.Fcall{Type: p9.Tattach, Fid: num, Afid: p9.NoFid, Uname: uname})
		w.rpc(&p9.Fcall{Type: p9.Twalk, Fid: num, Newfid: num, Wname: []string{"f"}})
		for _, c := range []struct {
			w   p9.Wstat
			may []string
		}{
			{p9.Wstat{Valid: p9.WMode, Mode: 0o640}, []string{"glenda", host}},
			{p9.Wstat{Valid: p9.WUid, Uid: "root"}, []string{host}},
			{p9.Wstat{Valid: p9.WGid, Gid: "root"}, []string{host}},
			{p9.Wstat{Valid: p9.WGid, Gid: "sys"}, []string{"glenda", host}},
			{p9.Wstat{Valid: p9.WLength}, []string{"glenda"}},
		} {
			stat, err := p9.AppendWstat(nil, &c.w)
			if err != nil {
				t.Fatal(err)
			}
			w.send(&p9.Fcall{Type: p9.Twstat, Fid: num, Stat: stat})
			if r := w.recv(); (r.Type == p9.Rwstat) != slices.Contains(c.may, uname) {
				t.Errorf("%+v by %s: %s", c.w, uname, r.Text(false))
			}
		}
	}
	// 9P2000 makes files and directories only.
	w = dial(t, newBox(t), false)
	for _, bit := range []uint32{p9.DMSYMLINK, p9.DMDEVICE, p9.DMNAMEDPIPE, p9.DMSOCKET} {
		w.send(&p9.Fcall{Type: p9.Tcreate, Name: "x", Perm: bit | 0o666})
		if r := w.recv(); r.Ename != "permission denied" {
			t.Errorf("create %#x: %s", bit, r.Text(false))
		}
	}
}
