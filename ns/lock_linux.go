package ns

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv/p9"
)

// The kernel's side of locks.

// engineID is how this engine's owners of locks are known to servers.
var engineID = sync.OnceValue(func() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s %x", host, rand.Uint64())
})

// wireLock makes a lock of the kernel's. One to the end of all files leaves out the
// very last byte: see flockByte.
func wireLock(in *devfuse.LkIn, o lockOwner, wait bool) p9.Flock {
	l := p9.Flock{Type: uint8(in.Lk.Type), ProcID: in.Lk.Pid, Start: in.Lk.Start, Length: min(in.Lk.End, flockByte-1) - in.Lk.Start + 1}
	if o.flock {
		l.Start, l.Length = flockByte, 1
	}
	if wait {
		l.Flags = p9.LockFlagBlock
	}
	return l
}

func ownerOf(in *devfuse.LkIn) lockOwner {
	return lockOwner{in.Owner, in.LkFlags&devfuse.LkFlock != 0}
}

func (f *fuseFS) SetLk(cancel *devfuse.Cancel, in *devfuse.LkIn) syscall.Errno {
	return f.setLk(cancel, in, false)
}

func (f *fuseFS) SetLkw(cancel *devfuse.Cancel, in *devfuse.LkIn) syscall.Errno {
	return f.setLk(cancel, in, true)
}

func (f *fuseFS) setLk(cancel *devfuse.Cancel, in *devfuse.LkIn, wait bool) syscall.Errno {
	h, ok := f.handle(in.Fh).(*fileHandle)
	if !ok {
		return syscall.EBADF
	}
	o := ownerOf(in)
	l := wireLock(in, o, wait)
	if l.Type > p9.LockUnlock || l.Start > math.MaxInt64 {
		return syscall.EINVAL
	}
	s := h.n.locks.Load()
	var before []p9.Flock
	if l.Type == p9.LockUnlock {
		if s == nil || !s.has(o) {
			return 0
		}
	} else {
		s = h.n.lockState()
		before = s.held(o, l)
	}
	ctx := f.ctx(cancel, &in.InHeader, h.n)
	ctx.quick = wait
	defer ctx.finish()
	st, err := s.lock(ctx, h, o, l)
	switch {
	case err != nil:
		return status(err)
	case st == p9.LockSuccess && l.Type != p9.LockUnlock && !f.locked(ctx, h):
		patiently(begin(func() {
			ctx, cancel := bounded(context.Background())
			defer cancel()
			for _, l := range before {
				s.lock(ctx, h, o, l)
			}
		}))
		return syscall.EINTR
	case st == p9.LockSuccess:
		return 0
	case st == p9.LockBlocked:
		return syscall.EAGAIN
	}
	return syscall.ENOLCK
}

// held gives how the range of l stands for an owner.
func (s *lockState) held(o lockOwner, l p9.Flock) []p9.Flock {
	s.mu.Lock()
	k := s.holders[o]
	s.mu.Unlock()
	if k == nil {
		return []p9.Flock{{Type: p9.LockUnlock, Start: l.Start, Length: l.Length, ProcID: l.ProcID}}
	}
	l.ClientID, l.ProcID = k.as.ClientID, k.as.ProcID
	return k.table.Held(l)
}

// has tells whether an owner may hold something.
func (s *lockState) has(o lockOwner) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.holders[o]
	return k != nil && k.over.Err() == nil && k.taken.Load()
}

func (f *fuseFS) GetLk(cancel *devfuse.Cancel, in *devfuse.LkIn, out *devfuse.LkOut) syscall.Errno {
	h, ok := f.handle(in.Fh).(*fileHandle)
	if !ok {
		return syscall.EBADF
	}
	o := ownerOf(in)
	ctx := f.ctx(cancel, &in.InHeader, h.n)
	defer ctx.finish()
	l, err := h.n.lockState().getlock(ctx, h, o, wireLock(in, o, false))
	if err != nil {
		return status(err)
	}
	out.Lk = devfuse.FileLock{Type: uint32(l.Type), Start: l.Start, End: math.MaxInt64, Pid: l.ProcID}
	if end := l.Start + l.Length - 1; l.Length != 0 && end < flockByte-1 {
		out.Lk.End = end
	}
	return 0
}

// lockPatience is how long the end of a process waits for a server to give up its
// locks. The server goes on about it.
const lockPatience = 2 * time.Second

// mayCloseUnseen tells whether the engine need not be told when a descriptor of a file
// that is being opened is closed, which would take as long as opening it. Its locks
// then last until nobody has it open. Files that are only read rarely have locks;
// where there have been some, closes are told of. A close of a file that is written
// is told in any case, as the kernel writes what was changed in memory then; of a ctl
// there is nothing in memory, and no locks.
func (h *fileHandle) mayCloseUnseen() bool {
	_, ctl := h.h.(*ctlHandle)
	return (h.access == unix.O_RDONLY || ctl) && h.n.locks.Load() == nil
}

// Flush is told of each close of a descriptor: the process then has no locks of the
// file any more, through whichever descriptor it took them.
func (f *fuseFS) Flush(cancel *devfuse.Cancel, in *devfuse.FlushIn) syscall.Errno {
	h, ok := f.handle(in.Fh).(*fileHandle)
	if !ok {
		return 0
	}
	ctx := f.ctx(cancel, &in.InHeader, h.n)
	h.flushed.Store(true)
	errno := status(h.flush(ctx))
	ctx.finish()
	s := h.n.locks.Load()
	if s == nil {
		return errno
	}
	h.closed.Store(time.Now().UnixNano())
	if left := s.drop(lockOwner{in.LockOwner, false}); left != nil {
		patiently(left)
	}
	return errno
}

// A flusher is a handle that has answered writes which its server has not.
type flusher interface {
	Flush(ctx context.Context) error
}

// patiently waits until locks are given up, which no signal interrupts, and a server must
// not hold up for long.
func patiently(left ...<-chan struct{}) {
	t := time.NewTimer(lockPatience)
	defer t.Stop()
	for _, left := range left {
		select {
		case <-left:
		case <-t.C:
			return
		}
	}
}

// unlock gives up the locks that went with an open file.
func (f *fuseFS) unlock(h *fileHandle) {
	if s := h.n.locks.Load(); s != nil {
		patiently(s.dropAll(h)...)
	}
}
