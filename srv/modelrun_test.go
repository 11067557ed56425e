package srv_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A run is a client that sends what its input says and holds every reply
// against the model.
type run struct {
	*model
	testing.TB
	in     input
	c      net.Conn
	frames chan []byte // what the server sent
	out    []byte      // what has not been sent
	log    []string
	tag    uint16         // the last of those that are not the input's to choose
	dups   map[uint16]int // requests sent with a tag that is in use
	reset  bool           // Tversion was sent
	again  string         // the attach name of the style allAgain, where that can be
}

const (
	someTags = 12
	runMsize = 4096
)

func (r *run) fail(format string, args ...any) {
	r.Helper()
	log := r.log
	if !testing.Verbose() {
		log = log[max(0, len(log)-60):]
	}
	r.Fatalf(format+"\n%s", append(args, strings.Join(log, "\n"))...)
}

// note keeps a line for when the run fails.
func (r *run) note(dir, text string) {
	if len(text) > 200 {
		text = text[:200] + "..."
	}
	r.log = append(r.log, dir+text)
}

// send queues a request.
func (r *run) send(t *p9.Fcall) {
	b, err := t.Append(r.out, r.dotl)
	if err != nil {
		r.Fatal(err)
	}
	r.out = b
	r.note("-> ", t.Text(r.dotl))
	if len(r.out) > 16<<10 {
		r.push()
	}
}

// push writes what is queued.
func (r *run) push() {
	if len(r.out) > 0 {
		if _, err := r.c.Write(r.out); err != nil {
			r.fail("write: %v", err)
		}
		r.out = r.out[:0]
	}
}

// listen passes on what the server sends until it hangs up.
func (r *run) listen() {
	defer close(r.frames)
	for {
		var h [4]byte
		if _, err := io.ReadFull(r.c, h[:]); err != nil {
			return
		}
		n := binary.LittleEndian.Uint32(h[:])
		if n < p9.HdrSz || n > p9.MaxMsize {
			n = 4
		}
		b := make([]byte, n)
		copy(b, h[:])
		if _, err := io.ReadFull(r.c, b[4:]); err != nil {
			return
		}
		r.frames <- b
	}
}

// take handles the replies that are there; with block it waits for one.
func (r *run) take(block bool) {
	r.push()
	for {
		var b []byte
		var ok bool
		if block {
			select {
			case b, ok = <-r.frames:
			case <-time.After(srvtest.Patience):
				r.fail("no reply to: %s", r.waiting())
			}
			block = false
		} else {
			select {
			case b, ok = <-r.frames:
			default:
				return
			}
		}
		if !ok {
			r.fail("the server hung up")
		}
		r.heard(b)
	}
}

func (r *run) waiting() string {
	var s []string
	for _, q := range r.reqs {
		if q.free {
			s = append(s, q.t.Text(r.dotl))
		}
	}
	return strings.Join(s, "; ")
}

// heard takes one reply.
func (r *run) heard(b []byte) {
	x := new(p9.Fcall)
	if len(b) < p9.HdrSz {
		r.fail("a frame of %d bytes", len(b))
	}
	if err := x.Decode(b, r.dotl && p9.Type(b[4]) != p9.Rerror); err != nil {
		r.fail("%x: %v", b, err)
	}
	r.note("<- ", x.Text(r.dotl))
	if len(b) > runMsize {
		r.fail("a frame of %d bytes", len(b))
	}
	if r.reset && x.Tag == p9.NoTag {
		r.versioned(x)
		return
	}
	failed := x.Type == p9.Rerror || x.Type == p9.Rlerror
	if n := r.dups[x.Tag]; n > 0 && failed && (x.Errno == uint32(p9.ErrBotch.Errno) || x.Ename == "duplicate tag") {
		r.dups[x.Tag] = n - 1
		return
	}
	i := slices.IndexFunc(r.reqs, func(q *mreq) bool { return q.t.Tag == x.Tag })
	if i < 0 {
		r.fail("a reply to nothing")
	}
	q := r.reqs[i]
	if x.Type != q.t.Type+1 && (!failed || (x.Type == p9.Rerror) == r.dotl) {
		r.fail("a reply of the wrong type to %s", q.t.Text(r.dotl))
	}
	if q.blocked && !q.any && !q.flushed && !r.reset {
		r.fail("answered, though it must wait")
	}
	if err := q.judge(x, failed, r.dotl, q.flushed || r.reset); err != nil {
		r.fail("%v", err)
	}
	if !failed && q.after != nil {
		q.after()
	}
	if q.target != nil {
		r.flushedNow(q)
	}
	r.settle(q, !failed)
}

// judge holds a reply against what is expected.
func (q *mreq) judge(x *p9.Fcall, failed, dotl, ended bool) error {
	if !failed {
		if len(q.errs) > 0 && !q.may && !q.any && !(q.blocked && ended && q.errs[0] != p9.ErrInterrupted) {
			return errors.New("an error is due: " + q.errs[0].Ename)
		}
		if q.ok != nil && !q.any {
			if err := q.ok(x); err != nil {
				return err
			}
		}
		if q.got != nil {
			return q.got(x)
		}
		return nil
	}
	e := p9.Error{Ename: x.Ename, Errno: 0}
	same := func(w *p9.Error) bool {
		if w == anyError {
			return true
		}
		if dotl {
			return x.Errno == uint32(w.Errno)
		}
		return e.Ename == w.Ename
	}
	if q.any || ended && same(p9.ErrInterrupted) || slices.ContainsFunc(q.errs, same) {
		return nil
	}
	if len(q.errs) == 0 {
		return errors.New("no error is due")
	}
	return errors.New("another error is due: " + q.errs[0].Ename)
}

// flushedNow takes an Rflush: what it flushed has had its reply, or gets none.
func (r *run) flushedNow(f *mreq) {
	old := f.target
	if len(old.flushes) == 0 || old.flushes[0] != f {
		r.fail("answers to flushes of one request are out of order")
	}
	old.flushes = old.flushes[1:]
	if slices.Contains(r.reqs, old) {
		if old.target != nil {
			r.fail("an earlier Tflush has no answer yet")
		}
		r.settle(old, false)
	}
}

// settle takes a request off the list. happened says that it had its effect.
func (r *run) settle(q *mreq, happened bool) {
	r.reqs = slices.DeleteFunc(r.reqs, func(o *mreq) bool { return o == q })
	if q.record != 0 && !happened {
		delete(r.queue, q.record)
	}
	if !q.flushed || q.any {
		return
	}
	for _, c := range q.changes {
		if f := r.fids[c.num]; f == nil || !f.wild || r.usedSince(q, c.num) {
			continue // others have built on it, and cannot be known either
		}
		f := c.pre
		if happened {
			f = c.post
		}
		if f == nil {
			delete(r.fids, c.num)
		} else {
			r.fids[c.num] = f
		}
	}
}

// usedSince reports whether a fid was used after a request.
func (r *run) usedSince(q *mreq, num uint32) bool { return r.used[num] > q.seq }

// ask sends a request and notes what is due.
func (r *run) ask(t *p9.Fcall) *mreq {
	q := r.model.ask(t)
	for _, h := range q.holds {
		r.used[h.num] = q.seq
	}
	r.send(t)
	return q
}

// flush sends a Tflush.
func (r *run) flush(tag, oldtag uint16) {
	r.take(false)
	r.seq++
	f := &mreq{t: &p9.Fcall{Type: p9.Tflush, Tag: tag, Oldtag: oldtag}, seq: r.seq, free: true}
	if r.msize == 0 {
		f.errs = []*p9.Error{anyError}
	}
	for _, q := range r.reqs {
		if q.t.Tag == oldtag && r.msize != 0 {
			f.target = q
		}
	}
	r.reqs = append(r.reqs, f)
	if q := f.target; q != nil {
		q.flushes = append(q.flushes, f)
		if !q.flushed {
			q.flushed = true
			r.doubt(q)
		}
	}
	r.send(f.t)
}

// doubt makes wild what a flushed request, and those sent after it, change.
func (r *run) doubt(q *mreq) {
	wild := map[uint32]bool{}
	for _, o := range r.reqs {
		if o != q && !slices.ContainsFunc(o.holds, func(h mhold) bool { return o.seq > q.seq && wild[h.num] }) {
			continue
		}
		if o != q {
			o.any, o.free = true, false
		}
		for _, num := range touches(o.t) {
			wild[num] = true
			r.lose(num)
		}
	}
}

// sync waits until all is answered that has to be.
func (r *run) sync() {
	r.take(false)
	for slices.ContainsFunc(r.reqs, func(q *mreq) bool { return q.free }) {
		r.take(true)
	}
	for tag, n := range r.dups {
		for n > 0 && r.dups[tag] > 0 {
			r.take(true)
		}
	}
}

func (r *run) newTag() uint16 {
	if r.tag++; r.tag < 1000 || r.tag == p9.NoTag {
		r.tag = 1000
	}
	return r.tag
}

// alone brings the connection to where a request that changes files can be
// predicted: what is under way is answered or flushed, save reads, writes and
// locks that will block as long as nobody flushes them.
func (r *run) alone(fid uint32) {
	r.sync()
	for _, q := range slices.Clone(r.reqs) {
		safe := q.blocked && !q.any && len(q.holds) == 1 && q.holds[0].use == shared && q.holds[0].num != fid
		if !safe && !q.flushed && !q.free {
			r.flush(r.newTag(), q.t.Tag)
		}
	}
	for slices.ContainsFunc(r.reqs, func(q *mreq) bool { return q.free || q.any || q.flushed }) {
		r.take(true)
	}
	for _, num := range slices.Sorted(maps.Keys(r.fids)) {
		if r.fids[num].wild {
			q := r.ask(&p9.Fcall{Type: p9.Tclunk, Tag: r.newTag(), Fid: num})
			for slices.Contains(r.reqs, q) {
				r.take(true)
			}
		}
	}
}

// version says Tversion and waits for the answer: all that was is over.
func (r *run) version(dotl bool, version string, msize uint32) {
	for slices.ContainsFunc(r.reqs, func(q *mreq) bool { return q.t.Tag == p9.NoTag }) {
		r.take(true)
	}
	r.note("-> ", "Tversion "+version)
	r.reset = true
	t := &p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: msize, Version: version}
	r.out, _ = t.Append(r.out, false)
	for r.reset {
		r.take(true)
	}
	if len(r.frames) > 0 {
		r.fail("a reply after Rversion")
	}
	r.dotl = dotl && r.msize != 0
}

func (r *run) versioned(x *p9.Fcall) {
	clear(r.dups)
	r.reset, r.reqs, r.msize = false, nil, 0
	if x.Type == p9.Rversion && x.Version != p9.VersionUnknown {
		r.msize = x.Msize
	}
	relearn := false
	for _, f := range r.fids {
		if f.xw != nil {
			relearn = true
			f.f.attr[f.xw.name] = unknown
		}
		if f.open && f.mode&p9.ORCLOSE != 0 {
			relearn = true
		}
	}
	r.fids = map[uint32]*mfid{}
	r.doubtful = r.doubtful || relearn
}

// learn looks which of the files that were made are still there.
func (r *run) learn() {
	const num = 1 << 20
	r.doubtful = false
	r.enter(num)
	r.sync()
	var look func(d *plot, path []string)
	look = func(d *plot, path []string) {
		for _, p := range slices.Clone(d.ents) {
			if len(p.ents) > 0 {
				look(p, append(path, p.name))
			}
			q := r.ask(&p9.Fcall{Type: p9.Twalk, Tag: r.newTag(), Fid: num, Newfid: num + 1, Wname: append(path, p.name)})
			there := true
			ok := q.ok
			q.may, q.ok = true, func(x *p9.Fcall) error {
				if there = len(x.Wqid) == len(path)+1; !there {
					return nil
				}
				return ok(x)
			}
			r.sync()
			if !there {
				delete(r.fids, num+1)
				d.unlink(p.name, p.kind == kDir)
				continue
			}
			r.ask(&p9.Fcall{Type: p9.Tclunk, Tag: r.newTag(), Fid: num + 1})
			r.sync()
		}
	}
	look(r.root.ents[r.root.find("m")], []string{"m"})
	r.ask(&p9.Fcall{Type: p9.Tclunk, Tag: r.newTag(), Fid: num})
	r.sync()
}

// enter attaches, with a proof where that is asked for.
func (r *run) enter(num uint32) {
	t := &p9.Fcall{Type: p9.Tattach, Tag: r.newTag(), Fid: num, Afid: p9.NoFid, Uname: "glenda", Nuname: p9.NoUid,
		Aname: choose(&r.in, []string{"", "quick", "dirs", "files", r.again})}
	if r.authed {
		t.Afid = num + 1<<10
		r.ask(&p9.Fcall{Type: p9.Tauth, Tag: r.newTag(), Afid: t.Afid, Uname: "glenda", Nuname: p9.NoUid})
		r.ask(t)
		r.ask(&p9.Fcall{Type: p9.Tclunk, Tag: r.newTag(), Fid: t.Afid})
		return
	}
	r.ask(t)
}

// proofs are conversations that believe everybody but eve.
type proofs struct{ *being }

func (p *proofs) Read(_ context.Context, b []byte, off int64) (int, error) {
	defer p.use()()
	return copy(b, "prove it"[min(off, 8):]), nil
}

func (p *proofs) Write(_ context.Context, b []byte, _ int64) (int, error) {
	defer p.use()()
	return len(b), nil
}

func (p *proofs) Check(_ context.Context, uname, _ string) error {
	defer p.use()()
	if uname == "eve" {
		return p9.ErrPerm
	}
	return nil
}

// server makes the server of a orchard.
func (fm *orchard) server(authed bool) *srv.Server {
	s := &srv.Server{Attach: func(ctx context.Context, _, aname string) (srv.File, error) {
		if aname == "slow" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		st, ok := anames[aname]
		if !ok {
			return nil, p9.ErrNotExist
		}
		return (&crop{being: &being{c: fm.census}, fm: fm, st: st - 1}).file(fm.root), nil
	}}
	if authed {
		s.Auth = func(context.Context, string, string) (srv.AuthFile, error) { return &proofs{fm.being()}, nil }
	}
	return s
}
