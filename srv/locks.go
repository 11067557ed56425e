package srv

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"syscall"

	"ninespace/srv/p9"
)

// A Locks is the POSIX record locks of one file, fcntl(2), for its handles to be
// Lockers by. A lock belongs to the process that its client names and goes with what
// it was taken through: a handle, or anything that can be told apart with ==. The
// zero value holds none; a file may have 1,024, for whoever takes or asks for one looks
// at them all.
type Locks struct {
	mu   sync.Mutex
	held []lock
	wake chan struct{} // closed when a lock goes; nil: nobody waits
}

const (
	maxLocks  = 1 << 10
	maxClient = 256 // bytes of a client's name, which each lock holds
)

type lock struct {
	client     string
	proc       uint32
	write      bool
	start, end uint64 // bytes, both included
	through    any
}

// lockOf gives the range and owner that l names.
func lockOf(through any, l p9.Flock) (lock, error) {
	k := lock{l.ClientID, l.ProcID, l.Type == p9.LockWrite, l.Start, math.MaxUint64, through}
	if l.Type > p9.LockUnlock || l.Start > math.MaxInt64 || l.Length > math.MaxInt64 || len(l.ClientID) > maxClient {
		return k, p9.ErrorOfErrno(syscall.EINVAL)
	}
	if l.Length > 0 {
		k.end = l.Start + l.Length - 1
	}
	return k, nil
}

func (k *lock) mine(o *lock) bool { return k.client == o.client && k.proc == o.proc }

// bars tells whether two locks are of different owners and cannot be beside each other.
func (k *lock) bars(o *lock) bool {
	return !k.mine(o) && (k.write || o.write) && k.start <= o.end && o.start <= k.end
}

// conflict finds a lock of another owner that k cannot be beside.
func (t *Locks) conflict(k *lock) *lock {
	for i := range t.held {
		if o := &t.held[i]; k.bars(o) {
			return o
		}
	}
	return nil
}

// Against gives what the locks were taken through that stand in the way of l, in no
// order and maybe more than once.
func (t *Locks) Against(l p9.Flock) []any {
	k, err := lockOf(nil, l)
	if err != nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var by []any
	for i := range t.held {
		if o := &t.held[i]; k.bars(o) {
			by = append(by, o.through)
		}
	}
	return by
}

// with gives the locks there are once k's owner has the range anew: what it held of it
// is replaced, or only let go.
func (t *Locks) with(k lock, unlock bool) []lock {
	kept := make([]lock, 0, len(t.held)+2)
	for _, o := range t.held {
		apart := k.end < o.start || o.end < k.start
		joins := !unlock && o.through == k.through && o.write == k.write &&
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
	return kept
}

func (t *Locks) set(held []lock) {
	t.held = held
	t.changed()
}

func (t *Locks) changed() {
	if t.wake != nil {
		close(t.wake)
		t.wake = nil
	}
}

// Release gives up all that was taken through a handle.
func (t *Locks) Release(through any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.held) == 0 {
		return
	}
	kept := t.held[:0:0]
	for _, o := range t.held {
		if o.through != through {
			kept = append(kept, o)
		}
	}
	t.set(kept)
}

// Lock takes or gives up a record lock. Whoever waits does so until ctx ends:
// two that wait for each other are not found out, but see Against. ENOLCK says that
// there would be too many.
func (t *Locks) Lock(ctx context.Context, through any, l p9.Flock) (uint8, error) {
	k, err := lockOf(through, l)
	if err != nil {
		return p9.LockError, err
	}
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
	held := t.with(k, l.Type == p9.LockUnlock)
	if len(held) > max(maxLocks, len(t.held)) {
		return p9.LockError, p9.ErrorOfErrno(syscall.ENOLCK)
	}
	t.set(held)
	return p9.LockSuccess, nil
}

// Put takes or gives up a lock without asking for what is in its way, for who keeps
// account of locks that another grants.
func (t *Locks) Put(through any, l p9.Flock) {
	if k, err := lockOf(through, l); err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.set(t.with(k, l.Type == p9.LockUnlock))
	}
}

// Held gives how a range stands for the owner that l names: the locks that he has there and, as
// unlocks, what is between them, all of it in order.
func (t *Locks) Held(l p9.Flock) (parts []p9.Flock) {
	k, err := lockOf(nil, l)
	if err != nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var mine []lock
	for i := range t.held {
		if o := &t.held[i]; k.mine(o) && o.start <= k.end && k.start <= o.end {
			mine = append(mine, *o)
		}
	}
	slices.SortFunc(mine, func(a, b lock) int { return cmp.Compare(a.start, b.start) })
	add := func(typ uint8, start, end uint64) {
		p := p9.Flock{Type: typ, Start: start, ClientID: l.ClientID, ProcID: l.ProcID}
		if end != math.MaxUint64 {
			p.Length = end - start + 1
		}
		parts = append(parts, p)
	}
	at := k.start
	for _, o := range mine {
		if o.start > at {
			add(p9.LockUnlock, at, o.start-1)
		}
		typ := uint8(p9.LockRead)
		if o.write {
			typ = p9.LockWrite
		}
		end := min(o.end, k.end)
		if add(typ, max(o.start, at), end); end == k.end {
			return parts
		}
		at = end + 1
	}
	add(p9.LockUnlock, at, k.end)
	return parts
}

// Getlock tells which lock of another owner stands in the way of l, and what that was
// taken through; p9.LockUnlock and nil if none does. To ask for an unlock is to ask
// for any lock: Linux does, whatever fcntl(2) was asked.
func (t *Locks) Getlock(l p9.Flock) (p9.Flock, any, error) {
	k, err := lockOf(nil, l)
	if err != nil {
		return l, nil, err
	}
	k.write = k.write || l.Type == p9.LockUnlock
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.conflict(&k)
	if o == nil {
		l.Type = p9.LockUnlock
		return l, nil, nil
	}
	found := p9.Flock{Type: p9.LockRead, Start: o.start, ProcID: o.proc, ClientID: o.client}
	if o.write {
		found.Type = p9.LockWrite
	}
	if o.end != math.MaxUint64 {
		found.Length = o.end - o.start + 1
	}
	return found, o.through, nil
}

// Len tells how many locks are held.
func (t *Locks) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.held)
}
