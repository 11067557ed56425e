package ns

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"ninespace/srv/client"
)

// flushPatience is how long a server has to answer a flush.
const flushPatience = 5 * time.Second

// A waiter knows which server a request waits for, so that it can be had to end where
// the server does not even answer a flush: until then its process cannot die.
type waiter struct{ conn atomic.Pointer[client.Conn] }

type waiterKey struct{}

// using says that a request turns to a server.
func using(ctx context.Context, c *client.Conn) {
	if w, _ := ctx.Value(waiterKey{}).(*waiter); w != nil {
		w.conn.Store(c)
	}
}

// giveUp has the request, whose ctx has ended, wait for the server no longer. To the others the server
// is what it was, and may answer again: a link that was cut is made anew. Where only
// hanging up ends the request that is done.
func (w *waiter) giveUp() {
	if c := w.conn.Load(); c != nil && !c.GiveUp() {
		c.Close()
	}
}

// bounded gives a context that ends after DialTimeout, whatever the servers do. It costs
// next to nothing until somebody waits for its end, as who asks no server does not.
func bounded(ctx context.Context) (context.Context, func()) { return boundedBy(ctx, DialTimeout) }

// boundedBy gives one that ends after another time.
func boundedBy(ctx context.Context, d time.Duration) (context.Context, func()) {
	b := &boundCtx{Context: ctx, end: time.Now().Add(d)}
	b.waiter, _ = ctx.Value(waiterKey{}).(*waiter)
	if b.waiter == nil {
		b.waiter = &waiter{}
	}
	return b, b.cancel
}

type boundCtx struct {
	context.Context // what it is made of
	waiter          *waiter
	end             time.Time

	mu     sync.Mutex
	timed  context.Context // nil: nobody waits
	undo   context.CancelFunc
	giveUp *time.Timer
}

func (b *boundCtx) Deadline() (time.Time, bool) { return b.end, true }

func (b *boundCtx) Value(k any) any {
	if k == (waiterKey{}) {
		return b.waiter
	}
	return b.Context.Value(k)
}

// inner makes the context that ends by itself.
func (b *boundCtx) inner() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timed == nil {
		b.timed, b.undo = context.WithDeadline(b.Context, b.end)
		b.giveUp = time.AfterFunc(time.Until(b.end)+flushPatience, b.waiter.giveUp)
	}
	return b.timed
}

func (b *boundCtx) Done() <-chan struct{} { return b.inner().Done() }

func (b *boundCtx) Err() error {
	b.mu.Lock()
	timed := b.timed
	b.mu.Unlock()
	switch {
	case timed != nil:
		return timed.Err()
	case b.Context.Err() == nil && time.Now().After(b.end):
		return context.DeadlineExceeded
	}
	return b.Context.Err()
}

// cancel ends it.
func (b *boundCtx) cancel() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timed == nil { // who looks later finds it ended
		b.timed = gone
		return
	}
	if b.giveUp != nil {
		b.undo()
		b.giveUp.Stop()
	}
}
