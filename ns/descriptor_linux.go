package ns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// Descriptors of processes, which post them in #s by their numbers. The kernel
// gives them to who may trace the process, as the engine may any. That it is the process itself
// that asks does not do: what it writes to its output it may not mean so, and who gave it that
// is to get nothing by it that he may not have.

// descriptors gives what takes them of processes that may do no more than maker.
func (h *host) descriptors(maker caller) (func(caller, int) (channel, error), error) {
	pid, made, err := rightsOf(maker.pid)
	if err != nil {
		return nil, err
	}
	if h.serving.is(pid) {
		return nil, fmt.Errorf("process %d serves files, and its descriptors are not its clients': %w", pid, p9.ErrNotOwner)
	}
	return func(writer caller, n int) (channel, error) {
		pid, writes, err := rightsOf(writer.pid) // it waits for us, so they stay
		if err != nil {
			return nil, err
		}
		if writer.uid != maker.uid || writer.gid != maker.gid || !writes.within(made, maker.uid, maker.gid) {
			return nil, fmt.Errorf("process %d is not of who made the file: %w", pid, p9.ErrNotOwner)
		}
		return h.descriptor(pid, n)
	}, nil
}

func (h *host) serves(c caller) (end func(), err error) {
	pid, _, err := rightsOf(c.pid)
	if err != nil {
		return nil, err
	}
	return h.serving.begin(pid), nil
}

// descriptor takes the descriptor n of a process.
func (h *host) descriptor(pid, n int) (channel, error) {
	p, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	defer unix.Close(p)
	fd, err := unix.PidfdGetfd(p, n, 0)
	switch {
	case err == unix.EBADF:
		return nil, errBadFd
	case err != nil:
		return nil, fmt.Errorf("descriptor %d of process %d: %w", n, pid, err)
	}
	var st unix.Stat_t
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err == nil {
		err = unix.Fstat(fd, &st)
	}
	if err != nil || flags&unix.O_PATH != 0 {
		unix.Close(fd)
		return nil, errUseFd
	}
	mode := p9.Mode(flags & unix.O_ACCMODE) // the numbers are the same
	if st.Dev == h.dev && st.Mode&unix.S_IFMT == unix.S_IFREG {
		unix.Close(fd) // through it the engine would ask itself
		return h.reopen(st.Ino, mode)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFSOCK:
		return newSocket(fd)
	case unix.S_IFIFO, unix.S_IFCHR:
		// Reads that can be given up need O_NONBLOCK, which is of the open file, and so
		// the process's too. It is opened once more.
		defer unix.Close(fd)
		f, err := os.OpenFile("/proc/self/fd/"+strconv.Itoa(fd), flags&unix.O_ACCMODE|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		if err != nil {
			return nil, fmt.Errorf("descriptor %d: %w", n, bare(err))
		}
		return newOpenFile(f, mode), nil
	case unix.S_IFREG, unix.S_IFBLK:
		return newOpenFile(os.NewFile(uintptr(fd), "posted"), mode), nil
	}
	unix.Close(fd)
	return nil, errUseFd
}

// reopen opens a file of the engine's own by its inode number.
func (h *host) reopen(ino uint64, mode p9.Mode) (channel, error) {
	h.fuseFS.mu.RLock()
	var c *Chan
	for _, n := range h.nodes {
		if !n.dir && n.ch != nil && !n.ch.dev.byGroup && inode(n.ch.key()) == ino {
			c = n.ch.hold()
			break
		}
	}
	h.fuseFS.mu.RUnlock()
	if c == nil {
		return nil, errUseFd
	}
	defer c.close()
	return openChannel(context.Background(), c, mode)
}

// An openFile is a posted descriptor of anything but a socket.
type openFile struct {
	f    *os.File
	mode p9.Mode
	r, w turn
}

func newOpenFile(f *os.File, mode p9.Mode) *openFile {
	return &openFile{f, mode, newTurn(f.SetReadDeadline), newTurn(f.SetWriteDeadline)}
}

func (o *openFile) Mode() p9.Mode { return o.mode }

func (o *openFile) Read(ctx context.Context, p []byte) (int, error) {
	return o.r.take(ctx, func() (int, error) { return o.f.Read(p) })
}

func (o *openFile) Write(ctx context.Context, p []byte) (int, error) {
	return o.w.take(ctx, func() (int, error) { return o.f.Write(p) })
}

func (o *openFile) Close() error { return o.f.Close() }

// A turn lets one at a time read, or write, as long as it wants to wait.
type turn struct {
	sem      chan struct{}
	deadline func(time.Time) error
}

func newTurn(deadline func(time.Time) error) turn { return turn{make(chan struct{}, 1), deadline} }

func (t *turn) take(ctx context.Context, do func() (int, error)) (int, error) {
	select {
	case t.sem <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-t.sem }()
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		t.deadline(time.Unix(1, 0))
	})
	n, err := do()
	if !stop() {
		<-ended
		t.deadline(time.Time{})
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = ctx.Err()
	}
	return n, err
}

// A socket is a posted socket. It is not made non-blocking, which its process
// would notice: each call is, and what waits for it is an epoll instance for either
// direction.
type socket struct {
	fd   int
	r, w *socketSide
}

type socketSide struct {
	epoll *os.File
	turn
}

func newSocket(fd int) (channel, error) {
	s := &socket{fd: fd}
	var err error
	if s.r, err = newSocketSide(fd, unix.EPOLLIN|unix.EPOLLRDHUP); err == nil {
		if s.w, err = newSocketSide(fd, unix.EPOLLOUT); err != nil {
			s.r.epoll.Close()
		}
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return s, nil
}

func newSocketSide(fd int, events uint32) (*socketSide, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	err = unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events})
	if err == nil {
		err = unix.SetNonblock(ep, true) // so that package os takes it for one to wait for
	}
	if err != nil {
		unix.Close(ep)
		return nil, fmt.Errorf("epoll: %w", err)
	}
	f := os.NewFile(uintptr(ep), "epoll")
	return &socketSide{f, newTurn(f.SetReadDeadline)}, nil
}

func (*socket) Mode() p9.Mode { return p9.ORDWR }

func (s *socket) Read(ctx context.Context, p []byte) (int, error) {
	return s.r.io(ctx, func() (int, error) {
		n, _, err := unix.Recvfrom(s.fd, p, unix.MSG_DONTWAIT)
		return n, err
	})
}

func (s *socket) Write(ctx context.Context, p []byte) (int, error) {
	return s.w.io(ctx, func() (int, error) {
		return unix.SendmsgN(s.fd, p, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	})
}

// io calls do, which does not wait, until it has done something.
func (s *socketSide) io(ctx context.Context, do func() (int, error)) (int, error) {
	return s.take(ctx, func() (n int, err error) {
		rc, err := s.epoll.SyscallConn()
		if err != nil {
			return 0, err
		}
		werr := rc.Read(func(uintptr) bool {
			for {
				if n, err = do(); err != unix.EINTR {
					return err != unix.EAGAIN
				}
			}
		})
		if werr != nil {
			return 0, werr
		}
		return max(n, 0), err
	})
}

func (s *socket) Close() error {
	return errors.Join(s.r.epoll.Close(), s.w.epoll.Close(), unix.Close(s.fd))
}
