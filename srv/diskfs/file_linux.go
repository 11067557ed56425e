package diskfs

import (
	"context"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A file is an open file whose bytes are stored somewhere: reading may wait for
// that, but for nothing else.
type file struct {
	descriptor
	node
	closing context.Context       // whose threads may wait in close(2), where that may: who opened it has them
	locked  atomic.Pointer[inode] // has had record locks
}

// A local is a file on a disk of this machine or in its memory.
type local struct {
	inline
	file
}

// init makes a handle of the node, which nobody else has yet.
func (n *node) init(t *tree, fd int, d *device, kind uint32, mode p9.Mode) {
	n.t, n.fd, n.mode, n.open = t, fd, mode, true
	n.dev.Store(d)
	n.kind.Store(kind)
}

// handle makes a handle of a descriptor that ctx's request has opened.
func (t *tree) handle(ctx context.Context, fd int, d *device, kind uint32, mode p9.Mode) handle {
	if d.waits == always || kind != unix.S_IFREG {
		h := &file{closing: d.closing(ctx)}
		h.init(t, fd, d, kind, mode)
		return h
	}
	h := &local{}
	h.init(t, fd, d, kind, mode)
	return h
}

// Backing gives the descriptor by which the file is open, for the kernel to read
// and write by itself; -1 where that would not be as the user who attached.
func (h *local) Backing() int {
	if h.t.writer != nil {
		return -1
	}
	return h.fd
}

// Pages gives the descriptor where what is asked for is in memory.
func (h *local) Pages(off int64, n int) (fd, have int) {
	var st unix.Stat_t
	if unix.Fstat(h.fd, &st) != nil || st.Size <= off {
		return -1, 0
	}
	have = int(min(int64(n), st.Size-off))
	if h.dev.Load().waits != never && !cached(h.fd, off, have) {
		return -1, 0
	}
	return h.fd, have
}

// Read gives the bytes at an offset. The user was allowed to when the file was
// opened, which is all that the kernel asks.
func (h *file) Read(ctx context.Context, p []byte, off int64) (n int, err error) {
	switch d := h.dev.Load(); {
	case d.waits == never:
		return h.pread(p, off)
	case srv.Nonblock(ctx):
		return h.readNow(d, p, off)
	}
	err = srv.InKernel(ctx, func() (err error) {
		n, err = h.pread(p, off)
		return err
	})
	return n, err
}

func (h *file) pread(p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(h.fd, p, off)
		if err != unix.EINTR {
			return max(0, n), err
		}
	}
}

// readNow reads what is in memory, whole or not at all: a read that is short
// though the file goes on would be taken for one at its end. So what comes short
// is read on, and if then nothing comes that was the end.
func (h *file) readNow(d *device, p []byte, off int64) (n int, err error) {
	if d.waits == always || d.waitful.Load() {
		return 0, srv.ErrAgain
	}
	for n < len(p) {
		m, err := preadNow(h.fd, p[n:], off+int64(n))
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EOPNOTSUPP:
			d.waitful.Store(true)
			return 0, srv.ErrAgain
		case err == unix.EAGAIN:
			return 0, srv.ErrAgain
		case err != nil && n == 0:
			return 0, err
		case err != nil || m == 0:
			return n, nil
		}
		n += m
	}
	return n, nil
}

// Write puts bytes at an offset, or at the end of a file opened with OAPPEND. The
// user was allowed to then, but it still is the user's: set-id bits go off, and
// disks and quotas are full, where they would not for root.
func (h *file) Write(ctx context.Context, p []byte, off int64) (n int, err error) {
	if h.mode&(p9.OSYNC|p9.ODSYNC) != 0 {
		if err := h.settled(ctx); err != nil {
			return 0, err
		}
	}
	write := func() error {
		for {
			n, err = unix.Pwrite(h.fd, p, off)
			if err != unix.EINTR {
				return err
			}
		}
	}
	err = h.timed(ctx, func() error { return h.t.be(h.t.writer, write) })
	return max(0, n), err
}

// Sync puts the file on stable storage.
func (h *file) Sync(ctx context.Context, dataOnly bool) error {
	if err := h.settled(ctx); err != nil {
		return err
	}
	return srv.InKernel(ctx, func() error {
		if dataOnly {
			return unix.Fdatasync(h.fd)
		}
		return unix.Fsync(h.fd)
	})
}

// closing gives the ctx of the close of what ctx's request opens; nil where that does not wait.
func (d *device) closing(ctx context.Context) context.Context {
	if d.waits != always {
		return nil
	}
	return srv.ThreadsOf(ctx)
}

// close calls f, which closes the descriptor: on a network that may wait.
func (h *file) close(f func() error) {
	if h.closing != nil {
		srv.InKernel(h.closing, f)
	} else {
		f()
	}
}

// Clunk closes the file, and lets those go on who wait for its locks.
func (h *file) Clunk() {
	h.close(func() error { h.node.Clunk(); return nil })
	if id := h.locked.Load(); id != nil {
		h.t.waits.wake(*id)
	}
}
