package ns

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ninespace/srv/client"
)

// A lease is the server's duty to tell of changes before they are made. The kernel is
// told of them as well, before the server hears that they are heeded.
type lease struct {
	l    atomic.Pointer[client.Lease]
	had  chan struct{} // closed when the server has given it, or said that it gives none
	ends sync.Mutex
	over bool
	stop context.CancelFunc
}

// begin asks for it, of a server that may have none. Nobody waits for that: until then
// what is asked is believed as if there were none.
func (l *lease) begin(c *cache) {
	ctx, cancel := context.WithTimeout(context.Background(), DialTimeout)
	l.stop, l.had = cancel, make(chan struct{})
	go func() {
		defer close(l.had)
		defer cancel()
		began := time.Now()
		got, err := c.conn.Lease(ctx, c.recalled)
		if err != nil {
			return
		}
		c.took(time.Since(began))
		l.ends.Lock()
		over := l.over
		if !over {
			l.l.Store(got)
		}
		l.ends.Unlock()
		if over {
			got.End()
			return
		}
		c.recalled(client.Changes{All: true}) // what was told before then may change untold
	}()
}

// end gives it back.
func (l *lease) end() {
	l.ends.Lock()
	l.over = true
	got := l.l.Load()
	l.ends.Unlock()
	l.stop()
	if got != nil {
		got.End()
	}
}

// holds tells whether the server has the duty just now.
func (l *lease) holds() bool { return l.l.Load().Holds() }

// given tells whether it was given, though it may have lapsed.
func (l *lease) given() bool { return l.l.Load() != nil }

// recalled forgets what is known of files that are about to be changed. At a lapse that is only
// what is used without a look at the lease: what was read of open files, and what the kernel has.
func (c *cache) recalled(ch client.Changes) {
	c.mu.Lock()
	if ch.Lapse {
		for _, k := range c.files {
			k.turn++
			k.let()
		}
	}
	if ch.All {
		for _, k := range c.files {
			k.recall()
		}
		c.lost = c.clock
	}
	for _, p := range ch.Paths {
		if k := c.files[p]; k != nil {
			k.recall()
		} else {
			c.clock++
			c.lost = c.clock
		}
	}
	for _, p := range ch.None {
		k := c.file(p)
		k.recall()
		k.never = true
	}
	c.mu.Unlock()
	c.tell(slices.Concat(ch.Paths, ch.None), ch.All || ch.Lapse)
}

// recall is change by another. c.mu is held.
func (k *kept) recall() {
	k.change()
	k.recalled, k.sure = k.changed, false
}

// look says that the server was asked about the file, and has to tell of changes since, what is
// done here beside. c.mu is held.
func (k *kept) look(t ticket) {
	if t.leased && !k.never && k.recalled <= t.clock && k.c.lost <= t.clock {
		k.sure = true
	}
}

// assured tells whether the server has to tell of the file's changes.
func (k *kept) assured() bool {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	return k.sure && k.c.lease.holds()
}

// assure has the server, if it gives leases, be bound to tell of changes to what is read next.
func (h *keptHandle) assure(ctx context.Context) {
	h.c.mu.Lock()
	ask := !h.sure && !h.never && !h.vers0 && h.c.lease.holds()
	h.c.mu.Unlock()
	if ask {
		h.Stat(ctx) // if it can't be had, no more than that is known
	}
}
