package ns

import (
	"context"
	"sync"
	"sync/atomic"

	"ninespace/srv/client"
)

// A lease is the server's duty to tell of changes before they are made. The kernel is
// told of them as well, before the server hears that they are heeded.
type lease struct {
	l    atomic.Pointer[client.Lease]
	ends sync.Mutex
	over bool
	stop context.CancelFunc
}

// begin asks for it, of a server that may have none. Nobody waits for that: until then
// what is asked is believed as if there were none.
func (l *lease) begin(c *cache) {
	ctx, cancel := context.WithTimeout(context.Background(), DialTimeout)
	l.stop = cancel
	go func() {
		defer cancel()
		got, err := c.conn.Lease(ctx, c.recalled)
		if err != nil {
			return
		}
		l.ends.Lock()
		over := l.over
		if !over {
			l.l.Store(got)
		}
		l.ends.Unlock()
		if over {
			got.End()
		}
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

// recalled forgets what is known of files that are about to be changed.
func (c *cache) recalled(ch client.Changes) {
	c.mu.Lock()
	if ch.All {
		for _, k := range c.files {
			k.change()
		}
		c.lost = c.clock
	}
	for _, p := range ch.Paths {
		if k := c.files[p]; k != nil {
			k.change()
		} else {
			c.clock++
			c.lost = c.clock
		}
	}
	for _, p := range ch.None {
		k := c.file(p)
		k.change()
		k.never = true
	}
	c.mu.Unlock()
	c.tell(ch.Paths, ch.All)
}
