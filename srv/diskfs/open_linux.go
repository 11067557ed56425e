package diskfs

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A handle is what opening gives: the descriptor that reads and writes is the
// fid's file from then on.
type handle interface {
	srv.File
	base() *node
}

// openFlags gives the O_ flags of a mode. O_DIRECT stays behind: it is about the
// client's memory, and the engine's buffers are not aligned as it wants.
func openFlags(mode p9.Mode) int {
	flags := [...]int{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, unix.O_RDONLY}[mode&3] | unix.O_LARGEFILE
	for _, f := range [...]struct {
		m p9.Mode
		o int
	}{{p9.OTRUNC, unix.O_TRUNC}, {p9.OAPPEND, unix.O_APPEND}, {p9.OSYNC, unix.O_SYNC}, {p9.ODSYNC, unix.O_DSYNC},
		{p9.ODIRECTORY, unix.O_DIRECTORY}, {p9.ONONBLOCK, unix.O_NONBLOCK}} {
		if mode&f.m != 0 {
			flags |= f.o
		}
	}
	return flags
}

// Open opens the file. A pipe opened for writing has to wait for a reader, until
// ctx ends; one opened for reading waits for its writer in Read.
func (n *node) Open(ctx context.Context, mode p9.Mode) (h srv.Handle, err error) {
	if err := n.use(ctx); err != nil {
		return nil, err
	}
	defer n.done()
	open := func() error {
		o, err := n.openHandle(ctx, mode, srv.Nonblock(ctx))
		if err == nil {
			h = o
		}
		return err
	}
	if mode&p9.OTRUNC != 0 {
		err = n.tried(ctx, open)
	} else {
		err = open()
	}
	return h, err
}

// openHandle opens the file; now says to return srv.ErrAgain where that may have
// to wait for long.
func (n *node) openHandle(ctx context.Context, mode p9.Mode, now bool) (handle, error) {
	if n.t.readOnly && (mode.Writable() || mode&p9.OTRUNC != 0) {
		return nil, p9.ErrReadOnly
	}
	if d := n.dev.Load(); now && (d == nil || d.waits == always) {
		return nil, srv.ErrAgain
	}
	d, kind, err := n.known(ctx)
	if err != nil {
		return nil, err
	}
	flags := openFlags(mode)
	switch kind {
	case unix.S_IFLNK:
		return nil, unix.ELOOP
	case unix.S_IFSOCK:
		return nil, unix.ENXIO
	case unix.S_IFDIR:
		flags |= unix.O_DIRECTORY
	}
	if mode&3 == p9.OEXEC {
		err := n.t.do(ctx, func() error { return unix.Faccessat2(n.fd, "", unix.X_OK, unix.AT_EMPTY_PATH|unix.AT_EACCESS) })
		if err != nil {
			return nil, err
		}
	}
	if kind != unix.S_IFDIR && (d.madeUp || kind != unix.S_IFREG && kind != unix.S_IFBLK) {
		if now {
			return nil, srv.ErrAgain
		}
		fd, err := n.reopenPolled(ctx, flags, kind, mode)
		if err != nil {
			return nil, err
		}
		return n.t.polled(ctx, fd, d, kind, mode)
	}
	if now && kind == unix.S_IFBLK {
		return nil, srv.ErrAgain
	}
	if kind != unix.S_IFBLK {
		flags |= unix.O_NONBLOCK // which here is about another's lease, and no more
	}
	fd := -1
	err = patiently(ctx, func() (err error) {
		fd, err = n.reopen(ctx, flags)
		if err == unix.EAGAIN && (now || mode&p9.ONONBLOCK == 0) {
			err = srv.ErrAgain
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if kind == unix.S_IFDIR {
		h := &dirHandle{}
		h.init(n.t, fd, d, kind, mode)
		return h, nil
	}
	return n.t.handle(ctx, fd, d, kind, mode), nil
}

// reopenPolled opens without blocking. A pipe that nobody reads cannot be opened
// for writing so.
func (n *node) reopenPolled(ctx context.Context, flags int, kind uint32, mode p9.Mode) (fd int, err error) {
	err = patiently(ctx, func() (err error) {
		fd, err = n.reopen(ctx, flags|unix.O_NONBLOCK|unix.O_NOCTTY)
		if err == unix.ENXIO && kind == unix.S_IFIFO && mode&p9.ONONBLOCK == 0 {
			err = srv.ErrAgain
		}
		return err
	})
	return fd, err
}

// patiently calls try for as long as it says srv.ErrAgain, since what is in its way the kernel
// does not tell the end of, or only to who waits in a call that cannot be ended: ten times a
// second in the long run. On a goroutine that must not wait, once.
func patiently(ctx context.Context, try func() error) error {
	const most = 100 * time.Millisecond
	for wait := time.Millisecond; ; wait = min(2*wait, most) {
		if err := try(); err != srv.ErrAgain || srv.Nonblock(ctx) {
			return err
		}
		if err := pause(ctx, nil, wait); err != nil {
			return err
		}
	}
}

// pause waits for some time, or for early, or ends with ctx.
func pause(ctx context.Context, early <-chan struct{}, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-early:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// polled makes a handle of a descriptor that does not block.
func (t *tree) polled(ctx context.Context, fd int, d *device, kind uint32, mode p9.Mode) (handle, error) {
	h := &polled{pipe: kind == unix.S_IFIFO, rd: make(chan struct{}, 1), wr: make(chan struct{}, 1)}
	h.closing = d.closing(ctx)
	h.init(t, fd, d, kind, mode)
	h.os = os.NewFile(uintptr(fd), "")
	var err error
	if h.raw, err = h.os.SyscallConn(); err != nil {
		h.Clunk()
		return nil, err
	}
	return h, nil
}
