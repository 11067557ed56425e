package srv_test

import (
	"context"
	"io/fs"
	"iter"
	"math/rand"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A census counts Files and Handles, each of which is clunked once, after all
// that ran on it, and is not used again.
type census struct {
	t    testing.TB
	live atomic.Int64
}

// A being is a File or a Handle of a census.
type being struct {
	c       *census
	running atomic.Int64
	clunked atomic.Int64
}

func (b *being) use() func() {
	b.running.Add(1)
	if b.clunked.Load() != 0 {
		b.c.t.Error("used after its clunk")
	}
	return func() { b.running.Add(-1) }
}

func (b *being) Clunk() {
	b.c.live.Add(-1)
	if b.clunked.Add(1) != 1 {
		b.c.t.Error("clunked twice")
	}
	if b.running.Load() != 0 {
		b.c.t.Error("clunked while in use")
	}
}

func (c *census) being() *being { c.live.Add(1); return &being{c: c} }

// A beast is a file that is a directory, too. Names that begin with b make reads
// and opens of the file block, h gives a Handle that is a File.
type beast struct {
	*being
	name string
}

// A quick beast's methods never block.
type quick struct{ *beast }

func (q *quick) Inline() {}

func (c *census) beast(name string) srv.File {
	b := &beast{c.being(), name}
	if name[0] == 'q' {
		return &quick{b}
	}
	return b
}

func (b *beast) base() *beast { return b }

func (b *beast) Stat(context.Context) (p9.Stat, error) {
	defer b.use()()
	m := fs.FileMode(0o777)
	if b.name[0] != 'b' {
		m |= fs.ModeDir
	}
	return p9.Stat{Qid: p9.Qid{Type: p9.QidTypeOf(m), Path: uint64(b.name[0])}, Mode: m, Uid: "glenda", Gid: "glenda"}, nil
}

func (b *beast) Walk(_ context.Context, name string) (srv.File, error) {
	defer b.use()()
	if name[0] == 'x' {
		return nil, p9.ErrNotExist
	}
	return b.c.beast(name), nil
}

func (b *beast) List(context.Context, uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		defer b.use()()
		_ = yield(p9.Dirent{Cookie: 1, Name: "a"}, nil) && yield(p9.Dirent{Cookie: 2, Name: "q"}, nil)
	}
}

func (b *beast) Open(ctx context.Context, _ p9.Mode) (srv.Handle, error) {
	defer b.use()()
	switch b.name {
	case "bo":
		<-ctx.Done()
		return nil, ctx.Err()
	case "e":
		return nil, p9.ErrPerm
	case "h":
		return b.c.beast("h"), nil
	}
	return &grip{b.c.being(), b.name}, nil
}

func (b *beast) Create(_ context.Context, name string, _ fs.FileMode, _ p9.Mode) (srv.File, srv.Handle, error) {
	defer b.use()()
	if name[0] == 'x' {
		return nil, nil, p9.ErrExist
	}
	return b.c.beast(name), &grip{b.c.being(), name}, nil
}

func (b *beast) Rename(_ context.Context, _ string, to srv.File, _ string) error {
	defer b.use()()
	defer to.(interface{ base() *beast }).base().use()()
	return nil
}

func (b *beast) Link(_ context.Context, to srv.File, _ string) error {
	defer b.use()()
	defer to.(interface{ base() *beast }).base().use()()
	return nil
}

func (b *beast) Unlink(context.Context, string, bool) error { defer b.use()(); return nil }
func (b *beast) Wstat(context.Context, p9.Wstat) error      { defer b.use()(); return nil }
func (b *beast) Listxattr(context.Context) ([]string, error) {
	defer b.use()()
	return []string{"user.a"}, nil
}
func (b *beast) Getxattr(context.Context, string) ([]byte, error) {
	defer b.use()()
	return []byte("v"), nil
}
func (b *beast) Removexattr(context.Context, string) error           { defer b.use()(); return nil }
func (b *beast) Setxattr(context.Context, string, []byte, int) error { defer b.use()(); return nil }

// A grip is a beast's Handle.
type grip struct {
	*being
	name string
}

func (g *grip) Read(ctx context.Context, p []byte, off int64) (int, error) {
	defer g.use()()
	if g.name[0] == 'b' && off%2 == 0 {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return copy(p, "grip"), nil
}

func (g *grip) Write(_ context.Context, p []byte, _ int64) (int, error) {
	defer g.use()()
	return len(p), nil
}

// A rider is a client that sends what it likes and holds the replies against
// what it has sent.
type rider struct {
	*wire
	rnd *rand.Rand

	mu      sync.Mutex
	pending map[uint16]*p9.Fcall
	fids    map[uint32]int // how often each was made, less how often it was ended
	probe   uint32         // what the probe's reply says: 1 no fid, 2 a fid
	hello   chan struct{}  // Rversion
	leaving bool
}

const (
	tags     = 100
	probeTag = 5000
	allFids  = 8
)

var (
	strange = [...]string{"a", "a", "q", "q", "b", "b", "bo", "e", "h", "x", "..", "", ".", "a/b", "n\x00"}
	modes   = [...]p9.Mode{p9.OREAD, p9.OREAD, p9.OWRITE, p9.ORDWR, p9.ORCLOSE, p9.OTRUNC}

	often   = []p9.Type{p9.Twalk, p9.Twalk, p9.Twalk, p9.Tread, p9.Tread, p9.Twrite, p9.Tclunk, p9.Tclunk, p9.Tremove, p9.Tflush, p9.Tflush, p9.Tattach, p9.Tauth}
	plain   = append([]p9.Type{p9.Topen, p9.Topen, p9.Tcreate, p9.Tstat, p9.Twstat}, often...)
	dotlike = append([]p9.Type{p9.Tlopen, p9.Tlopen, p9.Tlcreate, p9.Tgetattr, p9.Tsetattr, p9.Trename, p9.Trename, p9.Trenameat, p9.Tlink,
		p9.Tunlinkat, p9.Txattrwalk, p9.Txattrcreate, p9.Treaddir, p9.Tfsync, p9.Tlock, p9.Tmkdir, p9.Tstatfs}, often...)
)

func pick[T any](r *rider, l []T) T { return l[r.rnd.Intn(len(l))] }

// any makes up a request.
func (r *rider) any() *p9.Fcall {
	name := func() string { return pick(r, strange[:]) }
	fid := func() uint32 { return uint32(r.rnd.Intn(allFids)) }
	f := &p9.Fcall{Type: pick(r, plain), Fid: fid(), Newfid: fid(), Afid: p9.NoFid, Uname: "glenda", Nuname: p9.NoUid,
		Mode: uint8(pick(r, modes[:])), Flags: uint32(r.rnd.Intn(3)), Name: name(), Name2: name(), Perm: 0o777,
		Offset: uint64(r.rnd.Intn(3)), Count: uint32(r.rnd.Intn(3) * 200), Data: []byte("d"), Size: uint64(r.rnd.Intn(2)),
		Tag: uint16(r.rnd.Intn(tags)), Oldtag: uint16(r.rnd.Intn(tags))}
	if r.dotl {
		f.Type = pick(r, dotlike)
	}
	for range r.rnd.Intn(4) {
		f.Wname = append(f.Wname, name())
	}
	w := p9.Wstat{Valid: p9.WMtime, Mtime: time.Unix(1, 0)}
	if r.rnd.Intn(2) == 0 {
		w = p9.Wstat{Valid: p9.WName, Name: name()}
	}
	f.Stat, _ = p9.AppendWstat(nil, &w)
	return f
}

// ask sends one request, if its tag is free: nothing of it is pending, nor a
// Tflush that names it.
func (r *rider) ask(f *p9.Fcall) {
	r.mu.Lock()
	busy := r.pending[f.Tag] != nil || f.Type == p9.Tflush && f.Oldtag == f.Tag
	for _, p := range r.pending {
		busy = busy || p.Type == p9.Tflush && p.Oldtag == f.Tag
	}
	if !busy {
		r.pending[f.Tag] = f
	}
	r.mu.Unlock()
	if !busy {
		r.send(f)
	}
}

func (r *rider) listen() {
	for {
		f, err := srvtest.Recv(r.c, r.dotl)
		r.mu.Lock()
		if err != nil {
			if !r.leaving {
				r.Error(err)
			}
			r.mu.Unlock()
			return
		}
		r.heard(f)
		r.mu.Unlock()
	}
}

// heard takes a reply into account.
func (r *rider) heard(f *p9.Fcall) {
	if f.Type == p9.Rversion {
		r.pending, r.fids = map[uint16]*p9.Fcall{}, map[uint32]int{}
		r.hello <- struct{}{}
		return
	}
	t := r.pending[f.Tag]
	failed := f.Type == p9.Rerror || f.Type == p9.Rlerror
	nofid := failed && (f.Errno == uint32(syscall.EBADF) || f.Ename == p9.ErrUnknownFid.Ename)
	if t == nil || f.Type != t.Type+1 && !failed {
		r.Errorf("a reply to nothing: %s", f.Text(r.dotl))
		return
	}
	delete(r.pending, f.Tag)
	switch {
	case f.Tag == probeTag:
		r.probe = 2
		if nofid {
			r.probe = 1
		}
	case t.Type == p9.Tflush:
		if old := r.pending[t.Oldtag]; old != nil && old.Type == p9.Tflush {
			r.Errorf("%s before the answer to %s", f.Text(r.dotl), old.Text(r.dotl))
		}
		delete(r.pending, t.Oldtag) // if it was there, it has had no effect
	case t.Type == p9.Tclunk || t.Type == p9.Tremove:
		if !nofid {
			r.fids[t.Fid]--
		}
	case failed:
	case t.Type == p9.Tattach:
		r.fids[t.Fid]++
	case t.Type == p9.Twalk && len(f.Wqid) == len(t.Wname) && t.Newfid != t.Fid, t.Type == p9.Txattrwalk:
		r.fids[t.Newfid]++
	}
}

// quiet reports whether nothing is pending, and flushes what is.
func (r *rider) quiet() bool {
	r.mu.Lock()
	var flushes []*p9.Fcall
	for tag, f := range r.pending {
		if t := tag + tags; tag < tags && f.Type != p9.Tflush && r.pending[t] == nil {
			flushes = append(flushes, &p9.Fcall{Type: p9.Tflush, Tag: t, Oldtag: tag})
		}
	}
	for _, f := range flushes {
		r.pending[f.Tag] = f
	}
	n := len(r.pending)
	r.mu.Unlock()
	r.send(flushes...)
	return n == 0
}

// settle waits until all is answered and holds each fid against the record.
func (r *rider) settle() {
	if !srvtest.Until(r.quiet) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, f := range r.pending {
			r.Error("no reply to ", f.Text(r.dotl))
		}
		r.FailNow()
	}
	for fid := range uint32(allFids) {
		f := &p9.Fcall{Type: p9.Tstat, Tag: probeTag, Fid: fid}
		if r.dotl {
			f.Type = p9.Tgetattr
		}
		r.probe = 0
		r.ask(f)
		if !srvtest.Until(func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.probe != 0 }) {
			r.Fatal("no reply to the probe")
		}
		if n := r.fids[fid]; n != int(r.probe)-1 {
			r.Errorf("fid %d: made %d times more than ended, and there is %d", fid, n, r.probe-1)
		}
	}
}

// TestRiders has clients send all sorts, and hang up or say Tversion in between.
func TestRiders(t *testing.T) {
	srvtest.CheckGoroutines(t)
	c := &census{t: t}
	s := &srv.Server{Attach: func(_ context.Context, _, _ string) (srv.File, error) { return c.beast("root"), nil }}
	if testing.Verbose() {
		s.Trace = func(string) {}
	}
	seed := rand.Int63()
	t.Logf("seed %d", seed)
	rounds := 30
	if testing.Short() {
		rounds = 5
	}
	for round := range rounds {
		var wg sync.WaitGroup
		for i := range 4 {
			a, b := srvtest.Pair(t)
			served := make(chan struct{})
			go func() { defer close(served); s.ServeConn(context.Background(), b) }()
			wg.Go(func() {
				r := &rider{wire: &wire{t, a, false}, rnd: rand.New(rand.NewSource(seed + int64(round*4+i))),
					pending: map[uint16]*p9.Fcall{}, fids: map[uint32]int{}, hello: make(chan struct{}, 1)}
				r.version(i%2 == 0, 4096)
				listened := make(chan struct{})
				go func() { defer close(listened); r.listen() }()
				for range 1 + r.rnd.Intn(5) {
					for range r.rnd.Intn(400) {
						r.ask(r.any())
						if r.rnd.Intn(20) == 0 {
							r.ask(&p9.Fcall{Type: p9.Tattach, Tag: uint16(r.rnd.Intn(tags)), Afid: p9.NoFid, Uname: "glenda", Nuname: p9.NoUid})
						}
					}
					if r.rnd.Intn(3) == 0 {
						v := p9.Version9P2000
						if r.dotl {
							v = p9.Version9P2000L
						}
						r.send(&p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: 4096, Version: v})
						<-r.hello
					} else if r.rnd.Intn(3) > 0 {
						r.settle()
					}
				}
				r.mu.Lock()
				r.leaving = true
				r.mu.Unlock()
				a.Close()
				<-served
				<-listened
			})
		}
		wg.Wait()
		if n := c.live.Load(); n != 0 || t.Failed() {
			t.Fatalf("round %d: %d files and handles were never clunked", round, n)
		}
	}
}
