package ns

import (
	"context"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// How locks are let go.

// A lock that was waited for in vain may be had all the same: a server that was silent hears of
// the signal too late, or grants the lock and never says so. It would keep that as long as the fid is
// open, from everybody. So the server is told again what is really held.

// begin is called before a request, with what it asks for: it waits until all is told
// again, and gives the change that was the last then.
func (k *holder) begin(ctx context.Context, l p9.Flock) (change int, err error) {
	for {
		k.mu.Lock()
		telling := k.telling
		if telling == nil {
			break
		}
		k.mu.Unlock()
		select {
		case <-telling:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	defer k.mu.Unlock()
	if l.Type == p9.LockUnlock {
		k.put(l) // before others can have it
		k.unlocks++
	}
	return k.change, nil
}

// unlocked is called when the server has answered an unlock, which may have taken what
// was asked for later.
func (k *holder) unlocked() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.unlocks--
	k.change++
}

// put notes what is held. k.mu is locked.
func (k *holder) put(l p9.Flock) {
	k.change++
	k.table.Put(k, l)
}

// got notes a lock, unless something has changed since the request began: by another thread, or the
// server was told otherwise, or is being told. Which of the two it heard of last is not known.
func (k *holder) got(l p9.Flock, change int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.change != change || k.unlocks > 0 {
		return false
	}
	k.put(l)
	return true
}

// takeBack tells the server by by what is held of a range, of which a lock was given up. It waits
// for nothing.
func (k *holder) takeBack(by srv.Locker, l p9.Flock) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, done := k.telling, make(chan struct{})
	k.change++
	k.telling = done
	held := k.table.Held(l)
	go func() {
		if before != nil {
			<-before
		}
		for _, l := range held {
			by.Lock(context.Background(), l)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.telling == done {
			k.telling = nil
		}
		close(done)
	}()
}
