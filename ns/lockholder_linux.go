package ns

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// How holders come and go.

// A close gives up what a process holds, but not what a thread of it waits for: that goes on, by
// another holder, as the fid of this one may go. There is never more than one of an owner, as its
// locks are one to the server, by whatever fid.

// newHolder makes a holder that has nothing to lock by yet.
func (s *lockState) newHolder(h *fileHandle, o lockOwner, pid uint32) *holder {
	k := &holder{owner: o, waits: &h.n.fs.waits, at: h, table: &s.records, left: make(chan struct{}),
		as: p9.Flock{ClientID: fmt.Sprintf("%s %t %x", engineID(), o.flock, o.id), ProcID: pid}}
	k.over, k.end = context.WithCancel(context.Background())
	if o.flock {
		k.table = &s.flocks
	}
	return k
}

// use gives what an owner holds its locks by, which may open a fid, until leave.
func (s *lockState) use(ctx context.Context, h *fileHandle, o lockOwner, pid uint32) (*holder, error) {
	s.mu.Lock()
	for k := s.holders[o]; k != nil; k = s.holders[o] {
		if k.over.Err() == nil {
			k.users++
			s.mu.Unlock()
			return k, nil
		}
		s.mu.Unlock()
		select {
		case <-k.left:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		s.mu.Lock()
	}
	k := s.newHolder(h, o, pid)
	host, isHost := h.h.(flocker)
	l, locks := h.h.(srv.Locker)
	switch {
	case o.flock && isHost:
		k.by = hostFlock{host}
	case locks && !h.direct && (h.claimed || h.access != unix.O_RDWR):
		s.mu.Unlock()
		if err := k.open(ctx); err != nil {
			return nil, err
		}
		s.mu.Lock()
		if s.holders[o] != nil {
			s.mu.Unlock()
			srv.Clunk(k.own)
			return s.use(ctx, h, o, pid)
		}
	case locks && !h.claimed:
		k.by, h.claimed = l, true
	}
	k.users++
	s.holders[o] = k
	s.mu.Unlock()
	return k, nil
}

// open opens a fid to lock by: for reading and writing, where that is allowed, to be
// good for both kinds of lock.
func (k *holder) open(ctx context.Context) (err error) {
	for _, mode := range []p9.Mode{p9.ORDWR, p9.Mode(k.at.access)} {
		var h srv.Handle
		if h, err = srv.Open(ctx, k.at.c.file, mode); err == nil {
			k.own = h
			k.by, _ = h.(srv.Locker)
			return nil
		}
	}
	return err
}

// leave ends a use, and tells whether the holder is over: what was got by it is lost.
func (s *lockState) leave(k *holder) (over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.users--
	over = k.over.Err() != nil
	if over && k.users == 0 {
		go s.giveUp(k)
	}
	return over
}

// drop gives up all that an owner holds, and gives what is closed then; nil if it has no holder.
func (s *lockState) drop(o lockOwner) (left <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.holders[o]
	if k == nil {
		return nil
	}
	s.finish(k)
	return k.left
}

// dropEmpty has a holder that holds nothing make room for another, and reports whether it does.
func (s *lockState) dropEmpty(k *holder) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.mu.Lock()
	holds := k.telling != nil || slices.ContainsFunc(k.table.Held(k.as), func(l p9.Flock) bool { return l.Type != p9.LockUnlock })
	k.mu.Unlock()
	if !holds {
		s.finish(k)
	}
	return !holds
}

// finish has a holder be given up as soon as nobody uses it. s.mu is locked.
func (s *lockState) finish(k *holder) {
	if k.over.Err() != nil {
		return
	}
	if k.end(); k.users == 0 {
		go s.giveUp(k)
	}
}

// giveUp gives up what was held by k, which nobody uses any more.
func (s *lockState) giveUp(k *holder) {
	k.begin(context.Background(), p9.Flock{})
	if by := k.server(); by != nil && k.taken.Load() {
		ctx, cancel := bounded(context.Background())
		by.Lock(ctx, p9.Flock{Type: p9.LockUnlock, ClientID: k.as.ClientID, ProcID: k.as.ProcID})
		cancel()
	}
	k.table.Release(k) // not before: who is in the way is found in it, see closing
	s.dropped.Add(1)
	if k.own != nil {
		srv.Clunk(k.own)
	}
	s.mu.Lock()
	if k.own == nil {
		k.at.claimed = false
	}
	delete(s.holders, k.owner)
	s.mu.Unlock()
	close(k.left)
}

// dropAll gives up what was taken through an open file that nobody has any more.
func (s *lockState) dropAll(h *fileHandle) (left []<-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.holders {
		if k.at == h {
			s.finish(k)
			left = append(left, k.left)
		}
	}
	return left
}
