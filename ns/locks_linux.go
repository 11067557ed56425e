package ns

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Record locks, fcntl(2), and locks of open files, flock(2), are the server's, so
// that they exclude whoever else it has. There a lock belongs to a fid, here to a
// process or to an open file: so each owner has a fid of its own, that of the file
// through which it locks if no other owner uses that and it is good for both kinds of
// lock, else one opened for it, unless the file is one that opening may change. What
// is held is kept here too: it tells which process holds a lock, and it is all there
// is for a file whose server has no locks.

// A lockOwner is a process, or an open file, as the kernel numbers them.
type lockOwner struct {
	id    uint64
	flock bool
}

// A holder is what an owner holds its locks of a file by.
type holder struct {
	owner lockOwner
	waits *lockWaits
	at    *fileHandle // by which it locked first
	by    srv.Locker  // nil: the server has no locks; under mu once it is used
	own   srv.Handle  // opened for it alone; nil: by is at's
	as    p9.Flock    // ClientID and ProcID
	taken atomic.Bool // there may be something to give up
	table *srv.Locks  // where it is kept

	users int             // requests under way; under lockState.mu
	over  context.Context // ends when it takes no more of them: who waits asks by another
	end   func()          // ends it, under lockState.mu
	left  chan struct{}   // is closed when it is no holder any more

	mu      sync.Mutex
	change  int           // counts changes of what is held, and when the server was told again
	unlocks int           // that the server has not answered
	telling chan struct{} // is closed when it knows; nil: it does
}

// A lockState is what is known of a file's locks.
type lockState struct {
	mu      sync.Mutex
	holders map[lockOwner]*holder
	dropped atomic.Int64 // how often an owner's locks have gone
	records srv.Locks
	flocks  srv.Locks
}

// A lockUse is an open file's part in it.
type lockUse struct {
	access  uint32       // O_RDONLY, O_WRONLY or O_RDWR
	claimed bool         // its fid is some owner's; under lockState.mu
	quiet   bool         // closes of it are not told
	closed  atomic.Int64 // when one of its descriptors was, in Unix nanoseconds
}

// flockByte is where 9P, which has no flock(2), is asked for one: a lock of the last
// byte that there could be, which no record lock from here reaches. Linux's v9fs asks
// for all bytes; the two exclude each other.
const flockByte = math.MaxInt64

// A flocker has flock(2)'s own locks.
type flocker interface {
	Flock(ctx context.Context, how int) error
}

// A hostFlock is one as a Locker.
type hostFlock struct{ flocker }

func (h hostFlock) Lock(ctx context.Context, l p9.Flock) (uint8, error) {
	how := [...]int{unix.LOCK_SH, unix.LOCK_EX, unix.LOCK_UN}[l.Type]
	if l.Flags&p9.LockFlagBlock == 0 {
		how |= unix.LOCK_NB
	}
	switch err := h.Flock(ctx, how); {
	case err == nil:
		return p9.LockSuccess, nil
	case errors.Is(err, unix.EAGAIN):
		return p9.LockBlocked, nil
	default:
		return p9.LockError, err
	}
}

func (h hostFlock) Getlock(context.Context, p9.Flock) (p9.Flock, error) {
	return p9.Flock{}, p9.ErrNotSup
}

func (n *node) lockState() *lockState {
	if s := n.locks.Load(); s != nil {
		return s
	}
	n.locks.CompareAndSwap(nil, &lockState{holders: map[lockOwner]*holder{}})
	return n.locks.Load()
}

// A file's closing is told of its descriptor first, if at all, and a moment later of
// itself: until then its locks are in the way of others, who have to give it the
// moment. It is the close before they asked that counts: who has a file open in many processes,
// as a shell's children have what it locked, may close it all the time.
const (
	moment       = 200 * time.Millisecond // after a close that was told
	unseenMoment = 10 * time.Millisecond  // where none is
)

// lock takes or gives up a lock. It may wait until ctx ends, if l says so.
func (s *lockState) lock(ctx context.Context, h *fileHandle, o lockOwner, l p9.Flock) (uint8, error) {
	began := time.Now()
	for fresh := false; ; {
		k, err := s.use(ctx, h, o, l.ProcID)
		if err != nil {
			return p9.LockError, err
		}
		dropped := s.dropped.Load()
		status, err := k.lock(ctx, l)
		switch over := s.leave(k); {
		case over && l.Type != p9.LockUnlock:
			continue // a file was closed, or its descriptor
		case errors.Is(err, unix.EBADF) && k.at != h && !fresh && s.dropEmpty(k):
			fresh = true // it was made for a file with other permissions
			continue
		case status != p9.LockBlocked || l.Flags&p9.LockFlagBlock != 0:
		case s.dropped.Load() != dropped:
			continue // what was in the way may have gone since
		case k.closing(l, began):
			if pause(ctx, time.Millisecond) == nil {
				continue
			}
		}
		return status, err
	}
}

// lock is Locker's, kept account of.
func (k *holder) lock(ctx context.Context, l p9.Flock) (uint8, error) {
	l.ClientID, l.ProcID = k.as.ClientID, k.as.ProcID
	if l.Flags&p9.LockFlagBlock != 0 && l.Type != p9.LockUnlock && !k.owner.flock {
		leave, ok := k.waits.enter(k, l)
		if !ok {
			return p9.LockError, unix.EDEADLK
		}
		defer leave()
		var cancel func()
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(k.over, cancel)()
	}
	by := k.server()
	if by == nil {
		k.taken.Store(true)
		return k.table.Lock(ctx, k, l)
	}
	less := l.Type == p9.LockUnlock
	if !less {
		k.taken.Store(true)
	}
	again := false // the server may have granted some of it
	const most = time.Second
	for wait := time.Millisecond; ; wait = min(2*wait, most) {
		change, err := k.begin(ctx, l)
		if err != nil {
			if again {
				k.takeBack(by, l)
			}
			return p9.LockError, err
		}
		status, err := by.Lock(ctx, l)
		if less {
			k.unlocked()
		}
		if errors.Is(err, p9.ErrNotSup) {
			k.without()
			return k.table.Lock(ctx, k, l)
		}
		had := err == nil && status == p9.LockSuccess
		if had && !less && !k.got(l, change) {
			again = true
			continue
		}
		if !had && !less && (again || err != nil && ctx.Err() != nil) {
			k.takeBack(by, l)
			again = false
		}
		if err == nil && status == p9.LockBlocked && l.Flags&p9.LockFlagBlock != 0 {
			// Some servers never wait.
			if err := pause(ctx, wait); err != nil {
				return p9.LockError, err
			}
			continue
		}
		return status, err
	}
}

// server gives what the locks are asked of; nil: they are kept here alone.
func (k *holder) server() srv.Locker {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.by
}

// without follows a server's answer that it has no locks.
func (k *holder) without() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.by = nil
}

// closing tells whether what is in the way of l, which was asked for at began, may be
// a file that is closed.
func (k *holder) closing(l p9.Flock, began time.Time) bool {
	l.ClientID, l.ProcID = k.as.ClientID, k.as.ProcID
	_, by, err := k.table.Getlock(l)
	other, ok := by.(*holder)
	switch {
	case err != nil || !ok:
		return false
	case other.at.quiet:
		return time.Since(began) < unseenMoment
	}
	closed := time.Unix(0, other.at.closed.Load())
	return closed.Before(began) && time.Since(closed) < moment
}

// getlock tells which lock is in the way of l.
func (s *lockState) getlock(ctx context.Context, h *fileHandle, o lockOwner, l p9.Flock) (p9.Flock, error) {
	began := time.Now()
	k, err := s.use(ctx, h, o, l.ProcID)
	for ; err == nil && k.closing(l, began); k, err = s.use(ctx, h, o, l.ProcID) {
		s.leave(k)
		if err := pause(ctx, time.Millisecond); err != nil {
			return l, err
		}
	}
	if err != nil {
		return l, err
	}
	defer s.leave(k)
	l.ClientID, l.ProcID = k.as.ClientID, k.as.ProcID
	found, _, err := k.table.Getlock(l)
	by := k.server()
	if err != nil || found.Type != p9.LockUnlock || by == nil {
		return found, err
	}
	found, err = by.Getlock(ctx, l)
	if errors.Is(err, p9.ErrNotSup) {
		l.Type = p9.LockUnlock
		return l, nil
	}
	if !h.c.dev.host {
		found.ProcID = 0 // none of this machine's
	}
	return found, err
}

// pause waits for some time, or ends with ctx.
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
