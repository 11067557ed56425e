package ns

import (
	"context"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// made answers with a file that was just made in the directory d.
func (f *fuseFS) made(r *dirReq, d *Chan, name string, file srv.File, out *devfuse.EntryOut) syscall.Errno {
	st, err := file.Stat(r)
	if err != nil {
		srv.Clunk(file)
		return status(err)
	}
	return f.entry(r, name, newChan(d.dev, file, &st, join(d.rel, name)), &st, out)
}

// gives tells whether what the caller makes is to be given to it: the engine is root and makes
// it as itself, as does the server that it attached to as root.
func (f *fuseFS) gives(h *devfuse.InHeader) bool {
	return f.own.uid == 0 && (h.Uid != f.own.uid || h.Gid != f.own.gid)
}

// setId are the bits that have who runs a file be its owner, or of its group.
const setId = fs.ModeSetuid | fs.ModeSetgid

// firstMode is the mode that a file is made in. What is given away has its set-id bits when it
// has been: it would be root's with them until then, and for good if that fails.
func (f *fuseFS) firstMode(mode uint32, h *devfuse.InHeader) fs.FileMode {
	perm := p9.ModeOfUnix(mode)
	if f.gives(h) {
		perm &^= setId
	}
	return perm
}

// give hands a new file to who made it in a mode. A server that lets nobody give files
// away keeps it, without set-id bits. A set-group-ID directory has given it its
// group. It passes on the error of making it.
func (f *fuseFS) give(ctx context.Context, d *Chan, file srv.File, err error, mode uint32, h *devfuse.InHeader) (srv.File, error) {
	if err != nil || !f.gives(h) {
		return file, err
	}
	// It is made, and is not to stay root's because its maker is killed.
	ctx, cancel := bounded(context.WithoutCancel(ctx))
	defer cancel()
	w := p9.Wstat{Valid: p9.WUid | p9.WGid, Nuid: h.Uid, Ngid: h.Gid}
	if st, err := d.file.Stat(ctx); err == nil && st.Mode&fs.ModeSetgid != 0 {
		w.Valid = p9.WUid
	}
	err = srv.Wstat(ctx, file, w)
	// In a message of its own: who knows in what order a server does what one asks for.
	if perm := p9.ModeOfUnix(mode & 0o7777); err == nil && mode&unix.S_IFMT != unix.S_IFDIR && perm&setId != 0 {
		srv.Wstat(ctx, file, p9.Wstat{Valid: p9.WMode, Mode: perm})
	}
	return file, nil
}

func (f *fuseFS) Mkdir(cancel *devfuse.Cancel, in *devfuse.MkdirIn, name string, out *devfuse.EntryOut) syscall.Errno {
	return f.make(cancel, &in.InHeader, name, out, func(r *dirReq, d *Chan) (srv.File, error) {
		file, h, err := srv.Create(r, d.file, name, p9.ModeOfUnix(in.Mode)|fs.ModeDir, p9.OREAD)
		clunkHandle(file, h)
		return f.give(r, d, file, err, unix.S_IFDIR, &in.InHeader)
	})
}

func (f *fuseFS) Mknod(cancel *devfuse.Cancel, in *devfuse.MknodIn, name string, out *devfuse.EntryOut) syscall.Errno {
	perm := f.firstMode(in.Mode, &in.InHeader)
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

func (f *fuseFS) Symlink(cancel *devfuse.Cancel, h *devfuse.InHeader, target, name string, out *devfuse.EntryOut) syscall.Errno {
	return f.make(cancel, h, name, out, func(r *dirReq, d *Chan) (srv.File, error) {
		if s, ok := d.file.(srv.Symlinker); ok {
			file, err := s.Symlink(r, name, target)
			return f.give(r, d, file, err, 0, h)
		}
		return nil, p9.ErrNotOwner
	})
}

func (f *fuseFS) Link(cancel *devfuse.Cancel, in *devfuse.LinkIn, name string, out *devfuse.EntryOut) syscall.Errno {
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

// took says that a name was made in a directory, d of it, where there was to be none.
func (f *fuseFS) took(r *dirReq, d *Chan, name string) {
	if !d.dev.takes.took(d.qid.Path, name, fileBelieved) {
		return
	}
	if k, ok := d.file.(*kept); ok {
		k.c.doubt()
	}
	if d.dev.takes.taking() {
		r.n.held.Store(true)
	}
	f.doubtDirs(d.dev, r.n)
}

// make is a request that makes a name: in the member of a union that creates,
// unless another member has the name.
func (f *fuseFS) make(cancel *devfuse.Cancel, h *devfuse.InHeader, name string, out *devfuse.EntryOut,
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
	f.took(r, d, name)
	return f.made(r, d, name, file, out)
}
