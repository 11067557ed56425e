package ramfs

import (
	"context"
	"math"
	"sync"
	"syscall"

	"ninespace/srv/p9"
)

// A lockTable is the POSIX record locks of one file, fcntl(2). A lock belongs to
// the process that its client names and goes with the handle it was taken
// through.
type lockTable struct {
	mu   sync.Mutex
	held []lock
	wake chan struct{} // closed when a lock goes; nil: nobody waits
}

type lock struct {
	client     string
	proc       uint32
	write      bool
	start, end uint64 // bytes, both included
	h          *handle
}

// lockOf gives the range and owner that l names.
func lockOf(h *handle, l p9.Flock) (lock, error) {
	k := lock{l.ClientID, l.ProcID, l.Type == p9.LockWrite, l.Start, math.MaxUint64, h}
	if l.Type > p9.LockUnlock || l.Start > math.MaxInt64 || l.Length > math.MaxInt64 {
		return k, p9.ErrorOfErrno(syscall.EINVAL)
	}
	if l.Length > 0 {
		k.end = l.Start + l.Length - 1
	}
	return k, nil
}

func (k *lock) mine(o *lock) bool { return k.client == o.client && k.proc == o.proc }

// conflict finds a lock of another owner that k cannot be beside.
func (t *lockTable) conflict(k *lock) *lock {
	for i := range t.held {
		o := &t.held[i]
		if !k.mine(o) && (k.write || o.write) && k.start <= o.end && o.start <= k.end {
			return o
		}
	}
	return nil
}

// set gives k's owner the range anew: what it held of it is replaced, or only
// let go.
func (t *lockTable) set(k lock, unlock bool) {
	kept := t.held[:0:0]
	for _, o := range t.held {
		apart := k.end < o.start || o.end < k.start
		joins := !unlock && o.h == k.h && o.write == k.write &&
			(!apart || k.end < o.start && k.end+1 == o.start || o.end < k.start && o.end+1 == k.start)
		switch {
		case !k.mine(&o) || apart && !joins:
			kept = append(kept, o)
		case joins: // of one kind and touching: one lock
			k.start, k.end = min(k.start, o.start), max(k.end, o.end)
		default:
			if o.start < k.start {
				left := o
				left.end = k.start - 1
				kept = append(kept, left)
			}
			if o.end > k.end {
				o.start = k.end + 1
				kept = append(kept, o)
			}
		}
	}
	if !unlock {
		kept = append(kept, k)
	}
	t.held = kept
	t.changed()
}

func (t *lockTable) changed() {
	if t.wake != nil {
		close(t.wake)
		t.wake = nil
	}
}

// release gives up all that was taken through a handle.
func (t *lockTable) release(h *handle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.held) == 0 {
		return
	}
	kept := t.held[:0:0]
	for _, o := range t.held {
		if o.h != h {
			kept = append(kept, o)
		}
	}
	t.held = kept
	t.changed()
}

// Lock takes or gives up a record lock. Whoever waits does so until ctx ends:
// two that wait for each other are not found out.
func (h *handle) Lock(ctx context.Context, l p9.Flock) (uint8, error) {
	k, err := lockOf(h, l)
	if err != nil {
		return p9.LockError, err
	}
	t := &h.locks
	t.mu.Lock()
	for l.Type != p9.LockUnlock && t.conflict(&k) != nil {
		if l.Flags&p9.LockFlagBlock == 0 {
			t.mu.Unlock()
			return p9.LockBlocked, nil
		}
		if t.wake == nil {
			t.wake = make(chan struct{})
		}
		wake := t.wake
		t.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return p9.LockError, ctx.Err()
		}
		t.mu.Lock()
	}
	defer t.mu.Unlock()
	if err := ctx.Err(); err != nil { // flushed: nobody would give it up
		return p9.LockError, err
	}
	t.set(k, l.Type == p9.LockUnlock)
	return p9.LockSuccess, nil
}

// Getlock tells which lock of another owner stands in the way of l. To ask for an
// unlock is to ask for any lock: Linux does, whatever fcntl(2) was asked.
func (h *handle) Getlock(_ context.Context, l p9.Flock) (p9.Flock, error) {
	k, err := lockOf(h, l)
	if err != nil {
		return l, err
	}
	k.write = k.write || l.Type == p9.LockUnlock
	t := &h.locks
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.conflict(&k)
	if o == nil {
		l.Type = p9.LockUnlock
		return l, nil
	}
	found := p9.Flock{Type: p9.LockRead, Start: o.start, ProcID: o.proc, ClientID: o.client}
	if o.write {
		found.Type = p9.LockWrite
	}
	if o.end != math.MaxUint64 {
		found.Length = o.end - o.start + 1
	}
	return found, nil
}
