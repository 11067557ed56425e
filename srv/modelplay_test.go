package srv_test

import (
	"context"
	"encoding/binary"
	"io/fs"
	"maps"
	"math/rand"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// asksAgain reports whether the server says Nonblock to Inline files.
var asksAgain = sync.OnceValue(func() bool {
	a, b := srvtest.Pair(new(testing.T))
	seen := make(chan bool, 10)
	served := make(chan struct{})
	go func() {
		defer close(served)
		srv.New(srv.NewDir().Add("f", &asked{srv.NewNode(0o444), seen})).ServeConn(context.Background(), b)
	}()
	w := &wire{new(testing.T), a, false}
	w.hello(true)
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"f"}})
	a.Close()
	<-served
	return <-seen
})

type asked struct {
	srv.Node
	seen chan bool
}

func (a *asked) Inline() {}

func (a *asked) Stat(ctx context.Context) (p9.Stat, error) {
	a.seen <- srv.Nonblock(ctx)
	return p9.Stat{Mode: fs.FileMode(0o444)}, nil
}

// play is one run, on a connection and a orchard of its own.
func play(t testing.TB, in []byte) {
	before := runtime.NumGoroutine()
	c := &census{t: t}
	fm := newOrchard(c)
	a, b := srvtest.Pair(t)
	defer a.Close()
	defer b.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := &run{TB: t, in: in, c: a, frames: make(chan []byte, 4096), dups: map[uint16]int{}, model: &model{root: sow(), paths: firstPath,
		fids: map[uint32]*mfid{}, queue: map[byte]bool{}, used: map[uint32]int{}, record: firstRecord - 1}}
	how := r.in.byte()
	r.authed = how&1 != 0
	if asksAgain() {
		r.again = "again"
	}
	served := make(chan struct{})
	s := fm.server(r.authed)
	go func() { defer close(served); s.ServeConn(ctx, b) }()
	a.SetDeadline(time.Now().Add(2 * srvtest.Patience))
	go r.listen()
	r.hello(how&2 != 0)
	for range 500 {
		if len(r.in) == 0 {
			break
		}
		r.step()
	}
	r.end(int(how)>>2, cancel, s)
	select {
	case <-served:
	case <-time.After(srvtest.Patience):
		r.fail("the server does not end with its connection")
	}
	a.Close()
	for range r.frames {
	}
	if n := c.live.Load(); n != 0 {
		r.fail("%d files and handles were never clunked", n)
	}
	if !srvtest.Until(func() bool { return runtime.NumGoroutine() <= before }) {
		r.fail("%d goroutines more than before", runtime.NumGoroutine()-before)
	}
}

func (r *run) hello(dotl bool) {
	version := p9.Version9P2000
	if dotl {
		version = p9.Version9P2000L
	}
	r.version(dotl, version, runMsize)
}

// step does what the next byte says.
func (r *run) step() {
	b := r.in.byte()
	if b < 128 && r.msize != 0 && len(r.fids) == 0 {
		r.enter(0)
	}
	if r.doubtful && r.msize != 0 {
		r.alone(p9.NoFid)
		r.learn()
	}
	switch b % 32 {
	case 0:
		r.sync()
	case 1, 2, 3:
		r.flush(r.freeTag(), uint16(r.in.byte()%someTags))
	case 4:
		if q := pickReq(&r.in, r.reqs); q != nil && q.t.Tag != p9.NoTag { // the latest word on anything, Tflush included
			r.flush(r.freeTag(), q.t.Tag)
		}
	case 5:
		r.again9()
	case 6:
		r.mangle()
	case 7:
		r.chain()
	case 8:
		if r.in.byte() < 40 {
			r.reversion()
		}
	default:
		r.do(r.request(&r.in))
	}
}

func pickReq(in *input, l []*mreq) *mreq {
	if len(l) == 0 {
		return nil
	}
	return choose(in, l)
}

// freeTag gives a tag that is not in use, nor flushed.
func (r *run) freeTag() uint16 {
	r.take(false)
	tag := uint16(r.in.byte() % someTags)
	for i := uint16(0); i < 4*someTags; i++ {
		if i >= someTags {
			return r.newTag()
		}
		busy := func(q *mreq) bool {
			return q.t.Tag == (tag+i)%someTags || q.t.Type == p9.Tflush && q.t.Oldtag == (tag+i)%someTags
		}
		if !slices.ContainsFunc(r.reqs, busy) {
			return (tag + i) % someTags
		}
	}
	return r.newTag()
}

// do sends a request, alone if it has to be.
func (r *run) do(t *p9.Fcall) {
	if f := r.fids[t.Fid]; t.Type == p9.Twrite && f != nil && f.f != nil && f.f.kind == kQueue {
		if r.record == 255 {
			return
		}
		r.record++
		t.Data = []byte{r.record}
	}
	if t.Type == p9.Tattach && t.Aname == "again" {
		t.Aname = r.again
	}
	mutates := r.mutates(t)
	if mutates {
		r.alone(t.Fid)
	}
	if t.Tag = r.freeTag(); r.in.byte() == 77 {
		t.Tag = p9.NoTag
	}
	if r.ask(t); mutates {
		r.sync()
	}
}

// again9 sends a request with the tag of one that blocks.
func (r *run) again9() {
	t := r.request(&r.in)
	for _, q := range r.reqs {
		if t.Type&1 == 0 && q.blocked && !q.any && !q.flushed && len(q.holds) == 1 && q.holds[0].use == shared {
			t.Tag = q.t.Tag
			r.dups[t.Tag]++
			r.send(t)
			return
		}
	}
}

// mangle sends a request of which some bytes are others, or cut off.
func (r *run) mangle() {
	t := r.request(&r.in)
	t.Tag = r.freeTag()
	b, err := t.Append(nil, r.dotl)
	if err != nil {
		r.Fatal(err)
	}
	switch k := r.in.byte(); {
	case k < 60:
		b = b[:max(p9.HdrSz, len(b)-1-int(k)%8)]
	case k < 90:
		b = append(b, make([]byte, 1+k%8)...)
	default:
		for range 1 + k%4 {
			i := int(r.in.byte())%(len(b)-4) + 4
			b[i] ^= 1 << (r.in.byte() % 8)
		}
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	m := new(p9.Fcall)
	err = m.Decode(b, r.dotl)
	if err == nil {
		if m.Type == p9.Tversion || m.Type == p9.Tflush || m.Type == p9.Twrite {
			return
		}
		r.do(m)
		return
	}
	if m.Tag = binary.LittleEndian.Uint16(b[5:]); slices.ContainsFunc(r.reqs, func(q *mreq) bool { return q.t.Tag == m.Tag || q.t.Oldtag == m.Tag }) {
		return
	}
	r.seq++
	r.reqs = append(r.reqs, &mreq{t: &p9.Fcall{Type: m.Type &^ 1, Tag: m.Tag}, seq: r.seq, free: true, errs: []*p9.Error{anyError}})
	r.note("-> ", m.Type.String()+" # "+err.Error())
	r.out = append(r.out, b...)
}

// chain sends all that makes a file, back to back.
func (r *run) chain() {
	from, to, name := uint32(r.in.byte()%someFids), uint32(r.in.byte()%someFids), choose(&r.in, someNames)
	f := r.fids[from]
	if f == nil || from == to {
		return
	}
	r.alone(to)
	if f = r.fids[from]; f == nil || f.auth {
		return
	}
	fs := []*p9.Fcall{{Type: p9.Twalk, Fid: from, Newfid: to, Wname: []string{"m"}}, {Type: p9.Tcreate, Fid: to, Name: name, Perm: 0o777, Mode: 2},
		{Type: p9.Twrite, Fid: to, Data: []byte("chained")}, {Type: p9.Tclunk, Fid: to}}
	if r.dotl {
		fs[1] = &p9.Fcall{Type: p9.Tlcreate, Fid: to, Name: name, Perm: 0o777, Flags: 2}
	}
	for _, t := range fs {
		if g := r.fids[to]; t.Type == p9.Twrite && g != nil && g.f != nil && (g.f.kind == kQueue || g.xw != nil) {
			continue
		}
		if g := r.fids[to]; t.Type == p9.Tclunk && g != nil && (g.xw != nil || g.open && g.mode&p9.ORCLOSE != 0) {
			r.sync()
		}
		t.Tag = r.newTag()
		r.ask(t)
	}
	r.alone(to)
}

// reversion begins anew.
func (r *run) reversion() {
	dotl := r.in.byte()%2 == 0
	switch r.in.byte() % 8 {
	case 0:
		r.version(r.dotl, "9P1999", runMsize)
	case 1:
		r.version(r.dotl, p9.Version9P2000, 100)
	case 2:
		r.version(false, "9P2000.u", runMsize)
	default:
		r.hello(dotl)
	}
}

// end ends the connection in one of several ways.
func (r *run) end(how int, cancel func(), s *srv.Server) {
	switch r.push(); how % 8 {
	case 0: // with requests under way
	case 1: // in the middle of one
		r.c.Write([]byte{100, 0, 0, 0, byte(p9.Twalk), 1})
	case 2: // with a frame that has no place
		r.c.Write([]byte{6, 0, 0, 0, byte(p9.Tclunk), 1, 1, 1, 1, 1, 1})
		return
	case 3:
		cancel()
		return
	case 4:
		r.sync()
	case 5: // at once
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(ctx)
		return
	case 6: // in order
		r.quiet()
		ctx, cancel := context.WithTimeout(context.Background(), srvtest.Patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			r.fail("shutdown: %v", err)
		}
		return
	default:
		r.quiet()
	}
	r.c.Close()
}

// quiet ends all that is under way, and sees whether the queue lost anything.
func (r *run) quiet() {
	if r.msize == 0 {
		r.hello(true)
	}
	r.sync()
	for _, q := range slices.Clone(r.reqs) {
		r.flush(r.newTag(), q.t.Tag)
	}
	for len(r.reqs) > 0 {
		r.take(true)
	}
	const num = 1 << 21
	r.enter(num)
	r.ask(&p9.Fcall{Type: p9.Twalk, Tag: r.newTag(), Fid: num, Newfid: num, Wname: []string{"queue"}})
	if r.dotl {
		r.ask(&p9.Fcall{Type: p9.Tlopen, Tag: r.newTag(), Fid: num})
	} else {
		r.ask(&p9.Fcall{Type: p9.Topen, Tag: r.newTag(), Fid: num})
	}
	r.sync()
	for n := len(r.queue); n > 0; n = len(r.queue) {
		r.ask(&p9.Fcall{Type: p9.Tread, Tag: r.newTag(), Fid: num, Count: 1})
		for len(r.queue) == n && len(r.reqs) > 0 {
			r.take(true)
		}
		if len(r.queue) == n {
			r.Log("a record that nobody counts")
			break
		}
	}
	for _, fid := range slices.Sorted(maps.Keys(r.fids)) {
		r.ask(&p9.Fcall{Type: p9.Tclunk, Tag: r.newTag(), Fid: fid})
	}
	r.sync()
}

// TestModel does runs of any kind.
func TestModel(t *testing.T) {
	srvtest.CheckGoroutines(t)
	seed := rand.Int63()
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	for i := range rounds {
		rnd := rand.New(rand.NewSource(seed + int64(i)))
		in := make([]byte, 20+rnd.Intn(2000))
		rnd.Read(in)
		t.Run("", func(t *testing.T) {
			t.Logf("seed %d", seed+int64(i))
			play(t, in)
		})
	}
}

// FuzzModel does the same.
func FuzzModel(f *testing.F) {
	for i := range int64(8) {
		in := make([]byte, 300)
		rand.New(rand.NewSource(i)).Read(in)
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in []byte) { play(t, in) })
}
