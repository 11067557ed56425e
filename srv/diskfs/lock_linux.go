package diskfs

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// flock gives fcntl(2)'s form of a lock.
func flock(l p9.Flock) (unix.Flock_t, error) {
	if l.Type > p9.LockUnlock || l.Start > math.MaxInt64 || l.Length > math.MaxInt64 {
		return unix.Flock_t{}, unix.EINVAL
	}
	return unix.Flock_t{Type: [...]int16{unix.F_RDLCK, unix.F_WRLCK, unix.F_UNLCK}[l.Type],
		Start: int64(l.Start), Len: int64(l.Length)}, nil
}

// Lock takes or gives up a record lock. To wait for one in the kernel would take
// a thread that cannot be called back when ctx ends: Go restarts what a signal
// interrupts. So it is tried again when a lock of the file is given up through
// this server; and, as others may have one, after a millisecond at first and ten
// times a second in the long run. A lock goes with its fid.
func (h *file) Lock(ctx context.Context, l p9.Flock) (uint8, error) {
	if srv.Nonblock(ctx) {
		return p9.LockError, srv.ErrAgain
	}
	k, err := flock(l)
	if err != nil {
		return p9.LockError, err
	}
	var st unix.Statx_t
	if _, err := h.look(ctx, &st); err != nil {
		return p9.LockError, err
	}
	err = h.take(ctx, inode{devOf(&st), st.Ino}, l.Flags&p9.LockFlagBlock != 0, k.Type != unix.F_WRLCK,
		func() error {
			return srv.InKernel(ctx, func() error { return unix.FcntlFlock(uintptr(h.fd), unix.F_OFD_SETLK, &k) })
		})
	switch err {
	case nil:
		return p9.LockSuccess, nil
	case unix.EAGAIN:
		return p9.LockBlocked, nil
	}
	return p9.LockError, err
}

// Flock takes or gives up a lock of the whole file, flock(2): how is LOCK_SH, LOCK_EX
// or LOCK_UN, with LOCK_NB not to wait. 9P has no such lock, nor do record locks know
// of it; who uses the package in the process has it as the machine's programs do.
func (h *file) Flock(ctx context.Context, how int) error {
	var st unix.Statx_t
	if _, err := h.look(ctx, &st); err != nil {
		return err
	}
	return h.take(ctx, inode{devOf(&st), st.Ino}, how&unix.LOCK_NB == 0, how&unix.LOCK_EX == 0,
		func() error { return srv.InKernel(ctx, func() error { return unix.Flock(h.fd, how|unix.LOCK_NB) }) })
}

// take tries to take or give up a lock of a file: until it has it, if it may wait,
// else it says EAGAIN. less says that others may have one then.
func (h *file) take(ctx context.Context, id inode, wait, less bool, try func() error) error {
	err := h.try(id, less, try)
	if err != unix.EAGAIN || !wait {
		return err
	}
	const most = 100 * time.Millisecond
	for wait := time.Millisecond; ; wait = min(2*wait, most) {
		given := h.t.waits.enter(id) // before the try, to miss nothing after it
		err := h.try(id, less, try)
		blocked := err == unix.EAGAIN
		if blocked {
			err = pause(ctx, given, wait)
		}
		h.t.waits.leave(id)
		if err != nil || !blocked {
			return err
		}
	}
}

func (h *file) try(id inode, less bool, try func() error) error {
	for {
		switch err := try(); err {
		case nil:
		case unix.EINTR:
			continue
		case unix.EACCES:
			return unix.EAGAIN
		default:
			return err
		}
		switch {
		case h.locked.Load() == nil:
			h.locked.Store(&id)
		case less: // than before, perhaps
			h.t.waits.wake(id)
		}
		return nil
	}
}

// Getlock tells which lock stands in the way of l. To ask for an unlock is to ask
// for any lock: Linux does, whatever fcntl(2) was asked. Of a lock that was taken
// by another fid the kernel does not know the process: ProcID is 0.
func (h *file) Getlock(ctx context.Context, l p9.Flock) (p9.Flock, error) {
	if err := h.near(ctx); err != nil {
		return l, err
	}
	k, err := flock(l)
	if err != nil {
		return l, err
	}
	if l.Type == p9.LockUnlock {
		k.Type = unix.F_WRLCK
	}
	err = srv.InKernel(ctx, func() error { return unix.FcntlFlock(uintptr(h.fd), unix.F_OFD_GETLK, &k) })
	if err != nil {
		return l, err
	}
	switch k.Type {
	case unix.F_UNLCK:
		l.Type = p9.LockUnlock
		return l, nil
	case unix.F_RDLCK:
		l.Type = p9.LockRead
	default:
		l.Type = p9.LockWrite
	}
	l.Start, l.Length, l.ProcID = uint64(k.Start), uint64(k.Len), uint32(max(0, k.Pid))
	return l, nil
}

// An inode is a file, by the numbers of its device and in it.
type inode struct{ dev, ino uint64 }

// The waits for locks, by file.
type waits struct {
	mu sync.Mutex
	m  map[inode]*wait
}

type wait struct {
	n     int           // how many wait
	given chan struct{} // closed when a lock is given up
}

// enter gives what is closed when a lock of the file is given up. After it comes
// leave.
func (l *waits) enter(id inode) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.m[id]
	if w == nil {
		w = &wait{given: make(chan struct{})}
		if l.m == nil {
			l.m = map[inode]*wait{}
		}
		l.m[id] = w
	}
	w.n++
	return w.given
}

func (l *waits) leave(id inode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.m[id]
	if w.n--; w.n == 0 {
		delete(l.m, id)
	}
}

func (l *waits) wake(id inode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.m[id]; w != nil {
		close(w.given)
		w.given = make(chan struct{})
	}
}
