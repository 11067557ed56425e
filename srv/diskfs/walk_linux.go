package diskfs

import (
	"context"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Walk finds a name, whatever it is; of a symbolic link it is the link itself.
func (n *node) Walk(ctx context.Context, name string) (srv.File, error) {
	f, _, err := n.WalkQid(ctx, name)
	return f, err
}

// WalkQid is Walk that tells the qid.
func (n *node) WalkQid(ctx context.Context, name string) (srv.File, p9.Qid, error) {
	err := srv.CheckName(name)
	if err != nil {
		return nil, p9.Qid{}, err
	}
	if err := n.use(ctx); err != nil {
		return nil, p9.Qid{}, err
	}
	defer n.done()
	now := srv.Nonblock(ctx)
	if now {
		c, q, err := n.recent(ctx, name)
		if err != nil {
			return nil, p9.Qid{}, err
		}
		if c != nil {
			return c, q, nil
		}
	}
	var c *entry
	var d *device
	var st unix.Statx_t
	if now {
		c, d, err = n.lookupNow(name, &st)
	} else {
		c, d, err = n.lookup(ctx, name, &st)
	}
	if err != nil {
		return nil, p9.Qid{}, err
	}
	c.is(&st)
	if now {
		n.keep(name, c, &st)
	}
	c.lead()
	return c, qidOf(&st, d), nil
}

// WalkStat is Walk that tells the attributes: one call for both, for who may wait.
func (n *node) WalkStat(ctx context.Context, name string) (srv.File, p9.Stat, error) {
	if err := srv.CheckName(name); err != nil {
		return nil, p9.Stat{}, err
	}
	if err := n.use(ctx); err != nil {
		return nil, p9.Stat{}, err
	}
	defer n.done()
	var st unix.Statx_t
	c, d, err := n.lookup(ctx, name, &st)
	if err != nil {
		return nil, p9.Stat{}, err
	}
	c.is(&st)
	c.lead()
	return c, statOf(&st, d), nil
}

// lookup finds a name and its attributes, for who may wait.
func (n *node) lookup(ctx context.Context, name string, st *unix.Statx_t) (c *entry, d *device, err error) {
	err = srv.InKernel(ctx, func() (err error) {
		if c, err = n.walk(name); err == nil {
			d, err = c.ask(st, n.dev.Load())
		}
		return err
	})
	return c, d, err
}

// lookupNow is lookup for who must not wait.
func (n *node) lookupNow(name string, st *unix.Statx_t) (*entry, *device, error) {
	c, err := n.walkNow(name)
	if err != nil {
		return nil, nil, err
	}
	d, err := c.ask(st, n.dev.Load())
	return c, d, err
}

// ask is statx for an entry that was found in a directory on in, which is in use: so no other device
// has that's number. Where it fails the entry is let go.
func (e *entry) ask(st *unix.Statx_t, in *device) (*device, error) {
	d := e.dev.Load()
	if err := statx(e.fd, st, d != nil && d.held); err != nil {
		e.Clunk()
		return nil, err
	}
	if d != in && in != nil && in.num == devOf(st) {
		e.dev.Store(in)
	}
	return e.learn(st), nil
}

const (
	resolveCached = 0x20 // RESOLVE_CACHED of openat2(2)
	resolveIn     = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS
)

// beneath opens a name of a directory, which stays in the directory whatever the
// name is or becomes meanwhile. To a name that is moved away just then the kernel
// says EXDEV or EAGAIN: the next look finds what is there now.
func (n *node) beneath(name string, flags int, perm uint32) (int, error) {
	const looks = 16
	for i := 1; ; i++ {
		fd, err := openat2(n.fd, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, perm, resolveIn)
		if err != unix.EINTR && (err != unix.EXDEV && err != unix.EAGAIN || i >= looks) {
			return fd, err
		}
	}
}

// walkNow finds a name if it is in memory, on the same file system.
func (n *node) walkNow(name string) (*entry, error) {
	d := n.dev.Load()
	if d == nil || d.waits == always || n.t.uncached {
		return nil, srv.ErrAgain
	}
	fd := -1
	err := n.t.here(func() (err error) {
		fd, err = openat2(n.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0, resolveIn|resolveCached|unix.RESOLVE_NO_XDEV)
		return err
	})
	switch err {
	case nil:
	case unix.EAGAIN, unix.EXDEV, unix.EINTR:
		return nil, srv.ErrAgain
	default:
		return nil, err
	}
	c := n.t.entry(fd)
	c.dev.Store(d)
	return c, nil
}

// walk finds a name, in the kernel.
func (n *node) walk(name string) (*entry, error) {
	fd := -1
	err := n.t.here(func() (err error) {
		fd, err = n.beneath(name, unix.O_PATH, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	return n.t.entry(fd), nil
}
