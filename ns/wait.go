package ns

import (
	"context"
	"sync/atomic"
	"time"

	"ninespace/srv/client"
)

// flushPatience is how long a server has to answer a flush.
const flushPatience = 5 * time.Second

// A waiter knows which server a request waits for, so that one that does not even
// answer a flush can be given up: until then the request does not end.
type waiter struct{ conn atomic.Pointer[client.Conn] }

type waiterKey struct{}

// using says that a request turns to a server.
func using(ctx context.Context, c *client.Conn) {
	if w, _ := ctx.Value(waiterKey{}).(*waiter); w != nil {
		w.conn.Store(c)
	}
}

// giveUp hangs up on the server.
func (w *waiter) giveUp() {
	if c := w.conn.Load(); c != nil {
		c.Close()
	}
}

// bounded gives a context that ends after DialTimeout, whatever the servers do.
func bounded(ctx context.Context) (context.Context, func()) {
	w, _ := ctx.Value(waiterKey{}).(*waiter)
	if w == nil {
		w = &waiter{}
		ctx = context.WithValue(ctx, waiterKey{}, w)
	}
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	t := time.AfterFunc(DialTimeout+flushPatience, w.giveUp)
	return ctx, func() {
		t.Stop()
		cancel()
	}
}
