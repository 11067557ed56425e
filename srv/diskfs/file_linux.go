package diskfs

import (
	"context"

	"golang.org/x/sys/unix"
)

// A file is an open file whose bytes are on a disk: reading may wait for that,
// but for nothing else.
type file struct{ node }

// Read gives the bytes at an offset.
func (h *file) Read(_ context.Context, p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(h.fd, p, off)
		if err != unix.EINTR {
			return max(0, n), err
		}
	}
}

// Write puts bytes at an offset, or at the end of a file opened with OAPPEND.
func (h *file) Write(_ context.Context, p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pwrite(h.fd, p, off)
		if err != unix.EINTR {
			return max(0, n), err
		}
	}
}

// Sync puts the file on stable storage.
func (h *file) Sync(_ context.Context, dataOnly bool) error {
	if dataOnly {
		return unix.Fdatasync(h.fd)
	}
	return unix.Fsync(h.fd)
}
