package srv

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"syscall"

	"ninespace/srv/p9"
)

func isInline(v any) bool {
	_, ok := v.(Inline)
	return ok
}

// inline reports whether the request can run on the reading goroutine. c.mu is
// held.
func (r *req) inline() bool {
	f := r.need[0]
	if f == nil || f.node == nil {
		return r.stale || r.t.Type != p9.Tattach && r.t.Type != p9.Tauth && (f == nil || f.auth == nil)
	}
	if r.changes(f) && r.c.srv.Leases.others(r.c.holder.Load()) {
		return false // it may have to wait for them
	}
	switch r.t.Type {
	case p9.Tread, p9.Twrite, p9.Tfsync, p9.Treaddir:
		// A 9P2000 directory's entries are looked at one by one, and may block.
		return f.xattr != nil || f.quick && (!f.dir || r.c.dotl)
	case p9.Tgetattr, p9.Tstat:
		return f.node.inline
	case p9.Twalk: // looks itself, as it goes
		return f.node.inline
	case p9.Tclunk:
		return f.node.inline && (!f.own || f.quick) && (f.xattr == nil || !f.xattr.set) && f.mode&p9.ORCLOSE == 0
	case p9.Topen:
		if p9.Mode(r.t.Mode)&p9.ORCLOSE != 0 { // asks the parent too
			return false
		}
	case p9.Tattach, p9.Tauth, p9.Tlock, p9.Txattrwalk, p9.Tremove:
		return false
	case p9.Tunlinkat: // without the interfaces, the entry itself is asked
		if _, ok := f.node.file.(Unlinker); !ok {
			return false
		}
	case p9.Trenameat:
		if _, ok := f.node.file.(Renamer); !ok {
			return false
		}
	case p9.Trename, p9.Twstat: // ask the parent too, and more than once
		return false
	}
	n := r.second().node
	return f.node.inline && (n == nil || n.inline)
}

// handle does what the request asks and fills in its reply.
func (r *req) handle(ctx context.Context) error {
	err := r.route(ctx)
	if err != nil {
		r.rbuf.free()
		r.rbuf, r.rlen = nil, 0
	}
	return err
}

func (r *req) route(ctx context.Context) (err error) {
	if r.bad != nil {
		return r.bad
	}
	if r.stale {
		return p9.ErrUnknownFid
	}
	f, t := r.need[0], &r.t
	switch t.Type {
	case p9.Tauth:
		return r.auth(ctx, f)
	case p9.Tattach:
		return r.attach(ctx, f)
	}
	if r.ctx != nil && r.ctx.Err() != nil && t.Type != p9.Tclunk && t.Type != p9.Tremove {
		return p9.ErrInterrupted
	}
	if f.auth != nil {
		return r.authIO(ctx, f)
	}
	if f.node == nil {
		return p9.ErrUnknownFid
	}
	if after := r.leased(ctx, f); after != nil {
		if r.ctx != nil && r.ctx.Err() != nil && t.Type != p9.Tclunk && t.Type != p9.Tremove {
			return p9.ErrInterrupted // and who has leases may not have heard of it
		}
		defer after()
	}
	switch t.Type {
	case p9.Tread:
		return r.read(ctx, f)
	case p9.Twalk:
		return r.walk(ctx, f)
	case p9.Treaddir:
		return r.readDir(ctx, f)
	case p9.Tclunk:
		return r.clunk(f)
	}
	rx := r.reply()
	rx.Iounit = r.c.msize - p9.IOHdrSz
	switch t.Type {
	case p9.Topen:
		rx.Qid, err = f.openFile(ctx, p9.Mode(t.Mode))
	case p9.Tlopen:
		rx.Qid, err = f.openFile(ctx, p9.ModeOfLinux(t.Flags))
	case p9.Tcreate:
		rx.Qid, err = f.createFile(ctx, t.Name, p9.FileMode(t.Perm), p9.Mode(t.Mode)|p9.OEXCL, true)
	case p9.Tlcreate:
		rx.Qid, err = f.createFile(WithGroup(ctx, t.Gid), t.Name, p9.ModeOfUnix(t.Perm)&^fs.ModeType, p9.ModeOfLinux(t.Flags), false)
	case p9.Twrite:
		rx.Count, err = f.write(ctx, t)
	case p9.Tremove:
		if f.xattr != nil {
			err = p9.ErrorOfErrno(syscall.EINVAL) // EBADF would say that there is no such fid
		} else if err = f.mayRemove(ctx); err == nil {
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
	return err
}

func (r *req) attach(ctx context.Context, f *fid) (err error) {
	t := &r.t
	u := r.user()
	if t.Aname == p9.LeaseTree {
		return r.attachLeases(f, u)
	}
	defer func() {
		if err != nil && ctx.Err() == nil {
			r.c.say("attach by %s to %q refused: %v", Quote(u.Name), t.Aname, err)
		}
	}()
	switch af := r.need[1]; {
	case af != nil && af.auth == nil:
		return p9.ErrBadUseFid
	case af != nil:
		if err := af.auth.Check(ctx, u.Name, t.Aname); err != nil {
			return err
		}
	case r.c.srv.Auth != nil:
		return p9.ErrNoAuth
	}
	who := r.c.newSession(u)
	actx := &reqCtx{Context: who.ctx}
	stop := context.AfterFunc(ctx, actx.cancel)
	defer stop()
	root, err := r.c.srv.Attach(actx, u.Name, t.Aname)
	if err != nil {
		return err
	}
	st, err := root.Stat(actx)
	if err != nil {
		Clunk(root)
		return err
	}
	f.who = who
	f.node = r.c.newNode(root, st.Qid.Path, "/", nil)
	r.c.attached.Store(true)
	r.reply().Qid = st.Qid
	return nil
}

// user is the user that Tauth or Tattach names.
func (r *req) user() *User {
	if r.c.dotl {
		return NewUser(r.t.Uname, r.t.Nuname)
	}
	return NewUser(r.t.Uname, p9.NoUid)
}

func (r *req) auth(ctx context.Context, f *fid) error {
	if r.c.srv.Auth == nil {
		// By number this is what 9P2000.L's clients take as "attach without it".
		return p9.NewError(p9.ErrNotExist.Errno, "authentication not required")
	}
	u := r.user()
	af, err := r.c.srv.Auth(ctx, u.Name, r.t.Aname)
	if err != nil {
		return err
	}
	f.who, f.auth = r.c.newSession(u), af
	r.reply().Qid = p9.Qid{Type: p9.QTAUTH, Path: NewPath()}
	return nil
}

// authIO is all that can be done with an afid.
func (r *req) authIO(ctx context.Context, f *fid) error {
	if (r.t.Type == p9.Tread || r.t.Type == p9.Twrite) && r.t.Offset > math.MaxInt64 {
		return p9.ErrBadOffset
	}
	switch r.t.Type {
	case p9.Tread:
		p := r.space(r.t.Count)
		n, err := f.auth.Read(ctx, p, int64(r.t.Offset))
		return r.filled(len(p), n, err)
	case p9.Twrite:
		n, err := f.auth.Write(ctx, r.t.Data, int64(r.t.Offset))
		r.reply().Count = uint32(max(0, n))
		return err
	case p9.Tclunk, p9.Tremove:
		return r.clunk(f)
	}
	return p9.ErrBadUseFid
}

// clunk lets the fid go: before the reply where nothing else runs on it.
func (r *req) clunk(f *fid) error {
	if !r.alone {
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
	if !f.who.user.Allowed(&st, want) {
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
	_, parent := f.node.at()
	defer parent.unref()
	return f.allowedIn(ctx, parent)
}

func (r *req) walk(ctx context.Context, f *fid) error {
	t := &r.t
	nf := r.need[1]
	if nf == nil {
		nf = f
	}
	// walk(5) wants a fid that is not open; 9P2000.L's clients walk from open
	// directories too.
	if f.open && (nf == f || !r.c.dotl) || f.xattr != nil {
		return p9.ErrBadUseFid
	}
	rx := r.reply()
	rx.Wqid = rx.Wqid[:0]
	n := f.node
	n.ref.Add(1)
	for i, name := range t.Wname {
		if i > 0 && name == ".." && rx.Wqid[i-1].Type&p9.QTDIR == 0 {
			n.unref() // walk(5): it is no directory. A file's own fid may ask for where it is
			return nil
		}
		next, q, err := r.step(ctx, f, n, name)
		if err != nil {
			n.unref()
			if len(rx.Wqid) == 0 || r.ctx == nil && errors.Is(err, ErrAgain) {
				return err
			}
			return nil // a walk that got somewhere says how far; newfid is not made
		}
		n.unref()
		n = next
		rx.Wqid = append(rx.Wqid, q)
	}
	old := nf.node
	nf.node, nf.who = n, f.who
	old.unref()
	return nil
}

// step walks one name and returns a node that the caller owns. On the reading
// goroutine it returns ErrAgain where it meets a file that is not Inline.
func (r *req) step(ctx context.Context, f *fid, n *node, name string) (*node, p9.Qid, error) {
	inline := r.ctx == nil
	if inline && !n.inline {
		return nil, p9.Qid{}, ErrAgain
	}
	if name == ".." {
		_, p := n.at()
		if p == nil {
			p = n
			p.ref.Add(1)
		}
		var st p9.Stat
		err := ErrAgain
		if !inline || p.inline {
			st, err = p.file.Stat(ctx)
		}
		if err != nil {
			p.unref()
			return nil, p9.Qid{}, err
		}
		return p, st.Qid, nil
	}
	w, ok := n.file.(Walker)
	if !ok {
		return nil, p9.Qid{}, p9.ErrNotDir
	}
	if err := CheckName(name); err != nil {
		return nil, p9.Qid{}, err
	}
	if err := f.allowed(ctx, n.file, 1); err != nil {
		return nil, p9.Qid{}, err
	}
	if err := r.c.mayWalk(); err != nil {
		return nil, p9.Qid{}, err
	}
	if h := r.c.holder.Load(); h != nil {
		h.look(n.path, n.file)
	}
	if w, ok := w.(QidWalker); ok {
		c, q, err := w.WalkQid(ctx, name)
		if err != nil {
			return nil, p9.Qid{}, err
		}
		if err := r.c.mayHave(c); err != nil {
			Clunk(c)
			return nil, p9.Qid{}, err
		}
		return r.c.newNode(c, q.Path, name, n), q, nil
	}
	c, err := w.Walk(ctx, name)
	if err != nil {
		return nil, p9.Qid{}, err
	}
	if err := r.c.mayHave(c); err != nil {
		Clunk(c)
		return nil, p9.Qid{}, err
	}
	var st p9.Stat
	next := r.c.newNode(c, 0, name, n)
	if inline && !next.inline {
		err = ErrAgain
	} else {
		st, err = c.Stat(ctx)
	}
	if err != nil {
		next.unref()
		return nil, p9.Qid{}, err
	}
	next.path = st.Qid.Path
	return next, st.Qid, nil
}
