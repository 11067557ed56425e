package srv

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math"

	"ninespace/srv/p9"
)

// errNotInline says that a request which began on the reading goroutine met a
// file whose methods may block: it is done again on a goroutine of its own.
var errNotInline = errors.New("not inline")

func isInline(v any) bool {
	_, ok := v.(Inline)
	return ok
}

// inline reports whether the request can run on the reading goroutine.
func (r *req) inline() bool {
	f := r.need[0]
	if f == nil || f.node == nil {
		return r.stale || r.t.Type != p9.Tattach && r.t.Type != p9.Tauth && (f == nil || f.auth == nil)
	}
	switch r.t.Type {
	case p9.Tattach, p9.Tauth, p9.Tlock, p9.Txattrwalk:
		return false
	case p9.Tread, p9.Twrite, p9.Treaddir, p9.Tfsync:
		return f.xattr != nil || isInline(f.handle)
	case p9.Tclunk:
		return f.xattr == nil && isInline(f.node.file) && (f.handle == nil || isInline(f.handle))
	}
	return isInline(f.node.file)
}

// handle does what the request asks and returns the reply's fields.
func (r *req) handle(ctx context.Context) (p9.Fcall, error) {
	rx, err := r.route(ctx)
	if err != nil && r.rbuf != nil {
		r.rbuf.free()
		r.rbuf = nil
	}
	return rx, err
}

func (r *req) route(ctx context.Context) (rx p9.Fcall, err error) {
	if r.bad != nil {
		return rx, r.bad
	}
	if r.stale {
		return rx, p9.ErrUnknownFid
	}
	f, t := r.need[0], &r.t
	switch t.Type {
	case p9.Tauth:
		return r.auth(ctx, f)
	case p9.Tattach:
		return r.attach(ctx, f)
	}
	if ctx.Err() != nil && t.Type != p9.Tclunk && t.Type != p9.Tremove {
		return rx, p9.ErrInterrupted
	}
	if f.auth != nil {
		return r.authIO(ctx, f)
	}
	if f.node == nil {
		return rx, p9.ErrUnknownFid
	}
	switch t.Type {
	case p9.Twalk:
		return r.walk(ctx, f)
	case p9.Topen:
		rx.Qid, err = f.openFile(ctx, p9.Mode(t.Mode))
		rx.Iounit = r.c.msize - p9.IOHdrSz
	case p9.Tlopen:
		rx.Qid, err = f.openFile(ctx, p9.ModeOfLinux(t.Flags))
		rx.Iounit = r.c.msize - p9.IOHdrSz
	case p9.Tcreate:
		rx.Qid, err = f.createFile(ctx, t.Name, p9.FileMode(t.Perm), p9.Mode(t.Mode)|p9.OEXCL, true)
		rx.Iounit = r.c.msize - p9.IOHdrSz
	case p9.Tlcreate:
		rx.Qid, err = f.createFile(ctx, t.Name, p9.ModeOfUnix(t.Perm)&^fs.ModeType, p9.ModeOfLinux(t.Flags), false)
		rx.Iounit = r.c.msize - p9.IOHdrSz
	case p9.Tread:
		return rx, r.read(ctx, f)
	case p9.Twrite:
		rx.Count, err = f.write(ctx, t)
	case p9.Tclunk:
		err = r.clunk(ctx, f)
	case p9.Tremove:
		if err = f.allowedIn(ctx, f.node.parent()); err == nil {
			err = f.node.remove(ctx)
		}
		f.mode &^= p9.ORCLOSE
		r.clunk(ctx, f)
	case p9.Tstat:
		rx.Stat, err = f.stat9(ctx)
	case p9.Twstat:
		err = f.wstat9(ctx, r.t.Stat)
	default:
		return r.dotl(ctx, f)
	}
	return rx, err
}

func (r *req) attach(ctx context.Context, f *fid) (rx p9.Fcall, err error) {
	t := &r.t
	nuname := uint32(p9.NoUid)
	if r.c.dotl {
		nuname = t.Nuname
	}
	u := NewUser(t.Uname, nuname)
	switch af := r.need[1]; {
	case af != nil && af.auth == nil:
		return rx, p9.ErrBadUseFid
	case af != nil:
		if err := af.auth.Check(ctx, u.Name, t.Aname); err != nil {
			return rx, err
		}
	case r.c.srv.Auth != nil:
		return rx, p9.ErrNoAuth
	}
	uctx := WithUser(r.c.base, u)
	actx := &reqCtx{Context: uctx}
	stop := context.AfterFunc(ctx, actx.cancel)
	defer stop()
	root, err := r.c.srv.Attach(actx, u.Name, t.Aname)
	if err != nil {
		return rx, err
	}
	st, err := root.Stat(actx)
	if err != nil {
		Clunk(root)
		return rx, err
	}
	f.ctx, f.user = uctx, u
	f.node = newNode(root, "/", nil)
	rx.Qid = st.Qid
	return rx, nil
}

func (r *req) auth(ctx context.Context, f *fid) (rx p9.Fcall, err error) {
	if r.c.srv.Auth == nil {
		// By number this is what 9P2000.L's clients take as "attach without it".
		return rx, p9.NewError(p9.ErrNotExist.Errno, "authentication not required")
	}
	u := NewUser(r.t.Uname, p9.NoUid)
	af, err := r.c.srv.Auth(ctx, u.Name, r.t.Aname)
	if err != nil {
		return rx, err
	}
	f.ctx, f.user, f.auth = WithUser(r.c.base, u), u, af
	rx.Qid = p9.Qid{Type: p9.QTAUTH, Path: NewPath()}
	return rx, nil
}

// authIO is all that can be done with an afid.
func (r *req) authIO(ctx context.Context, f *fid) (rx p9.Fcall, err error) {
	switch r.t.Type {
	case p9.Tread:
		return rx, r.readInto(r.t.Count, func(p []byte) (int, error) { return f.auth.Read(ctx, p, int64(r.t.Offset)) })
	case p9.Twrite:
		n, err := f.auth.Write(ctx, r.t.Data, int64(r.t.Offset))
		rx.Count = uint32(max(0, n))
		return rx, err
	case p9.Tclunk, p9.Tremove:
		Clunk(f.auth)
		return rx, nil
	}
	return rx, p9.ErrBadUseFid
}

// clunk lets the fid go: before the reply where nothing else runs on it.
func (r *req) clunk(ctx context.Context, f *fid) error {
	r.c.mu.Lock()
	alone := f.ref == 1
	r.c.mu.Unlock()
	if !alone {
		return nil
	}
	return f.drop(context.WithoutCancel(ctx))
}

// need checks a permission by the file's mode, unless the file does it itself.
func (f *fid) allowed(ctx context.Context, file File, want fs.FileMode) error {
	if _, ok := file.(Guard); ok {
		return nil
	}
	st, err := file.Stat(ctx)
	if err != nil {
		return err
	}
	if !f.user.Allowed(&st, want) {
		return p9.ErrPerm
	}
	return nil
}

// allowedIn checks that entries of a directory may be made and removed.
func (f *fid) allowedIn(ctx context.Context, dir *node) error {
	if dir == nil {
		return nil // the root: the operation itself says why not
	}
	return f.allowed(ctx, dir.file, 3)
}

func (r *req) walk(ctx context.Context, f *fid) (rx p9.Fcall, err error) {
	t := &r.t
	nf := r.need[1]
	if nf == nil {
		nf = f
	}
	if len(t.Wname) > p9.MaxWelem {
		return rx, p9.NewError(p9.ErrBotch.Errno, "too many names in walk")
	}
	// walk(5) wants a fid that is not open; 9P2000.L's clients walk from open
	// directories too.
	if f.open && (nf == f || !r.c.dotl) || f.xattr != nil {
		return rx, p9.ErrBadUseFid
	}
	inline := r.ctx == nil
	n := f.node
	n.ref.Add(1)
	rx.Wqid = make([]p9.Qid, 0, len(t.Wname))
	for _, name := range t.Wname {
		var next *node
		var q p9.Qid
		if inline && !isInline(n.file) {
			err = errNotInline
		} else {
			next, q, err = f.step(ctx, n, name, inline)
		}
		if err != nil {
			break
		}
		n.unref()
		n = next
		rx.Wqid = append(rx.Wqid, q)
	}
	if err != nil {
		n.unref()
		if len(rx.Wqid) == 0 || err == errNotInline {
			return p9.Fcall{}, err
		}
		return rx, nil // a walk that got somewhere says how far; newfid is not made
	}
	old := nf.node
	nf.node, nf.ctx, nf.user = n, f.ctx, f.user
	old.unref()
	return rx, nil
}

// step walks one name and returns a node that the caller owns.
func (f *fid) step(ctx context.Context, n *node, name string, inline bool) (*node, p9.Qid, error) {
	if name == ".." {
		if p := n.parent(); p != nil {
			n = p
		}
		st, err := n.file.Stat(ctx)
		if err != nil {
			return nil, p9.Qid{}, err
		}
		n.ref.Add(1)
		return n, st.Qid, nil
	}
	if _, ok := n.file.(Walker); !ok {
		return nil, p9.Qid{}, p9.ErrNotDir
	}
	if err := CheckName(name); err != nil {
		return nil, p9.Qid{}, err
	}
	if err := f.allowed(ctx, n.file, 1); err != nil {
		return nil, p9.Qid{}, err
	}
	c, err := Walk(ctx, n.file, name)
	if err != nil {
		return nil, p9.Qid{}, err
	}
	if inline && !isInline(c) {
		Clunk(c)
		return nil, p9.Qid{}, errNotInline
	}
	st, err := c.Stat(ctx)
	if err != nil {
		Clunk(c)
		return nil, p9.Qid{}, err
	}
	return newNode(c, name, n), st.Qid, nil
}

// wants gives the permissions that a mode needs.
func wants(mode p9.Mode) fs.FileMode {
	var w fs.FileMode
	switch mode & 3 {
	case p9.OREAD:
		w = 4
	case p9.OWRITE:
		w = 2
	case p9.ORDWR:
		w = 6
	case p9.OEXEC:
		w = 1
	}
	if mode&p9.OTRUNC != 0 {
		w |= 2
	}
	return w
}

func (f *fid) openFile(ctx context.Context, mode p9.Mode) (p9.Qid, error) {
	if f.open || f.xattr != nil {
		return p9.Qid{}, p9.ErrOpen
	}
	st, err := f.node.file.Stat(ctx)
	if err != nil {
		return st.Qid, err
	}
	if _, guard := f.node.file.(Guard); !guard && !f.user.Allowed(&st, wants(mode)) {
		return st.Qid, p9.ErrPerm
	}
	if st.Mode.IsDir() && (mode.Writable() || mode&p9.OTRUNC != 0) {
		return st.Qid, p9.ErrIsDir
	}
	if !st.Mode.IsDir() && mode&p9.ODIRECTORY != 0 {
		return st.Qid, p9.ErrNotDir
	}
	if mode&p9.ORCLOSE != 0 {
		if err := f.allowedIn(ctx, f.node.parent()); err != nil {
			return st.Qid, err
		}
	}
	h, err := Open(ctx, f.node.file, mode)
	if err != nil {
		return st.Qid, err
	}
	if hf, ok := h.(File); ok && !sameFile(h, f.node.file) {
		if st, err = hf.Stat(ctx); err != nil {
			Clunk(h)
			return st.Qid, err
		}
		old := f.node
		f.node = newNode(hf, old.name(), old.parent())
		old.unref()
	}
	f.opened(h, mode, st.Mode.IsDir())
	return st.Qid, nil
}

func (f *fid) opened(h Handle, mode p9.Mode, dir bool) {
	f.handle, f.mode, f.open, f.dir, f.dirOff, f.cookie = h, mode, true, dir, 0, 0
}

// createFile makes a file and moves the fid to it. With inherit, the directory
// limits the permissions, as open(5) has it; Linux's umask is the client's.
func (f *fid) createFile(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode, inherit bool) (q p9.Qid, err error) {
	if f.open || f.xattr != nil {
		return q, p9.ErrOpen
	}
	dir := f.node
	if err = CheckName(name); err != nil {
		return q, err
	}
	st, err := dir.file.Stat(ctx)
	if err != nil {
		return q, err
	}
	if !st.Mode.IsDir() {
		return q, p9.ErrNotDir
	}
	if _, guard := dir.file.(Guard); !guard && !f.user.Allowed(&st, 3) {
		return q, p9.ErrPerm
	}
	if inherit {
		keep := fs.FileMode(0o111)
		if perm.IsDir() {
			keep = 0
		}
		perm &= ^fs.FileMode(0o777) | keep | st.Mode.Perm()
	}
	if perm.IsDir() && mode.Writable() {
		return q, p9.ErrIsDir
	}
	file, h, err := Create(ctx, dir.file, name, perm, mode)
	if err != nil {
		return q, err
	}
	if st, err = file.Stat(ctx); err != nil {
		if !sameFile(h, file) {
			Clunk(h)
		}
		Clunk(file)
		return q, err
	}
	f.node = newNode(file, name, dir)
	dir.unref()
	f.opened(h, mode, st.Mode.IsDir())
	return st.Qid, nil
}

// readInto gives read a frame's room for count bytes and makes the frame the reply.
func (r *req) readInto(count uint32, read func([]byte) (int, error)) error {
	const head = p9.HdrSz + 4
	c := r.c
	count = min(count, c.msize-head)
	if c.reading.Add(int64(count)) > readBudget {
		// Too much memory waits in reads already: a short read is no error.
		c.reading.Add(-int64(count))
		count = min(count, shortRead)
		c.reading.Add(int64(count))
	}
	defer c.reading.Add(-int64(count))
	buf := getBuf(head + int(count))
	n, err := read(buf.b[head:])
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil && n <= 0 {
		buf.free()
		return err
	}
	n = max(0, min(n, int(count)))
	buf.b = buf.b[:head+n]
	binary.LittleEndian.PutUint32(buf.b, uint32(head+n))
	buf.b[4] = byte(r.t.Type + 1)
	binary.LittleEndian.PutUint16(buf.b[5:], r.t.Tag)
	binary.LittleEndian.PutUint32(buf.b[7:], uint32(n))
	r.rbuf = buf
	return nil
}

func (r *req) read(ctx context.Context, f *fid) error {
	t := &r.t
	switch {
	case f.xattr != nil:
		return r.readInto(t.Count, func(p []byte) (int, error) { return f.xattr.read(p, t.Offset) })
	case !f.open || !f.mode.Readable():
		return p9.ErrBadUseFid
	case t.Count > math.MaxInt32:
		return p9.ErrBadCount
	case f.dir && r.c.dotl:
		return p9.ErrIsDir
	case f.dir:
		return r.readInto(t.Count, func(p []byte) (int, error) { return f.readDir9(ctx, p, t.Offset) })
	case t.Offset > math.MaxInt64-uint64(t.Count):
		return p9.ErrBadOffset
	}
	h, ok := f.handle.(Reader)
	if !ok {
		return p9.ErrPerm
	}
	return r.readInto(t.Count, func(p []byte) (int, error) { return h.Read(ctx, p, int64(t.Offset)) })
}

func (f *fid) write(ctx context.Context, t *p9.Fcall) (uint32, error) {
	switch {
	case f.xattr != nil:
		return f.xattr.write(t.Data, t.Offset)
	case !f.open || !f.mode.Writable():
		return 0, p9.ErrBadUseFid
	case t.Offset > math.MaxInt64-uint64(len(t.Data)):
		return 0, p9.ErrBadOffset
	}
	h, ok := f.handle.(Writer)
	if !ok {
		return 0, p9.ErrPerm
	}
	n, err := h.Write(ctx, t.Data, int64(t.Offset))
	if n > 0 && err != nil && !errors.Is(err, context.Canceled) {
		err = nil // what was taken was taken; the next write tells why no more is
	}
	return uint32(max(0, min(n, len(t.Data)))), err
}
