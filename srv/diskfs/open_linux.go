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
	flags := [...]int{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, unix.O_RDONLY}[mode&3]
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
func (n *node) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	h, err := n.openHandle(ctx, mode)
	if err != nil {
		return nil, err
	}
	return h, nil
}

func (n *node) openHandle(ctx context.Context, mode p9.Mode) (handle, error) {
	if n.t.readOnly && (mode.Writable() || mode&p9.OTRUNC != 0) {
		return nil, p9.ErrReadOnly
	}
	st, err := n.statx()
	if err != nil {
		return nil, err
	}
	kind := uint32(st.Mode) & unix.S_IFMT
	if mode&3 == p9.OEXEC {
		if err := unix.Faccessat2(n.fd, "", unix.X_OK, unix.AT_EMPTY_PATH|unix.AT_EACCESS); err != nil {
			return nil, err
		}
	}
	flags := openFlags(mode)
	switch kind {
	case unix.S_IFLNK:
		return nil, unix.ELOOP
	case unix.S_IFSOCK:
		return nil, unix.ENXIO
	case unix.S_IFDIR:
		fd, err := n.reopen(flags | unix.O_DIRECTORY)
		if err != nil {
			return nil, err
		}
		h := &dirHandle{node: node{t: n.t, fd: fd, open: true}, dev: devOf(&st)}
		h.kind.Store(kind)
		return h, nil
	case unix.S_IFBLK:
	case unix.S_IFREG:
		if !n.t.device(devOf(&st), n.fd).madeUp {
			break
		}
		fallthrough
	default: // may block: see polled
		fd, err := n.reopenPolled(ctx, flags, kind, mode)
		if err != nil {
			return nil, err
		}
		return n.t.polled(fd, kind, mode)
	}
	fd, err := n.reopen(flags)
	if err != nil {
		return nil, err
	}
	return n.t.handle(fd, kind, mode), nil
}

// reopenPolled opens without blocking. A pipe that nobody reads cannot be opened
// for writing so, nor does the kernel tell when that changes: it is tried again,
// ten times a second in the long run.
func (n *node) reopenPolled(ctx context.Context, flags int, kind uint32, mode p9.Mode) (int, error) {
	const most = 100 * time.Millisecond
	for wait := time.Millisecond; ; wait = min(2*wait, most) {
		fd, err := n.reopen(flags | unix.O_NONBLOCK | unix.O_NOCTTY)
		if err != unix.ENXIO || kind != unix.S_IFIFO || mode&p9.ONONBLOCK != 0 {
			return fd, err
		}
		if err := pause(ctx, wait); err != nil {
			return -1, err
		}
	}
}

// pause waits, or ends with ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *tree) handle(fd int, kind uint32, mode p9.Mode) *file {
	h := &file{node{t: t, fd: fd, mode: mode, open: true}}
	h.kind.Store(kind)
	return h
}

// polled makes a handle of a descriptor that does not block.
func (t *tree) polled(fd int, kind uint32, mode p9.Mode) (handle, error) {
	h := &polled{file: file{node{t: t, fd: fd, mode: mode, open: true}},
		pipe: kind == unix.S_IFIFO, rd: make(chan struct{}, 1), wr: make(chan struct{}, 1)}
	h.kind.Store(kind)
	h.os = os.NewFile(uintptr(fd), "")
	var err error
	if h.raw, err = h.os.SyscallConn(); err != nil {
		h.Clunk()
		return nil, err
	}
	return h, nil
}
