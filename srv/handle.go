package srv

import (
	"context"
	"errors"
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
	case p9.Tattach, p9.Tauth, p9.Tlock, p9.Txattrwalk, p9.Treaddir:
		return false
	case p9.Tread, p9.Twrite, p9.Tfsync:
		return f.xattr != nil || isInline(f.handle) && !f.dir // the entries' Stats may block
	case p9.Tclunk:
		if f.xattr != nil || f.handle != nil && !isInline(f.handle) {
			return false
		}
	case p9.Tunlinkat: // without the interfaces, the entry itself is asked
		if _, ok := f.node.file.(Unlinker); !ok {
			return false
		}
	case p9.Trenameat:
		if _, ok := f.node.file.(Renamer); !ok {
			return false
		}
	}
	for _, n := range [...]*node{f.node, f.node.place.Load().parent, r.second().node} {
		if n != nil && !isInline(n.file) {
			return false
		}
	}
	return true
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
		err = r.clunk(f)
	case p9.Tremove:
		if err = f.mayRemove(ctx); err == nil {
			err = f.node.remove(ctx)
		}
		f.removed = true
		r.clunk(f)
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
	u := r.who()
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

// who is the user that Tauth or Tattach names.
func (r *req) who() *User {
	if r.c.dotl {
		return NewUser(r.t.Uname, r.t.Nuname)
	}
	return NewUser(r.t.Uname, p9.NoUid)
}

func (r *req) auth(ctx context.Context, f *fid) (rx p9.Fcall, err error) {
	if r.c.srv.Auth == nil {
		// By number this is what 9P2000.L's clients take as "attach without it".
		return rx, p9.NewError(p9.ErrNotExist.Errno, "authentication not required")
	}
	u := r.who()
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
	if r.t.Offset > math.MaxInt64 {
		return rx, p9.ErrBadOffset
	}
	switch r.t.Type {
	case p9.Tread:
		return rx, r.readInto(r.t.Count, func(p []byte) (int, error) { return f.auth.Read(ctx, p, int64(r.t.Offset)) })
	case p9.Twrite:
		n, err := f.auth.Write(ctx, r.t.Data, int64(r.t.Offset))
		rx.Count = uint32(max(0, n))
		return rx, err
	case p9.Tclunk, p9.Tremove:
		return rx, r.clunk(f)
	}
	return rx, p9.ErrBadUseFid
}

// clunk lets the fid go: before the reply where nothing else runs on it.
func (r *req) clunk(f *fid) error {
	r.c.mu.Lock()
	alone := f.ref == 1
	r.c.mu.Unlock()
	if !alone {
		return nil
	}
	return f.drop()
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

// mayRemove checks that the file may be removed from its directory.
func (f *fid) mayRemove(ctx context.Context) error {
	p := f.node.at()
	defer p.parent.unref()
	return f.allowedIn(ctx, p.parent)
}

func (r *req) walk(ctx context.Context, f *fid) (rx p9.Fcall, err error) {
	t := &r.t
	nf := r.need[1]
	if nf == nil {
		nf = f
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
		p := n.at().parent
		if p == nil {
			p = n
			p.ref.Add(1)
		}
		if inline && !isInline(p.file) {
			p.unref()
			return nil, p9.Qid{}, errNotInline
		}
		st, err := p.file.Stat(ctx)
		if err != nil {
			p.unref()
			return nil, p9.Qid{}, err
		}
		return p, st.Qid, nil
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
