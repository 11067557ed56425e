package ns

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// The requests that are about a name in a directory.

// A dirReq is one of them under way.
type dirReq struct {
	*reqCtx
	n *node
	c *Chan
}

// begin finds the directory; nil if there is none.
func (f *fuseFS) begin(cancel <-chan struct{}, h *devfuse.InHeader) *dirReq {
	n, c := f.node(h.NodeId)
	if n == nil {
		return nil
	}
	n.busy.Add(1)
	return &dirReq{f.ctx(cancel, h, n), n, c}
}

func (r *dirReq) end() {
	r.n.busy.Add(-1)
	r.finish()
	r.c.close()
}

func (f *fuseFS) Lookup(cancel <-chan struct{}, h *devfuse.InHeader, name string, out *devfuse.EntryOut) syscall.Errno {
	if h.NodeId == devfuse.RootId {
		return f.lookupGroup(name, out)
	}
	r := f.begin(cancel, h)
	if r == nil {
		return syscall.ESTALE
	}
	defer r.end()
	c, st, err := r.n.group.walk(r, r.c, name)
	if err != nil {
		return status(err)
	}
	return f.entry(r, name, c, &st, out)
}

// lookupGroup finds a group's directory.
func (f *fuseFS) lookupGroup(name string, out *devfuse.EntryOut) syscall.Errno {
	g := f.groupOf(name)
	if g == nil {
		return syscall.ENOENT
	}
	st, err := g.root.file.Stat(context.Background())
	if err != nil {
		return status(err)
	}
	f.mu.RLock()
	parent := f.nodes[devfuse.RootId]
	f.mu.RUnlock()
	n := f.enter(parent, name, g.root.hold())
	f.mu.Lock()
	n.group = g
	f.is(n, n.ch)
	f.mu.Unlock()
	out.NodeId = n.id
	out.SetEntryTimeout(graftTimeout)
	out.SetAttrTimeout(nameTimeout)
	f.attr(&st, g.root, &out.Attr)
	out.Ino = g.rootInode()
	return 0
}

// entry answers with a name's file, c, of which it takes hold, and its
// attributes, st, unless something is mounted on it.
func (f *fuseFS) entry(r *dirReq, name string, c *Chan, st *p9.Stat, out *devfuse.EntryOut) syscall.Errno {
	t := r.n.group.pg.top(c)
	defer t.close()
	if t.file != c.file {
		top, err := t.file.Stat(r)
		if err != nil && !c.isDir() {
			c.close()
			return status(err)
		}
		if err == nil {
			st = &top
		} // a directory whose server is gone can still be unmounted
	}
	switch {
	case r.n.isRoot() && r.n.group.eng.isBase(name):
		out.SetEntryTimeout(graftTimeout)
		out.SetAttrTimeout(nameTimeout)
	case c.isDir() || t.fixed() || t.mode == fs.ModeSymlink && st.Qid.Vers != 0:
		out.SetEntryTimeout(nameTimeout)
		out.SetAttrTimeout(nameTimeout)
	case st.Qid.Vers != 0:
		out.SetEntryTimeout(fileTimeout)
		out.SetAttrTimeout(fileTimeout)
	default:
		out.SetAttrTimeout(fileTimeout) // for the open that comes next
	}
	if !f.exp && !c.dev.host {
		out.SetEntryTimeout(0) // a bind could not take it back
	}
	f.attr(st, t, &out.Attr)
	n := f.enter(r.n, name, c)
	n.tell(r.reqCtx, st)
	out.NodeId = n.id
	return 0
}

// made answers with a file that was just made in the directory d.
func (f *fuseFS) made(r *dirReq, d *Chan, name string, file srv.File, out *devfuse.EntryOut) syscall.Errno {
	st, err := file.Stat(r)
	if err != nil {
		srv.Clunk(file)
		return status(err)
	}
	return f.entry(r, name, newChan(d.dev, file, &st, join(d.rel, name)), &st, out)
}

// give hands a new file on the host's own disk to who made it in a mode: the engine
// is root and has made it as itself. A set-group-ID directory has given it its
// group, and set-id bits do not survive the handing over. It passes on the error of
// making it.
func (f *fuseFS) give(ctx context.Context, d *Chan, file srv.File, err error, mode uint32, h *devfuse.InHeader) (srv.File, error) {
	if err != nil || !d.dev.host || f.own.uid != 0 || h.Uid == f.own.uid && h.Gid == f.own.gid {
		return file, err
	}
	w := p9.Wstat{Valid: p9.WUid | p9.WGid, Nuid: h.Uid, Ngid: h.Gid}
	if st, err := d.file.Stat(ctx); err == nil && st.Mode&fs.ModeSetgid != 0 {
		w.Valid = p9.WUid
	}
	if mode&unix.S_IFMT != unix.S_IFDIR && mode&(unix.S_ISUID|unix.S_ISGID) != 0 {
		w.Valid |= p9.WMode
		w.Mode = p9.ModeOfUnix(mode & 0o7777)
	}
	srv.Wstat(ctx, file, w)
	return file, nil
}

func (f *fuseFS) Mkdir(cancel <-chan struct{}, in *devfuse.MkdirIn, name string, out *devfuse.EntryOut) syscall.Errno {
	return f.make(cancel, &in.InHeader, name, out, func(r *dirReq, d *Chan) (srv.File, error) {
		file, h, err := srv.Create(r, d.file, name, p9.ModeOfUnix(in.Mode)|fs.ModeDir, p9.OREAD)
		clunkHandle(file, h)
		return f.give(r, d, file, err, unix.S_IFDIR, &in.InHeader)
	})
}

func (f *fuseFS) Mknod(cancel <-chan struct{}, in *devfuse.MknodIn, name string, out *devfuse.EntryOut) syscall.Errno {
	perm := p9.ModeOfUnix(in.Mode)
	return f.make(cancel, &in.InHeader, name, out, func(r *dirReq, d *Chan) (srv.File, error) {
		if perm.IsRegular() {
			file, h, err := srv.Create(r, d.file, name, perm, p9.OREAD|p9.OEXCL)
			clunkHandle(file, h)
			return f.give(r, d, file, err, in.Mode, &in.InHeader)
		}
		if m, ok := d.file.(srv.Mknoder); ok {
			file, err := m.Mknod(r, name, perm, uint64(in.Rdev))
			return f.give(r, d, file, err, in.Mode, &in.InHeader)
		}
		return nil, p9.ErrNotOwner
	})
}

func (f *fuseFS) Symlink(cancel <-chan struct{}, h *devfuse.InHeader, target, name string, out *devfuse.EntryOut) syscall.Errno {
	return f.make(cancel, h, name, out, func(r *dirReq, d *Chan) (srv.File, error) {
		if s, ok := d.file.(srv.Symlinker); ok {
			file, err := s.Symlink(r, name, target)
			return f.give(r, d, file, err, 0, h)
		}
		return nil, p9.ErrNotOwner
	})
}

func (f *fuseFS) Link(cancel <-chan struct{}, in *devfuse.LinkIn, name string, out *devfuse.EntryOut) syscall.Errno {
	n, c := f.node(in.OldNodeId)
	if n == nil {
		return syscall.ESTALE
	}
	defer c.close()
	return f.make(cancel, &in.InHeader, name, out, func(r *dirReq, d *Chan) (srv.File, error) {
		l, ok := d.file.(srv.Linker)
		switch {
		case c.dev != d.dev:
			return nil, syscall.EXDEV
		case !ok:
			return nil, p9.ErrNotOwner
		}
		if err := l.Link(r, c.file, name); err != nil {
			return nil, err
		}
		if c.mode == fs.ModeSymlink { // a node of another number from now on
			f.expireAttr(in.OldNodeId)
		}
		return srv.Walk(r, d.file, name)
	})
}

// make is a request that makes a name: in the member of a union that creates,
// unless another member has the name.
func (f *fuseFS) make(cancel <-chan struct{}, h *devfuse.InHeader, name string, out *devfuse.EntryOut,
	do func(*dirReq, *Chan) (srv.File, error)) syscall.Errno {
	r := f.begin(cancel, h)
	if r == nil {
		return syscall.ESTALE
	}
	defer r.end()
	d, err := r.n.group.pg.creator(r.c)
	if err != nil {
		return status(err)
	}
	defer d.close()
	if r.n.group.pg.mounted(r.c) {
		if c, _, err := r.n.group.walk(r, r.c, name); err == nil {
			c.close()
			return syscall.EEXIST
		}
	}
	file, err := do(r, d)
	if err != nil {
		return status(err)
	}
	return f.made(r, d, name, file, out)
}

// owner gives, held, the member of a union that has a name.
func (g *Group) owner(ctx context.Context, c *Chan, name string) (*Chan, error) {
	members := g.pg.members(c)
	defer closeAll(members)
	if len(members) == 1 {
		return members[0].hold(), nil
	}
	for _, m := range members {
		if n, _, err := m.walk(ctx, name); err == nil {
			n.close()
			return m.hold(), nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, p9.ErrNotExist
}

func (f *fuseFS) Unlink(cancel <-chan struct{}, h *devfuse.InHeader, name string) syscall.Errno {
	return f.unlink(cancel, h, name, false)
}

func (f *fuseFS) Rmdir(cancel <-chan struct{}, h *devfuse.InHeader, name string) syscall.Errno {
	return f.unlink(cancel, h, name, true)
}

func (f *fuseFS) unlink(cancel <-chan struct{}, h *devfuse.InHeader, name string, isDir bool) syscall.Errno {
	r := f.begin(cancel, h)
	if r == nil {
		return syscall.ESTALE
	}
	defer r.end()
	d, err := r.n.group.owner(r, r.c, name)
	if err != nil {
		return status(err)
	}
	defer d.close()
	if !r.n.group.pg.on(d.dev) {
		// nothing of this device can be in use as a mount point
	} else if c, _, err := d.walk(r, name); err == nil {
		busy := r.n.group.pg.mounted(c)
		c.close()
		if busy { // it would be what is mounted there that seems to go
			return syscall.EBUSY
		}
	}
	if err := srv.Unlink(r, d.file, name, isDir); err != nil {
		return status(err)
	}
	if isDir {
		f.removed(r.n, name)
	}
	return 0
}

func (f *fuseFS) Rename(cancel <-chan struct{}, in *devfuse.RenameIn, old, name string) syscall.Errno {
	r := f.begin(cancel, &in.InHeader)
	if r == nil {
		return syscall.ESTALE
	}
	defer r.end()
	n, c := f.node(in.Newdir)
	if n == nil {
		return syscall.ESTALE
	}
	defer c.close()
	pg := r.n.group.pg
	from, err := r.n.group.owner(r, r.c, old)
	if err != nil {
		return status(err)
	}
	defer from.close()
	to, err := r.n.group.owner(r, c, name)
	if errors.Is(err, fs.ErrNotExist) {
		to, err = pg.creator(c)
	}
	if err != nil {
		return status(err)
	}
	defer to.close()
	if from.dev != to.dev {
		return syscall.EXDEV
	}
	if flagged, ok := from.file.(flagRenamer); ok && in.Flags != 0 {
		if err := flagged.RenameFlags(r, old, to.file, name, in.Flags); err != nil {
			return status(err)
		}
		f.moved(r.n, old, n, name, in.Flags&unix.RENAME_EXCHANGE != 0)
		return 0
	}
	switch in.Flags { // in which 9P has none
	case 0:
	case unix.RENAME_NOREPLACE:
		if x, _, err := to.walk(r, name); err == nil {
			x.close()
			return syscall.EEXIST
		}
	default:
		return syscall.EINVAL
	}
	file := to.file
	if to.key() == from.key() {
		file = from.file // srv.Rename knows one directory by its File
	}
	if err := srv.Rename(r, from.file, old, file, name); err != nil {
		return status(err)
	}
	f.moved(r.n, old, n, name, false)
	return 0
}

// A flagRenamer is a directory that renames with flags of renameat2(2), which 9P does
// not have.
type flagRenamer interface {
	RenameFlags(ctx context.Context, old string, newdir srv.File, newname string, flags uint32) error
}

func (f *fuseFS) Readlink(cancel <-chan struct{}, h *devfuse.InHeader) ([]byte, syscall.Errno) {
	n, c := f.node(h.NodeId)
	if n == nil {
		return nil, syscall.ESTALE
	}
	defer c.close()
	ctx := f.ctx(cancel, h, n)
	defer ctx.finish()
	target, err := readlink(ctx, c.file)
	return []byte(target), status(err)
}
