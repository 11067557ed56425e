package ns

import (
	"time"

	"ninespace/srv/client"
)

// When what is known was asked for, and whether it can still be believed.

// A stamp says when something was asked for, and whether a lease was given then. The server tells
// of changes while that has lapsed too, only it does not wait until it is heard.
type stamp struct {
	at     time.Duration // by client.SinceBoot; 0: never
	leased bool
}

func (s stamp) none() bool { return s.at == 0 }

// A ticket is the time when a request was made.
type ticket struct {
	stamp
	clock uint64
	sure  bool // kept.sure of the directory that the request changes
}

// begin is called before a request is sent whose answer is to be kept.
func (c *cache) begin() ticket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

// begin is that for a request that changes the directory.
func (k *kept) begin() ticket {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	t := k.c.now()
	t.sure = k.sure
	return t
}

// now is begin where c.mu is held.
func (c *cache) now() ticket {
	return ticket{stamp: stamp{client.SinceBoot(), c.lease.given()}, clock: c.clock}
}

// good tells whether something can still be believed. c.mu is held.
func (c *cache) good(s stamp) bool {
	switch {
	case s.none(), c.lapsed(s):
		return false
	case c.bound(s):
		return true
	}
	return s.at > c.doubted && client.SinceBoot()-s.at < keepFor
}

// doubt has nothing be believed any more that was asked without a lease: somebody got a lock, and
// is to find what was done under the one before.
func (c *cache) doubt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doubted = client.SinceBoot()
}

// lapsed tells whether the lease has lapsed since something was asked for, and does not hold
// again: it may have changed untold.
func (c *cache) lapsed(s stamp) bool {
	until := c.lease.l.Load().Until()
	return s.at < until && client.SinceBoot() >= until
}

// bound tells whether something is true until the server tells that it is not. c.mu is held.
func (c *cache) bound(s stamp) bool { return !s.none() && s.leased && c.lease.holds() }

// holds tells whether k is as it was when a request was made. c.mu is held.
func (t ticket) holds(k *kept) bool { return k.changed <= t.clock && k.c.lost <= t.clock }

// stamp is what is put on what a request told of the file.
func (k *kept) stamp(t ticket) stamp { return stamp{t.at, t.leased && !k.never} }
