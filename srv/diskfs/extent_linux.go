package diskfs

import (
	"context"

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
