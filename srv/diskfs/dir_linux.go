package diskfs

import (
	"context"
	"io/fs"
	"os"
	"strconv"
	"strings"

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
	err = n.timed(ctx, func() (err error) {
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
	d, _, err := n.known()
	if err != nil {
		return nil, err
	}
	for {
		fd := -1
		err := n.t.doMake(ctx, func() (err error) {
			// First as a new file: to open what is there may block.
			fd, err = n.beneath(name, openFlags(mode)|unix.O_CREAT|unix.O_EXCL, unixPerm(perm))
			return err
		})
		if err == nil {
			h := n.t.handle(fd, d, unix.S_IFREG, mode)
			n.grant(h.base(), perm, nil)
			return h, nil
		}
		if err != unix.EEXIST || mode&p9.OEXCL != 0 {
			return nil, err
		}
		c, err := n.walk(name)
		if err == unix.ENOENT { // gone again
			continue
		}
		if err != nil {
			return nil, err
		}
		defer c.Clunk()
		if _, k, _ := c.known(); k == unix.S_IFDIR {
			return nil, p9.ErrExist
		}
		return c.openHandle(ctx, mode, srv.Nonblock(ctx))
	}
}

func (n *node) mkdir(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	c, err := n.make(ctx, name, perm, func() error { return unix.Mkdirat(n.fd, name, unixPerm(perm)) })
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

// grant gives a new file the permissions asked for where the process's umask may
// have taken some away, or mkdir(2) a set-id bit: the client has applied its own
// umask. Where the directory has a default access control list, that rules
// instead, and no umask does. Permissions that the file system cannot store are
// no error. What was found by its name has to be what was made, says is; where it is nil the
// file is known to be.
func (n *node) grant(c *node, perm fs.FileMode, is func(st *unix.Statx_t) bool) {
	want := unixPerm(perm)
	if !n.t.short(want) {
		return
	}
	var st unix.Statx_t
	if _, err := c.statx(&st); err == nil && want&^uint32(st.Mode) != 0 && (is == nil || is(&st)) {
		n.t.do(func() error {
			if _, err := unix.Getxattr(n.proc(), "system.posix_acl_default", nil); err != nil {
				return c.chmod(uint32(st.Mode) | want)
			}
			return nil
		})
	}
}

// short tells whether permissions may come short of what is asked for as a file is made.
func (x *export) short(want uint32) bool { return want&(x.umask|0o7000) != 0 }

// umask gives the process's umask, which can be asked for in no other way without
// being changed: "Umask:" of proc(5)'s status. Where it is not told it may be any.
func umask() uint32 {
	b, err := os.ReadFile("/proc/self/status")
	if err == nil {
		_, s, _ := strings.Cut(string(b), "\nUmask:")
		s, _, _ = strings.Cut(s, "\n")
		if n, err := strconv.ParseUint(strings.TrimSpace(s), 8, 32); err == nil {
			return uint32(n)
		}
	}
	return 0o777
}

// chmod sets the permission bits.
func (n *node) chmod(perm uint32) error {
	return unix.Fchmodat(n.t.proc, n.number(), perm&0o7777, 0)
}

// make makes what is not a plain file, and finds it.
func (n *node) make(ctx context.Context, name string, perm fs.FileMode, f func() error) (*entry, error) {
	var made func(d *device, st *unix.Statx_t) bool
	short := n.t.short(unixPerm(perm))
	if short {
		made = n.making(perm)
	}
	if err := n.t.doMake(ctx, f); err != nil {
		return nil, err
	}
	c, err := n.walk(name)
	if err != nil {
		return nil, err
	}
	c.dev.Store(n.dev.Load())
	if short {
		n.grant(&c.node, perm, func(st *unix.Statx_t) bool { return made(c.dev.Load(), st) })
	}
	return c, nil
}

// making tells, of what is at a name after something was made there from now on, whether it
// can be nothing else: who may change the directory can have put another's file there since,
// which is not to have more permissions for it. Its kind, owner and permissions are as those
// are of what is made; and it is not older, where the file system goes by our clock.
func (n *node) making(perm fs.FileMode) func(d *device, st *unix.Statx_t) bool {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &now) // which files get their times from
	u := n.t.as
	if u == nil {
		u = &n.t.me
	}
	mode := p9.UnixMode(perm) & (unix.S_IFMT | 0o777) &^ n.t.umask
	return func(d *device, st *unix.Statx_t) bool {
		old := d.held && st.Mask&unix.STATX_BTIME != 0 &&
			(st.Btime.Sec < now.Sec || st.Btime.Sec == now.Sec && int64(st.Btime.Nsec) < now.Nsec)
		return !old && uint32(st.Mode)&(unix.S_IFMT|0o777) == mode && st.Uid == u.uid
	}
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
	err := n.timed(ctx, func() (err error) {
		c, err = n.make(ctx, name, perm, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	var st unix.Statx_t
	if _, err := c.statx(&st); err == nil {
		c.is(&st)
		c.lead()
	}
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
	c, err := n.t.changing(ctx, named{n, name})
	if err != nil {
		return err
	}
	defer c.end()
	defer n.t.recents.forget(name) // which would keep the file's bytes
	return n.run(ctx, func() error { return unlinkat(n.fd, name, flags) })
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
	c, err := n.t.changing(ctx, named{n, old}, named{d, newname})
	if err != nil {
		return err
	}
	defer c.end()
	defer d.t.recents.forget(newname) // whose file may be gone
	err = n.run(ctx, func() error { return unix.Renameat2(n.fd, old, d.fd, newname, uint(flags)) })
	if err == nil {
		c.moved(flags&unix.RENAME_EXCHANGE != 0)
	}
	return err
}
