package srv_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"syscall"

	"ninespace/srv/p9"
)

// What the model says of reads, writes and 9P2000.L's own requests.

func (m *model) read(r *mreq) {
	t := r.t
	f := m.fid(r, t.Fid, shared)
	if f == nil {
		return
	}
	r.got = func(x *p9.Fcall) error {
		if len(x.Data) != 1 || x.Data[0] < firstRecord {
			return nil // another file's
		}
		if !m.queue[x.Data[0]] {
			return fmt.Errorf("record %d was not put, or read before", x.Data[0])
		}
		delete(m.queue, x.Data[0])
		return nil
	}
	if f.wild {
		return
	}
	count := min(t.Count, m.msize-p9.HdrSz-4)
	if t.Count > math.MaxInt32 { // whether that is an error depends on what is read
		r.may = true
		r.bad(p9.ErrBadCount)
	}
	is := func(text string) {
		text = text[min(t.Offset, uint64(len(text))):]
		text = text[:min(int(count), len(text))]
		r.ok = func(x *p9.Fcall) error {
			if string(x.Data) != text {
				return fmt.Errorf("read %q, want %q", x.Data, text)
			}
			return nil
		}
	}
	switch {
	case f.auth && t.Offset > math.MaxInt64:
		r.bad(p9.ErrBadOffset)
		return
	case f.auth:
		is("prove it"[min(t.Offset, 8):])
		r.ok = nil
		return
	case f.xw != nil:
		r.bad(p9.ErrBadUseFid)
		return
	case f.xr != nil:
		if *f.xr != unknown {
			is(*f.xr)
		}
		return
	case !f.open || !f.mode.Readable():
		r.bad(p9.ErrBadUseFid)
		return
	case f.f.kind == kDir && m.dotl:
		r.holds[0].use = excl
		r.bad(p9.ErrIsDir)
		return
	case f.f.kind == kDir:
		r.holds[0].use = excl
		m.readDir9(r, f, count)
		return
	case t.Offset > math.MaxInt64-uint64(t.Count):
		r.may = false
		r.bad(p9.ErrBadOffset)
		return
	case t.Count > math.MaxInt32:
		r.may = false
	}
	switch f.f.kind {
	case kSink:
		r.bad(p9.ErrPerm)
	case kWaitRead:
		if r.blocked = t.Offset%2 == 0 && len(r.errs) == 0; !r.blocked {
			r.ok = func(x *p9.Fcall) error {
				if len(x.Data) != int(min(count, 1)) {
					return fmt.Errorf("read %q", x.Data)
				}
				return nil
			}
		} else {
			r.bad(p9.ErrInterrupted)
		}
	case kQueue:
		if len(r.errs) > 0 {
			return
		}
		// Whether it blocks depends on who else reads.
		r.any = true
	default:
		is(f.f.data)
	}
}

// readDir9 goes on where the last read of the fid ended.
func (m *model) readDir9(r *mreq, f *mfid, count uint32) {
	off := r.t.Offset
	if off != 0 && !f.unsure && off != f.off {
		r.may = false
		r.bad(p9.ErrDirOffset)
		return
	}
	n := *f
	if off != 0 && f.unsure {
		r.any = true
		m.set(r, r.t.Fid, &n) // what a read before it tells of where it ended holds no more
		return
	}
	if off == 0 {
		n.off, n.idx, n.room, n.unsure = 0, 0, 0, false
	}
	ents := n.f.ents
	if slices.ContainsFunc(ents, func(p *plot) bool { return p.kind == kWaitWalk }) && n.idx < len(ents) {
		// To tell of its files, the server has to walk to them.
		r.blocked = len(r.errs) == 0
		r.bad(p9.ErrInterrupted)
		n.unsure = true
		m.set(r, r.t.Fid, &n)
		return
	}
	n.unsure = f.f.path >= firstPath || f.f.name == "m" // it may have changed since
	if n.unsure {
		r.may = true
		r.bad(anyError)
	} else {
		// How much comes is the server's to say, so the rest is learnt from the reply.
		if int(count) < 200 {
			r.may = true
			r.bad(anyError)
		}
		n.unsure = true
	}
	m.set(r, r.t.Fid, &n)
	idx, sure := n.idx, !r.may || int(count) < 200 && f.f.path < firstPath && f.f.name != "m"
	r.ok = func(x *p9.Fcall) error {
		i := idx
		for b := x.Data; len(b) > 0; i++ {
			st, rest, err := p9.ParseStat(b)
			if err != nil {
				return err
			}
			if sure && (i >= len(ents) || st.Name != ents[i].name || st.Qid != ents[i].qid()) {
				return fmt.Errorf("entry %d is %q", i, st.Name)
			}
			b = rest
		}
		if sure && i == idx && i < len(ents) && int(count) > n.room {
			return errors.New("the end comes too soon")
		}
		if sure && m.fids[r.t.Fid] == &n {
			l := n
			if l.off, l.idx, l.unsure = off+uint64(len(x.Data)), i, false; len(x.Data) > 0 {
				l.room = int(count) - len(x.Data)
			}
			m.fids[r.t.Fid] = &l
		}
		return nil
	}
}

func (m *model) write(r *mreq) {
	t := r.t
	f := m.fid(r, t.Fid, shared)
	if f == nil || f.wild {
		return
	}
	count := len(t.Data)
	r.ok = func(x *p9.Fcall) error {
		if int(x.Count) != count {
			return fmt.Errorf("count %d, want %d", x.Count, count)
		}
		return nil
	}
	switch {
	case f.auth:
		if t.Offset > math.MaxInt64 {
			r.bad(p9.ErrBadOffset)
		}
		return
	case f.xr != nil:
		r.bad(p9.ErrBadUseFid)
		return
	case f.xw != nil:
		r.holds[0].use = excl
		if t.Offset != uint64(len(f.xw.got)) || t.Offset+uint64(count) > f.xw.size {
			r.bad(p9.ErrBadOffset)
			return
		}
		n, x := *f, *f.xw
		x.got += string(t.Data)
		n.xw = &x
		m.set(r, t.Fid, &n)
		return
	case !f.open || !f.mode.Writable():
		r.bad(p9.ErrBadUseFid)
		return
	case t.Offset > math.MaxInt64-uint64(count):
		r.bad(p9.ErrBadOffset)
		return
	}
	switch f.f.kind {
	case kText, kSelf, kMove, kCtl:
		r.bad(p9.ErrPerm)
	case kWaitWrite:
		switch t.Offset % 4 {
		case 0:
			r.blocked = true
			r.bad(p9.ErrInterrupted)
		case 2:
			r.blocked = true
			count = min(1, count)
			if count == 0 {
				r.bad(p9.ErrInterrupted)
			}
		}
	case kQueue:
		if count > 0 && t.Data[0] >= firstRecord {
			r.record = t.Data[0]
			m.queue[r.record] = true
		}
	case kData:
		if t.Offset > roomy || count > roomy {
			r.bad(p9.ErrorOfErrno(syscall.EFBIG))
			return
		}
		b := make([]byte, max(len(f.f.data), int(t.Offset)+count))
		copy(b, f.f.data)
		copy(b[t.Offset:], t.Data)
		f.f.data = string(b)
	}
}

func (m *model) dotlOnly(r *mreq) {
	t := r.t
	switch t.Type {
	case p9.Txattrwalk:
		m.xattrWalk(r)
		return
	case p9.Tlink: // fid is the file, dfid the directory
		m.file(r, t.Newfid, shared)
		if t.Newfid != t.Fid {
			m.file(r, t.Fid, shared)
		}
		r.bad(p9.ErrNotSup, p9.ErrUnknownFid, p9.ErrBadName)
		return
	}
	u := shared
	if t.Type == p9.Txattrcreate {
		u = excl
	}
	f := m.file(r, t.Fid, u)
	if t.Type == p9.Trename || t.Type == p9.Trenameat {
		m.rename(r, f)
		return
	}
	if f == nil {
		return
	}
	attribute := f.xr != nil || f.xw != nil
	switch t.Type {
	case p9.Tgetattr:
		r.ok = func(x *p9.Fcall) error { return sameQid(x.Attr.Qid, f.f) }
	case p9.Tsetattr:
		m.setattr(r, f)
	case p9.Treaddir:
		if !f.open || !f.mode.Readable() {
			r.bad(p9.ErrBadUseFid)
		}
		if f.f.kind != kDir {
			r.bad(p9.ErrNotDir)
		}
		if r.willing() {
			m.readdir(r, f)
		}
	case p9.Treadlink:
		r.bad(p9.ErrorOfErrno(syscall.EINVAL))
	case p9.Tlock, p9.Tgetlock:
		switch {
		case !f.open || attribute:
			r.bad(p9.ErrBadUseFid)
		case slices.Contains([]kind{kDir, kText, kSelf, kMove, kCtl, kSink}, f.f.kind):
			r.bad(p9.ErrNotSup)
		case t.Type == p9.Tgetlock:
			r.ok = func(x *p9.Fcall) error {
				if x.Lock.Type != p9.LockUnlock {
					return errors.New("locked")
				}
				return nil
			}
		case f.f.kind != kLock:
			r.bad(p9.ErrNotSup)
		case t.Lock.Flags&p9.LockFlagBlock != 0:
			r.blocked = true
			r.bad(p9.ErrInterrupted)
		default:
			r.ok = func(x *p9.Fcall) error {
				if x.Status != p9.LockBlocked {
					return fmt.Errorf("status %d", x.Status)
				}
				return nil
			}
		}
	case p9.Txattrcreate:
		if f.open || attribute {
			r.bad(p9.ErrBadUseFid)
		}
		if t.Name == "" || len(t.Name) > 255 {
			r.bad(p9.ErrorOfErrno(syscall.ERANGE))
		}
		if t.Size > 64<<10 {
			r.bad(p9.ErrorOfErrno(syscall.E2BIG))
		}
		if r.willing() {
			n := *f
			n.xw = &mxattr{t.Name, t.Size, t.Flags, ""}
			m.set(r, t.Fid, &n)
		}
	case p9.Tmkdir:
		if e := badName(t.Name); e != nil {
			r.bad(e)
		}
		if f.f.kind != kDir {
			r.bad(p9.ErrNotDir, p9.ErrPerm)
		} else if f.f.perm == 0 {
			r.bad(p9.ErrPerm)
		}
		if f.f.kind == kDir {
			if p := m.makes(r, f, t.Name, true, true); p != nil {
				r.ok = func(x *p9.Fcall) error { return sameQid(x.Qid, p) }
			}
		}
	case p9.Tunlinkat:
		if e := badName(t.Name); e != nil {
			r.bad(e)
		}
		if f.f.kind != kDir {
			r.bad(p9.ErrNotDir, p9.ErrPerm)
			break
		}
		if f.f.perm == 0 {
			r.bad(p9.ErrPerm)
		}
		if len(r.errs) == 0 {
			if e := f.f.unlink(t.Name, t.Flags&0x200 != 0); e != nil {
				r.bad(e)
			}
		}
	case p9.Tsymlink, p9.Tmknod:
		r.bad(p9.ErrNotSup, p9.ErrBadName, p9.ErrNameTooLong, p9.ErrPerm, p9.ErrNotExist, p9.ErrNotDir)
	case p9.Tstatfs, p9.Tfsync:
	default:
		r.bad(p9.ErrNotSup)
	}
}

func (m *model) xattrWalk(r *mreq) {
	t := r.t
	f := m.file(r, t.Fid, shared)
	m.claim(r, t.Newfid)
	if f == nil {
		return
	}
	if f.xr != nil || f.xw != nil {
		r.any = true
	}
	val, ok := f.f.attr[t.Name], true
	if t.Name == "" {
		var names []string
		for n, v := range f.f.attr {
			if v == unknown {
				val = unknown
			}
			names = append(names, n+"\x00")
		}
		slices.Sort(names)
		if val != unknown {
			val = strings.Join(names, "")
		}
	} else {
		_, ok = f.f.attr[t.Name]
	}
	if !ok {
		r.bad(p9.ErrorOfErrno(syscall.ENODATA))
	}
	if val == unknown {
		r.any = true
	}
	r.ok = func(x *p9.Fcall) error {
		if x.Size != uint64(len(val)) && val != unknown {
			return fmt.Errorf("size %d, want %d", x.Size, len(val))
		}
		return nil
	}
	if len(r.errs) == 0 {
		n := *f
		n.open, n.xr = false, &val
		m.set(r, t.Newfid, &n)
	}
}

func (m *model) setattr(r *mreq, f *mfid) {
	a, p := &r.t.Setattr, f.f
	if a.Valid&(p9.SetattrUid|p9.SetattrGid) != 0 || f.uname != "glenda" || f.xr != nil || f.xw != nil {
		r.may = true
		r.bad(anyError)
	}
	if a.Valid&p9.SetattrSize == 0 {
		return
	}
	if p.kind == kDir && a.Size != 0 {
		r.bad(p9.ErrIsDir)
	}
	if p.kind == kData && a.Size > roomy {
		r.bad(p9.ErrorOfErrno(syscall.EFBIG))
	}
	if p.perm&0o200 == 0 {
		r.bad(p9.ErrPerm)
	}
	apply := func() {
		if p.kind == kData {
			p.data = (p.data + string(make([]byte, roomy)))[:a.Size]
		}
	}
	if r.after = apply; len(r.errs) == 0 {
		r.after = nil
		apply()
	}
}

func (m *model) readdir(r *mreq, f *mfid) {
	ents := slices.Clone(f.f.ents)
	from := min(r.t.Offset, uint64(len(ents)))
	if from < uint64(len(ents)) && min(r.t.Count, m.msize-p9.HdrSz-4) < 24+300 {
		if r.may = true; int(r.t.Count) < 24+len(ents[from].name) {
			r.may = false
		}
		r.bad(anyError)
	}
	r.ok = func(x *p9.Fcall) error {
		l, err := p9.ParseDirents(x.Data)
		if err != nil {
			return err
		}
		if len(l) == 0 && from < uint64(len(ents)) {
			return errors.New("the end comes too soon")
		}
		for i, e := range l {
			i += int(from)
			if i >= len(ents) || ents[i].name != e.Name || ents[i].qid() != e.Qid || e.Cookie != uint64(i+1) {
				return fmt.Errorf("entry %d is %q", i, e.Name)
			}
		}
		return nil
	}
}

func (m *model) rename(r *mreq, f *mfid) {
	t := r.t
	d := f
	if t.Newfid != t.Fid {
		d = m.file(r, t.Newfid, shared)
	}
	if f != nil && f.f == m.root && t.Type == p9.Trename {
		r.bad(p9.ErrorOfErrno(syscall.EBUSY))
	}
	for _, name := range map[p9.Type][]string{p9.Trename: {t.Name}, p9.Trenameat: {t.Name, t.Name2}}[t.Type] {
		if e := badName(name); e != nil {
			r.bad(e)
		}
	}
	if f == nil || d == nil {
		return
	}
	if f.xr != nil || f.xw != nil || d.xr != nil || d.xw != nil {
		r.may = true
	}
	old, newname, from := t.Name, t.Name2, f.f
	if t.Type == p9.Trename {
		old, newname, from = f.name, t.Name, f.dir
		if f.f.gone || f.f.kind == kCtl || !f.lost && (f.f.name != f.name || f.f.up != f.dir) {
			r.bad(p9.ErrNotExist, p9.ErrPerm)
		}
		if f.lost {
			r.may = true
			old, from = f.f.name, f.f.up
		}
	}
	if from.kind != kDir {
		r.bad(p9.ErrorOfErrno(syscall.EXDEV), p9.ErrNotDir, p9.ErrWstat, p9.ErrPerm)
	}
	if from.perm == 0 || d.f.perm == 0 {
		r.bad(p9.ErrPerm)
	}
	if d.f.kind != kDir && d.f.perm&0o300 != 0o300 {
		r.bad(p9.ErrPerm)
	}
	if r.may {
		r.bad(anyError)
	}
	if len(r.errs) > 0 && !r.may {
		return
	}
	i, j := from.find(old), d.f.find(newname)
	if e := tryRename(from, i, d.f, j); e != nil {
		r.bad(e)
		return
	}
	p := from.ents[i]
	apply := func() {
		if t.Type == p9.Trename {
			m.moved(r, f, p, d.f, newname)
		} else {
			m.moved(r, nil, p, d.f, newname)
		}
	}
	if r.may {
		r.after = apply
		return
	}
	apply()
}

// tryRename says why a rename would fail.
func tryRename(from *plot, i int, to *plot, j int) *p9.Error {
	if e := from.mutable(); e != nil {
		return e
	}
	if to.kind != kDir {
		return p9.ErrNotDir
	}
	if e := to.mutable(); e != nil {
		return e
	}
	switch {
	case i < 0:
		return p9.ErrNotExist
	case from.ents[i].kind == kDir || j >= 0 && to.ents[j].kind == kDir:
		return errOdd
	}
	return nil
}
