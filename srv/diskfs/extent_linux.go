package diskfs

import (
	"context"
	"io/fs"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// What 9P does not ask of a file, but who uses the package may.

// Fallocate reserves or gives back space of an open file, fallocate(2).
func (h *file) Fallocate(ctx context.Context, mode uint32, off, length int64) error {
	if h.t.readOnly {
		return p9.ErrReadOnly
	}
	do := func() error {
		for {
			if err := unix.Fallocate(h.fd, mode, off, length); err != unix.EINTR {
				return err
			}
		}
	}
	return h.timed(ctx, func() error { return h.t.be(h.t.writer, do) })
}

// Extent finds where data (unix.SEEK_DATA) or a hole (unix.SEEK_HOLE) begins, at off
// or after, lseek(2).
func (h *file) Extent(ctx context.Context, off int64, whence int) (at int64, err error) {
	if d := h.dev.Load(); d.waits != never && srv.Nonblock(ctx) {
		return 0, srv.ErrAgain
	}
	err = srv.InKernel(ctx, func() (err error) {
		at, err = unix.Seek(h.fd, off, whence)
		return err
	})
	return at, err
}

// Tmpfile makes a file in a directory that has no name, open(2) with O_TMPFILE. Link
// can give it one.
func (n *node) Tmpfile(ctx context.Context, perm fs.FileMode, mode p9.Mode) (f srv.File, h srv.Handle, err error) {
	if err := n.use(ctx); err != nil {
		return nil, nil, err
	}
	defer n.done()
	if n.t.readOnly {
		return nil, nil, p9.ErrReadOnly
	}
	err = n.tried(ctx, func() error {
		d, _, err := n.known(ctx)
		if err != nil {
			return err
		}
		c, err := n.fresh(ctx, d, ".", perm, mode, unix.O_TMPFILE)
		if err == nil {
			f, h = c, c
		}
		return err
	})
	return f, h, err
}
