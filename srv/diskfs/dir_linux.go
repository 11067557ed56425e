package diskfs

import (
	"context"
	"io/fs"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Create makes a file or directory and opens it.
func (n *node) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	if err := n.t.change(name); err != nil {
		return nil, nil, err
	}
	if perm&(fs.ModeAppend|fs.ModeExclusive) != 0 {
		return nil, nil, p9.ErrNotSup
	}
	if perm.IsDir() {
		return n.mkdir(ctx, name, perm, mode)
	}
	for {
		// First as a new file: to open what is there may block.
		fd, err := n.beneath(name, openFlags(mode)|unix.O_CREAT|unix.O_EXCL, unixPerm(perm))
		if err == nil {
			h := n.t.handle(fd, unix.S_IFREG, mode)
			n.grant(h.base(), perm)
			return h, h, nil
		}
		if err != unix.EEXIST || mode&p9.OEXCL != 0 {
			return nil, nil, err
		}
		c, err := n.walk(name)
		if err == unix.ENOENT { // gone again
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		defer c.Clunk()
		if k, _ := c.kindOf(); k == unix.S_IFDIR {
			return nil, nil, p9.ErrExist
		}
		h, err := c.openHandle(ctx, mode)
		if err != nil {
			return nil, nil, err
		}
		return h, h, nil
	}
}

func (n *node) mkdir(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	if err := unix.Mkdirat(n.fd, name, unixPerm(perm)); err != nil {
		return nil, nil, err
	}
	c, err := n.walk(name)
	if err != nil {
		return nil, nil, err
	}
	n.grant(c, perm)
	h, err := c.openHandle(ctx, mode)
	if err == unix.EACCES { // made all the same, in a mode that forbids to read it
		return c, c, nil
	}
	c.Clunk()
	if err != nil {
		return nil, nil, err
	}
	return h, h, nil
}

// grant gives a new file the permissions asked for where the process's umask
// took some away: the client has applied its own umask. Where the directory has
// a default access control list, that rules instead, and no umask does.
// Permissions that the file system cannot store are no error.
func (n *node) grant(c *node, perm fs.FileMode) {
	st, err := c.statx()
	if want := unixPerm(perm); err == nil && want&^uint32(st.Mode) != 0 {
		if _, err := unix.Getxattr(n.proc(), "system.posix_acl_default", nil); err != nil {
			unix.Chmod(c.proc(), uint32(st.Mode)&0o7777|want)
		}
	}
}

// made finds what was just made.
func (n *node) made(name string, perm fs.FileMode, err error) (srv.File, error) {
	if err != nil {
		return nil, err
	}
	c, err := n.walk(name)
	if err != nil {
		return nil, err
	}
	if perm&fs.ModeSymlink == 0 {
		n.grant(c, perm)
	}
	return c, nil
}

// Symlink makes a symbolic link.
func (n *node) Symlink(_ context.Context, name, target string) (srv.File, error) {
	if err := n.t.change(name); err != nil {
		return nil, err
	}
	return n.made(name, fs.ModeSymlink, unix.Symlinkat(target, n.fd, name))
}

// Mknod makes a device node, pipe or socket.
func (n *node) Mknod(_ context.Context, name string, perm fs.FileMode, rdev uint64) (srv.File, error) {
	if err := n.t.change(name); err != nil {
		return nil, err
	}
	mode := unixPerm(perm) | p9.UnixMode(perm)&unix.S_IFMT
	return n.made(name, perm, unix.Mknodat(n.fd, name, mode, int(rdev)))
}

// sameTree gives the node of a File of the same server.
func (n *node) sameTree(f srv.File) (*node, error) {
	if b, ok := f.(interface{ base() *node }); ok && b.base().t == n.t {
		return b.base(), nil
	}
	return nil, unix.EXDEV
}

// Link gives a file one more name.
func (n *node) Link(_ context.Context, target srv.File, name string) error {
	if err := n.t.change(name); err != nil {
		return err
	}
	o, err := n.sameTree(target)
	if err != nil {
		return err
	}
	return unix.Linkat(unix.AT_FDCWD, o.proc(), n.fd, name, unix.AT_SYMLINK_FOLLOW)
}

// Unlink removes a name.
func (n *node) Unlink(_ context.Context, name string, dir bool) error {
	if err := n.t.change(name); err != nil {
		return err
	}
	flags := 0
	if dir {
		flags = unix.AT_REMOVEDIR
	}
	return unix.Unlinkat(n.fd, name, flags)
}

// Rename moves a name.
func (n *node) Rename(_ context.Context, old string, newdir srv.File, newname string) error {
	if err := n.t.change(old); err != nil {
		return err
	}
	if err := n.t.change(newname); err != nil {
		return err
	}
	d, err := n.sameTree(newdir)
	if err != nil {
		return err
	}
	return unix.Renameat2(n.fd, old, d.fd, newname, 0)
}
