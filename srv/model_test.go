package srv_test

import (
	"fmt"
	"slices"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A model is what a client of a orchard knows of its connection: which fids there
// are and what each stands for. It takes requests in the order in which they are
// sent and says what each is to be answered with.
type model struct {
	dotl     bool
	msize    uint32 // 0: no version agreed on
	authed   bool   // an attach needs an afid
	root     *plot
	paths    uint64
	fids     map[uint32]*mfid
	reqs     []*mreq // those without a reply, in order
	seq      int
	used     map[uint32]int // the last request that used each number of a fid
	doubtful bool           // what was made may have gone
	queue    map[byte]bool  // what was put into the queue and not got yet
	record   byte           // the last of those
}

const firstRecord = 0x80 // what is read elsewhere is less

// An mfid is what a fid stands for. It is not changed, but replaced.
type mfid struct {
	f      *plot
	dir    *plot // where it was walked, or renamed to
	name   string
	st     style
	uname  string
	open   bool
	mode   p9.Mode
	auth   bool
	xr     *string // reads an attribute
	xw     *mxattr // writes one
	off    uint64  // where a 9P2000 directory read goes on
	idx    int     // and with which entry
	room   int     // what the last one left of its count
	unsure bool    // none of the three is known
	lost   bool    // renamed by another fid
	wild   bool    // not known: a request that changes it was flushed
}

type mxattr struct {
	name  string
	size  uint64
	flags uint32
	got   string
}

type use uint8

const (
	shared use = iota // beside others
	excl
	final
)

type mhold struct {
	num uint32
	use use
}

// An mreq is a request that has no reply yet.
type mreq struct {
	t       *p9.Fcall
	seq     int
	holds   []mhold
	changes []mchange
	free    bool // it has to be answered, whatever blocks
	flushes []*mreq
	flushed bool
	target  *mreq // of a Tflush
	record  byte  // that it puts into the queue

	// What is expected.
	any     bool
	blocked bool                    // no reply unless flushed
	errs    []*p9.Error             // one of these, unless empty
	may     bool                    // or success
	ok      func(r *p9.Fcall) error // checks a success
	got     func(r *p9.Fcall) error // checks any success
	after   func()                  // the effect of a success that may be
}

type mchange struct {
	num       uint32
	pre, post *mfid
}

// anyError stands for any.
var anyError = &p9.Error{Ename: "*"}

func (r *mreq) bad(errs ...*p9.Error) { r.errs = append(r.errs, errs...) }

// fid gives a fid that the request uses, nil where there is none.
func (m *model) fid(r *mreq, num uint32, u use) *mfid {
	f := m.fids[num]
	r.holds = append(r.holds, mhold{num, u})
	if f == nil {
		r.bad(p9.ErrUnknownFid)
		return nil
	}
	r.any = r.any || f.wild
	return f
}

// claim makes the request one that makes a fid.
func (m *model) claim(r *mreq, num uint32) {
	defer func() { r.holds = append(r.holds, mhold{num, excl}) }()
	if m.fids[num] != nil || num == p9.NoFid {
		r.bad(p9.ErrFidInUse)
		r.any = r.any || m.fids[num] != nil && m.fids[num].wild
		return
	}
	for _, q := range m.reqs {
		for _, h := range q.holds {
			if h.num == num && h.use != shared { // who has the number has perhaps gone, and perhaps not
				r.any = true
			}
		}
	}
}

// set changes what a fid stands for, as far as the client knows.
func (m *model) set(r *mreq, num uint32, f *mfid) {
	r.changes = append(r.changes, mchange{num, m.fids[num], f})
	if f == nil {
		delete(m.fids, num)
	} else {
		m.fids[num] = f
	}
}

// lose gives up knowing what a fid stands for.
func (m *model) lose(num uint32) {
	if f := m.fids[num]; f != nil {
		if f.xw != nil {
			f.f.attr[f.xw.name] = unknown
		}
		m.doubtful = m.doubtful || f.open && f.mode&p9.ORCLOSE != 0
	}
	m.fids[num] = &mfid{wild: true}
}

// ask takes a request and says what it is to be answered with.
func (m *model) ask(t *p9.Fcall) *mreq {
	m.seq++
	r := &mreq{t: t, seq: m.seq}
	switch {
	case t.Tag == p9.NoTag:
		r.bad(anyError)
	case m.msize == 0:
		r.bad(p9.NewError(p9.ErrBotch.Errno, "version not agreed on"))
	case t.Type&1 != 0:
		r.bad(p9.NewError(p9.ErrBotch.Errno, t.Type.String()+" is not a request"))
	default:
		m.expect(r)
	}
	if r.any {
		r.blocked = false
		for _, num := range touches(t) {
			if m.lose(num); t.Type == p9.Tclunk || t.Type == p9.Tremove {
				delete(m.fids, num)
			}
		}
	}
	if r.free = !r.any && !r.blocked; r.free {
		for _, q := range m.reqs {
			r.free = r.free && (q.free || !q.delays(r))
		}
	}
	m.reqs = append(m.reqs, r)
	return r
}

// touches gives the fids that a request may change.
func touches(t *p9.Fcall) []uint32 {
	switch t.Type {
	case p9.Tauth:
		return []uint32{t.Afid}
	case p9.Twalk, p9.Txattrwalk:
		return []uint32{t.Newfid}
	case p9.Tattach, p9.Topen, p9.Tlopen, p9.Tcreate, p9.Tlcreate, p9.Txattrcreate, p9.Tclunk, p9.Tremove:
		return []uint32{t.Fid}
	}
	return nil
}

// delays reports whether r may have to wait for q, which is not free.
func (q *mreq) delays(r *mreq) bool {
	for _, a := range q.holds {
		for _, b := range r.holds {
			if a.num == b.num && (a.use != shared || b.use == excl) {
				return true
			}
		}
	}
	return false
}

// willing says what may be done, where nothing is wrong.
func (r *mreq) willing() bool { return len(r.errs) == 0 && !r.blocked }

func (m *model) expect(r *mreq) {
	t := r.t
	switch t.Type {
	case p9.Tauth:
		m.claim(r, t.Afid)
		if !m.authed {
			r.bad(p9.NewError(p9.ErrNotExist.Errno, "authentication not required"))
		}
		if r.willing() {
			m.set(r, t.Afid, &mfid{auth: true, uname: t.Uname})
		}
	case p9.Tattach:
		m.attach(r)
	case p9.Twalk:
		m.walk(r)
	case p9.Topen:
		m.open(r, p9.Mode(t.Mode))
	case p9.Tlopen:
		m.open(r, p9.ModeOfLinux(t.Flags))
	case p9.Tcreate:
		if t.Perm&(p9.DMSYMLINK|p9.DMDEVICE|p9.DMNAMEDPIPE|p9.DMSOCKET) != 0 {
			r.bad(p9.ErrPerm)
		}
		m.create(r, t.Perm&p9.DMDIR != 0, p9.Mode(t.Mode)|p9.OEXCL)
	case p9.Tlcreate:
		m.create(r, false, p9.ModeOfLinux(t.Flags))
	case p9.Tread:
		m.read(r)
	case p9.Twrite:
		m.write(r)
	case p9.Tclunk:
		m.clunk(r)
	case p9.Tremove:
		m.remove(r)
	case p9.Tstat:
		if f := m.file(r, t.Fid, shared); f != nil {
			r.ok = func(x *p9.Fcall) error {
				st, rest, err := p9.ParseStat(x.Stat)
				if err != nil || len(rest) > 0 {
					return fmt.Errorf("bad stat: %v", err)
				}
				if st.Name != f.name && !f.lost || st.Qid != f.f.qid() {
					return fmt.Errorf("stat of %q %v, want %q %v", st.Name, st.Qid, f.name, f.f.qid())
				}
				return nil
			}
		}
	case p9.Twstat:
		m.wstat(r)
	default:
		m.dotlOnly(r)
	}
}

// file gives a fid that stands for a file, which is not one of an afid's.
func (m *model) file(r *mreq, num uint32, u use) *mfid {
	f := m.fid(r, num, u)
	if f == nil || f.wild {
		return nil
	}
	if f.auth {
		r.bad(p9.ErrBadUseFid)
		return nil
	}
	return f
}

func (m *model) attach(r *mreq) {
	t := r.t
	if t.Afid != p9.NoFid {
		if af := m.fid(r, t.Afid, shared); af != nil && !af.auth {
			r.bad(p9.ErrBadUseFid)
		}
		if t.Uname == "eve" {
			r.bad(p9.ErrPerm)
		}
	} else if m.authed {
		r.bad(p9.ErrNoAuth)
	}
	m.claim(r, t.Fid)
	st := anames[t.Aname]
	switch {
	case t.Aname == "slow":
		r.blocked = len(r.errs) == 0
		return
	case st == 0:
		r.bad(p9.ErrNotExist)
	}
	r.ok = func(x *p9.Fcall) error { return sameQid(x.Qid, m.root) }
	if r.willing() {
		m.set(r, t.Fid, &mfid{f: m.root, dir: m.root, name: "/", st: st - 1, uname: t.Uname})
	}
}

// anames gives 1 and the style for each attach name.
var anames = map[string]style{"": 1, "quick": 1 + allQuick, "dirs": 1 + quickDirs, "files": 1 + quickFiles, "again": 1 + allAgain}

func sameQid(q p9.Qid, p *plot) error {
	if q != p.qid() {
		return fmt.Errorf("qid %v, want %v", q, p.qid())
	}
	return nil
}

func badName(name string) *p9.Error {
	if err := srv.CheckName(name); err != nil {
		return p9.ErrorOf(err)
	}
	return nil
}

func (m *model) walk(r *mreq) {
	t := r.t
	u := shared
	if t.Newfid == t.Fid {
		u = excl
	}
	f := m.file(r, t.Fid, u)
	if u != excl {
		m.claim(r, t.Newfid)
	}
	if len(t.Wname) > p9.MaxWelem {
		r.bad(p9.NewError(p9.ErrBotch.Errno, "too many names in walk"))
	}
	if f == nil {
		return
	}
	if f.open && (u == excl || !m.dotl) || f.xr != nil || f.xw != nil {
		r.bad(p9.ErrBadUseFid)
	}
	n := *f
	n.open, n.off, n.idx, n.room, n.unsure = false, 0, 0, 0, false
	var qids []p9.Qid
	for _, name := range t.Wname {
		next, e := n.step(name)
		if name == ".." && len(qids) > 0 && n.f.kind != kDir {
			next, e = nil, p9.ErrNotDir
		}
		if next != nil && next.kind == kWaitWalk {
			r.blocked = len(r.errs) == 0
			break
		}
		if e == nil && next == nil { // renamed, and where it is now is not known
			r.any = true
			break
		}
		if e != nil {
			if len(qids) == 0 {
				r.bad(e)
			}
			break
		}
		if n.f, n.dir, n.name, n.lost = next, next.up, next.name, false; name != ".." && next.up != next {
			n.name = name
		}
		qids = append(qids, n.f.qid())
	}
	if r.blocked && len(qids) == 0 {
		r.bad(p9.ErrInterrupted)
	}
	r.ok = func(x *p9.Fcall) error {
		if !slices.Equal(x.Wqid, qids) {
			return fmt.Errorf("qids %v, want %v", x.Wqid, qids)
		}
		return nil
	}
	if r.willing() && len(qids) == len(t.Wname) {
		m.set(r, t.Newfid, &n)
	}
}

// step walks one name. nil and nil means that it cannot be said.
func (f *mfid) step(name string) (*plot, *p9.Error) {
	switch {
	case name == ".." && f.lost && f.f.kind != kDir:
		return nil, nil
	case name == ".." && f.f.kind == kDir:
		return f.f.up, nil
	case name == "..":
		return f.dir, nil
	case f.f.kind != kDir:
		return nil, p9.ErrNotDir
	}
	if e := badName(name); e != nil {
		return nil, e
	}
	if f.f.perm&0o100 == 0 {
		return nil, p9.ErrPerm
	}
	if i := f.f.find(name); i >= 0 {
		return f.f.ents[i], nil
	}
	return nil, p9.ErrNotExist
}

func (m *model) open(r *mreq, mode p9.Mode) {
	f := m.file(r, r.t.Fid, excl)
	if f == nil {
		return
	}
	if f.open || f.xr != nil || f.xw != nil {
		r.bad(p9.ErrOpen)
		return
	}
	dir := f.f.kind == kDir
	want := map[p9.Mode]uint32{p9.OREAD: 0o400, p9.OWRITE: 0o200, p9.ORDWR: 0o600, p9.OEXEC: 0o100}[mode&3]
	if mode&p9.OTRUNC != 0 {
		want |= 0o200
	}
	if uint32(f.f.perm)&want != want {
		r.bad(p9.ErrPerm)
	}
	if dir && (mode.Writable() || mode&p9.OTRUNC != 0) {
		r.bad(p9.ErrIsDir)
	}
	if !dir && mode&p9.ODIRECTORY != 0 {
		r.bad(p9.ErrNotDir)
	}
	n := *f
	n.open, n.mode = true, mode
	switch f.f.kind {
	case kOdd:
		r.bad(errOdd)
	case kWaitOpen:
		r.blocked = len(r.errs) == 0
		r.bad(p9.ErrInterrupted)
		return
	case kDeafOpen:
		r.blocked = len(r.errs) == 0
	case kClone:
		n.f = newCtl()
	}
	r.ok = func(x *p9.Fcall) error {
		if x.Iounit > m.msize-p9.IOHdrSz {
			return fmt.Errorf("iounit %d with msize %d", x.Iounit, m.msize)
		}
		return sameQid(x.Qid, n.f)
	}
	if len(r.errs) == 0 {
		if mode&p9.OTRUNC != 0 && f.f.kind == kData {
			f.f.data = ""
		}
		m.set(r, r.t.Fid, &n)
	}
}

func (m *model) create(r *mreq, dir bool, mode p9.Mode) {
	t := r.t
	f := m.file(r, t.Fid, excl)
	if f == nil {
		return // as all that makes files, it is asked only of fids that are known
	}
	if f.open || f.xr != nil || f.xw != nil {
		r.bad(p9.ErrOpen)
	}
	if f.f.kind != kDir {
		r.bad(p9.ErrNotDir)
	} else if f.f.perm == 0 {
		r.bad(p9.ErrPerm)
	}
	if e := badName(t.Name); e != nil {
		r.bad(e)
	}
	if dir && mode.Writable() {
		r.bad(p9.ErrIsDir)
	}
	p := m.makes(r, f, t.Name, dir, mode&p9.OEXCL != 0)
	if p == nil {
		return
	}
	if mode&p9.OTRUNC != 0 {
		p.data = ""
	}
	r.ok = func(x *p9.Fcall) error { return sameQid(x.Qid, p) }
	m.set(r, t.Fid, &mfid{f: p, dir: f.f, name: t.Name, st: f.st, uname: f.uname, open: true, mode: mode})
}

// makes gives the file that a directory makes, nil where it is an error.
func (m *model) makes(r *mreq, f *mfid, name string, dir, exclusive bool) *plot {
	if e := f.f.mutable(); e != nil {
		r.bad(e)
	}
	i := f.f.find(name)
	switch {
	case i >= 0 && (dir || exclusive || f.f.ents[i].kind == kDir):
		r.bad(p9.ErrExist)
	case i < 0 && m.paths >= firstPath+maxMade:
		r.bad(p9.ErrorOfErrno(syscall.ENOSPC))
	}
	if len(r.errs) > 0 {
		return nil
	}
	if i >= 0 {
		return f.f.ents[i]
	}
	p := f.f.made(name, m.paths, dir)
	m.paths++
	return p
}

func (m *model) clunk(r *mreq) {
	f := m.fid(r, r.t.Fid, final)
	if f == nil || f.wild {
		return
	}
	if x := f.xw; x != nil {
		old, had := f.f.attr[x.name]
		switch {
		case old == unknown:
			r.may = true
			r.bad(anyError)
		case uint64(len(x.got)) != x.size:
			r.bad(p9.ErrIO)
		case x.size == 0 && x.flags == 2 && had:
			delete(f.f.attr, x.name)
		case x.flags == 1 && had:
			r.bad(p9.ErrExist)
		case x.flags == 2 && !had:
			r.bad(p9.ErrorOfErrno(syscall.ENODATA))
		default:
			f.f.attr[x.name] = x.got
		}
	}
	if f.open && f.mode&p9.ORCLOSE != 0 {
		m.gone(f)
	}
	m.set(r, r.t.Fid, nil)
}

// unknown is the value of an attribute that is not known.
const unknown = "?"

// gone removes a file whose fid was opened to be removed on close.
func (m *model) gone(f *mfid) {
	if f.lost { // by the name that it had, or the one that it has
		m.doubtful = true
	} else if f.f.path >= firstPath && !f.f.gone && f.dir == f.f.up && f.name == f.f.name {
		f.f.up.unlink(f.f.name, f.f.kind == kDir)
	}
}

func (m *model) remove(r *mreq) {
	f := m.fid(r, r.t.Fid, final)
	if f == nil || f.wild {
		return
	}
	if f.xw != nil {
		f.f.attr[f.xw.name] = unknown
	}
	if !f.auth {
		switch p := f.f; {
		case f.xr != nil || f.xw != nil:
			r.bad(p9.ErrorOfErrno(syscall.EINVAL))
		case p == m.root:
			r.bad(p9.NewError(syscall.EPERM, "cannot remove root"))
		case f.lost:
			r.may = true
			r.bad(anyError)
			r.after = func() { p.up.unlink(p.name, p.kind == kDir) }
		case p.kind == kCtl, p.gone, f.name != p.name, f.dir != p.up:
			r.bad(p9.ErrNotExist, p9.ErrPerm) // not what the name stands for now
		default:
			if e := p.up.unlink(p.name, p.kind == kDir); e != nil {
				r.bad(e)
			}
		}
	}
	if f.auth {
		r.may = true
		r.bad(p9.ErrBadUseFid)
	}
	m.set(r, r.t.Fid, nil)
}

func (m *model) wstat(r *mreq) {
	f := m.file(r, r.t.Fid, shared)
	if f == nil {
		return
	}
	w, err := p9.ParseWstat(r.t.Stat)
	if err != nil {
		r.bad(p9.ErrBadStat)
		return
	}
	p, dir := f.f, f.f.kind == kDir
	if w.Valid&p9.WMode != 0 && w.Mode.IsDir() != dir {
		r.bad(p9.ErrorOfText("wstat can't convert between files and directories"))
	}
	if f.uname != "glenda" || w.Valid&(p9.WUid|p9.WGid) != 0 || f.xr != nil || f.xw != nil || f.lost {
		r.may = true
		r.bad(anyError)
	}
	if w.Valid&p9.WLength != 0 && (dir && w.Length != 0 || p.kind == kData && w.Length > roomy) {
		r.bad(p9.ErrIsDir, p9.ErrorOfErrno(syscall.EFBIG))
	}
	if w.Valid&p9.WLength != 0 && p.perm&0o200 == 0 {
		r.bad(p9.ErrPerm)
	}
	rename := w.Valid&p9.WName != 0 && (f.lost || w.Name != f.name)
	if rename {
		if e := badName(w.Name); e != nil {
			r.bad(e)
		}
		if p == m.root {
			r.bad(p9.ErrWstat)
		}
		if p.kind == kCtl || p.gone || !f.lost && (f.name != p.name || f.dir != p.up) {
			r.bad(p9.ErrNotExist, p9.ErrPerm)
		}
		if !f.lost && f.dir.find(w.Name) >= 0 {
			r.bad(p9.ErrExist)
		}
	}
	apply := func() {
		if rename {
			m.moved(r, f, p, p.up, w.Name)
		}
		if w.Valid&p9.WLength != 0 && p.kind == kData {
			p.data = (p.data + string(make([]byte, roomy)))[:w.Length]
		}
	}
	switch {
	case r.may:
		r.after = apply
	case len(r.errs) == 0:
		if rename {
			if e := p.up.mutable(); e != nil || dir {
				r.bad(p9.ErrPerm, errOdd, p9.ErrNotExist)
				return
			}
		}
		apply()
	}
}

// moved renames a file, by fid r.t.Fid where f is given. Whoever else holds it does not learn of it.
func (m *model) moved(r *mreq, f *mfid, p, to *plot, name string) {
	p.up.rename(p.name, to, name)
	for num, g := range m.fids {
		if g.f != p {
			continue
		}
		n := *g
		n.lost = true
		if f != nil && num == r.t.Fid && !f.lost {
			n.lost, n.dir, n.name = false, to, name
		}
		m.fids[num] = &n
	}
}
