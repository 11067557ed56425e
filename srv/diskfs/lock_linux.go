package diskfs

import (
	"context"
	"math"
	"time"

	"golang.org/x/sys/unix"

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
// a thread that cannot be called back when ctx ends, so it is tried again, after
// a millisecond at first and ten times a second in the long run. A lock goes
// with its fid.
func (h *file) Lock(ctx context.Context, l p9.Flock) (uint8, error) {
	k, err := flock(l)
	if err != nil {
		return p9.LockError, err
	}
	const most = 100 * time.Millisecond
	for wait := time.Millisecond; ; wait = min(2*wait, most) {
		try := k
		switch err := unix.FcntlFlock(uintptr(h.fd), unix.F_OFD_SETLK, &try); {
		case err == nil:
			return p9.LockSuccess, nil
		case err == unix.EINTR:
			continue
		case err != unix.EAGAIN && err != unix.EACCES:
			return p9.LockError, err
		case l.Flags&p9.LockFlagBlock == 0:
			return p9.LockBlocked, nil
		}
		if err := pause(ctx, wait); err != nil {
			return p9.LockError, err
		}
	}
}

// Getlock tells which lock stands in the way of l. Of one that was taken by
// another fid the kernel does not know the process: ProcID is 0.
func (h *file) Getlock(_ context.Context, l p9.Flock) (p9.Flock, error) {
	k, err := flock(l)
	if err != nil {
		return l, err
	}
	if l.Type == p9.LockUnlock {
		return l, nil
	}
	if err := unix.FcntlFlock(uintptr(h.fd), unix.F_OFD_GETLK, &k); err != nil {
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
