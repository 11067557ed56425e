package ns

import (
	"time"

	"ninespace/srv/client"
)

// When what is known was asked for, and whether it can still be believed.

// A stamp says when something was asked for, and whether the server then had the duty
// to tell of changes.
type stamp struct {
	at     time.Duration // by client.SinceBoot; 0: never
	leased bool
}

func (s stamp) none() bool { return s.at == 0 }

// A ticket is the time when a request was made.
type ticket struct {
	stamp
	clock uint64
}

// begin is called before a request is sent whose answer is to be kept.
func (c *cache) begin() ticket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ticket{stamp{client.SinceBoot(), c.lease.holds()}, c.clock}
}

// good tells whether something can still be believed. c.mu is held.
func (c *cache) good(s stamp) bool {
	switch {
	case s.none():
		return false
	case s.leased && c.lease.holds():
		return true
	}
	return client.SinceBoot()-s.at < keepFor
}

// holds tells whether k is as it was when a request was made. c.mu is held.
func (t ticket) holds(k *kept) bool { return k.changed <= t.clock && k.c.lost <= t.clock }

// stamp is what is put on what a request told of the file.
func (k *kept) stamp(t ticket) stamp { return stamp{t.at, t.leased && !k.never} }
