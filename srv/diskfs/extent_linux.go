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
	return h.timed(ctx, func() error {
		if h.t.writer == nil {
			return do()
		}
		return h.t.with(h.t.writer, do)
	})
}

// Extent finds where data (unix.SEEK_DATA) or a hole (unix.SEEK_HOLE) begins, at off
// or after, lseek(2).
func (h *file) Extent(ctx context.Context, off int64, whence int) (int64, error) {
	if d := h.dev.Load(); d.waits != never && srv.Nonblock(ctx) {
		return 0, srv.ErrAgain
	}
	return unix.Seek(h.fd, off, whence)
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
	err = n.timed(ctx, func() error {
		d, _, err := n.known()
		if err != nil {
			return err
		}
		fd := -1
		if err := n.t.doMake(ctx, func() (err error) {
			fd, err = n.beneath(".", openFlags(mode)|unix.O_TMPFILE, unixPerm(perm))
			return err
		}); err != nil {
			return err
		}
		c := n.t.handle(fd, d, unix.S_IFREG, mode)
		n.grant(c.base(), perm, nil)
		f, h = c, c
		return nil
	})
	return f, h, err
}
