package diskfs

import (
	"context"
	"io/fs"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Create makes a file or directory and opens it.
func (n *node) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (f srv.File, h srv.Handle, err error) {
	if err := n.change(name); err != nil {
		return nil, nil, err
	}
	if perm&(fs.ModeAppend|fs.ModeExclusive) != 0 {
		return nil, nil, p9.ErrNotSup
	}
	if err := n.use(ctx); err != nil {
		return nil, nil, err
	}
	defer n.done()
	err = n.tried(ctx, func() (err error) {
		if perm.IsDir() {
			f, h, err = n.mkdir(ctx, name, perm, mode)
			return err
		}
		c, err := n.create(ctx, name, perm, mode)
		if err == nil {
			f, h = c, c
		}
		return err
	})
	return f, h, err
}

// create makes a file, or opens one that is there.
func (n *node) create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (handle, error) {
	d, _, err := n.known(ctx)
	if err != nil {
		return nil, err
	}
	for {
		// First as a new file: to open what is there may block.
		h, err := n.fresh(ctx, d, name, perm, mode, unix.O_CREAT|unix.O_EXCL)
		if err != unix.EEXIST || mode&p9.OEXCL != 0 {
			return h, err
		}
		var st unix.Statx_t
		c, _, err := n.lookup(ctx, name, &st)
		if err == unix.ENOENT { // gone again
			continue
		}
		if err != nil {
			return nil, err
		}
		defer c.Clunk()
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			return nil, p9.ErrExist
		}
		return c.openHandle(ctx, mode, srv.Nonblock(ctx))
	}
}

// fresh opens a new file.
func (n *node) fresh(ctx context.Context, d *device, name string, perm fs.FileMode, mode p9.Mode, flags int) (h handle, err error) {
	err = srv.InKernel(ctx, func() error {
		fd := -1
		err := n.t.doMake(ctx, func() (err error) {
			fd, err = n.beneath(name, openFlags(mode)|flags, unixPerm(perm))
			return err
		})
		if err == nil {
			h = n.t.handle(ctx, fd, d, unix.S_IFREG, mode)
			n.grant(h.base(), perm, nil)
		}
		return err
	})
	return h, err
}

func (n *node) mkdir(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	var st unix.Statx_t
	c, err := n.make(ctx, name, perm, &st, func() error { return unix.Mkdirat(n.fd, name, unixPerm(perm)) })
	if err != nil {
		return nil, nil, err
	}
	h, err := c.openHandle(ctx, mode, false)
	if err == unix.EACCES { // made all the same, in a mode that forbids to read it
		return c, c, nil
	}
	c.Clunk()
	if err != nil {
		return nil, nil, err
	}
	return h, h, nil
}

// make makes what is not a plain file, and finds it and its attributes.
func (n *node) make(ctx context.Context, name string, perm fs.FileMode, st *unix.Statx_t, f func() error) (*entry, error) {
	var made func(d *device, st *unix.Statx_t) bool
	short := n.t.short(unixPerm(perm))
	if short {
		made = n.making(perm)
	}
	var c *entry
	err := srv.InKernel(ctx, func() (err error) {
		if err = n.t.doMake(ctx, f); err != nil {
			return err
		}
		if c, err = n.walk(name); err != nil {
			return err
		}
		d, err := c.ask(st, n.dev.Load())
		if err == nil && short {
			n.grant(&c.node, perm, func(st *unix.Statx_t) bool { return made(d, st) })
		}
		return err
	})
	return c, err
}

// Symlink makes a symbolic link.
func (n *node) Symlink(ctx context.Context, name, target string) (srv.File, error) {
	return n.makeFile(ctx, name, fs.ModeSymlink, func() error { return unix.Symlinkat(target, n.fd, name) })
}

// Mknod makes a device node, pipe or socket.
func (n *node) Mknod(ctx context.Context, name string, perm fs.FileMode, rdev uint64) (srv.File, error) {
	mode := unixPerm(perm) | p9.UnixMode(perm)&unix.S_IFMT
	return n.makeFile(ctx, name, perm, func() error { return unix.Mknodat(n.fd, name, mode, int(rdev)) })
}

func (n *node) makeFile(ctx context.Context, name string, perm fs.FileMode, f func() error) (srv.File, error) {
	if err := n.change(name); err != nil {
		return nil, err
	}
	if err := n.use(ctx); err != nil {
		return nil, err
	}
	defer n.done()
	var c *entry
	var st unix.Statx_t
	err := n.tried(ctx, func() (err error) {
		c, err = n.make(ctx, name, perm, &st, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.is(&st)
	c.lead()
	return c, nil
}

// sameTree gives the node of a File of the same server.
func (n *node) sameTree(f srv.File) (*node, error) {
	if b, ok := f.(interface{ base() *node }); ok && b.base().t.export == n.t.export {
		return b.base(), nil
	}
	return nil, unix.EXDEV
}

func useBoth(ctx context.Context, a, b *node) error {
	err := a.use(ctx)
	if err == nil {
		if err = b.use(ctx); err != nil {
			a.done()
		}
	}
	return err
}

// Link gives a file one more name.
func (n *node) Link(ctx context.Context, target srv.File, name string) error {
	if err := n.change(name); err != nil {
		return err
	}
	o, err := n.sameTree(target)
	if err != nil {
		return err
	}
	if err := useBoth(ctx, n, o); err != nil {
		return err
	}
	defer n.done()
	defer o.done()
	return n.run(ctx, func() error {
		return unix.Linkat(n.t.proc, o.number(), n.fd, name, unix.AT_SYMLINK_FOLLOW)
	})
}

// Unlink removes a name.
func (n *node) Unlink(ctx context.Context, name string, dir bool) error {
	if err := n.change(name); err != nil {
		return err
	}
	flags := 0
	if dir {
		flags = unix.AT_REMOVEDIR
	}
	if err := n.use(ctx); err != nil {
		return err
	}
	defer n.done()
	defer n.t.recents.forget(name) // which would keep the file's bytes
	return n.rename(ctx, false, func() error { return unlinkat(n.fd, name, flags) }, named{n, name})
}

// Rename moves a name.
func (n *node) Rename(ctx context.Context, old string, newdir srv.File, newname string) error {
	return n.RenameFlags(ctx, old, newdir, newname, 0)
}

// RenameFlags moves a name with flags of renameat2(2), such as to exchange two.
func (n *node) RenameFlags(ctx context.Context, old string, newdir srv.File, newname string, flags uint32) error {
	if err := n.change(old); err != nil {
		return err
	}
	d, err := n.sameTree(newdir)
	if err != nil {
		return err
	}
	if err := d.change(newname); err != nil {
		return err
	}
	if err := useBoth(ctx, n, d); err != nil {
		return err
	}
	defer n.done()
	defer d.done()
	defer d.t.recents.forget(newname) // whose file may be gone
	rename := func() error { return unix.Renameat2(n.fd, old, d.fd, newname, uint(flags)) }
	return n.rename(ctx, flags&unix.RENAME_EXCHANGE != 0, rename, named{n, old}, named{d, newname})
}
