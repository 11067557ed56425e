package ns

import (
	"context"
	"slices"
	"sync"
	"time"

	"ninespace/ns/devfuse"
)

// A reqCtx is the context of one request: the kernel's interrupt ends it. For
// requests that are merely slow it does so only when the process is being
// killed, or after a second by one of the signals that ask it to end. No program expects that
// of a file's read or a stat by any other, as of a timer, a child or a window; Go's are
// interrupted all the time, by their own scheduler's. The kernel tells of the first signal alone.
type reqCtx struct {
	cancel *devfuse.Cancel
	caller caller
	quick  bool
	waiter waiter
	writes uint64 // fuseFS.writes when it came
	doubts uint64 // and fuseFS.doubts

	mu   sync.Mutex
	over bool          // it is answered
	done chan struct{} // nil: nobody waits for it
	end  chan struct{} // nil: watch does not run
	then []*func()     // what is to be called when it ends
	err  error
}

const (
	patience = time.Second
	often    = patience / 20 // it is looked which signals there are, while it is not over
	seldom   = patience / 4  // and then
)

func (f *fuseFS) ctx(cancel *devfuse.Cancel, h *devfuse.InHeader, n *node) *reqCtx {
	c := &reqCtx{cancel: cancel, writes: f.writes.Load(), doubts: f.doubts.Load()}
	if n != nil {
		c.caller = caller{n.group, int(h.Pid), h.Uid, h.Gid}
	}
	return c
}

func (c *reqCtx) Deadline() (time.Time, bool) { return time.Time{}, false }

func (c *reqCtx) Value(k any) any {
	switch {
	case k == waiterKey{}:
		return &c.waiter
	case c.caller.group == nil:
		return nil
	case k == callerKey{}:
		return &c.caller
	}
	return c.caller.group.threads.Value(k)
}

func (c *reqCtx) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if !c.over {
			c.cancel.Then(c.watch)
		}
	}
	return c.done
}

// AfterFunc is what context.AfterFunc needs a goroutine for.
func (c *reqCtx) AfterFunc(f func()) (stop func() bool) {
	c.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	c.then = append(c.then, &f)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(c.then, &f)
		if i >= 0 {
			c.then = slices.Delete(c.then, i, i+1)
		}
		return i >= 0
	}
}

func (c *reqCtx) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// finish is called when the request is answered.
func (c *reqCtx) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.end != nil {
		close(c.end)
	}
}

// wanted waits until the request is to end, and reports false if it is answered before.
func (c *reqCtx) wanted() bool {
	for i := 0; ; i++ {
		every := often
		if i >= int(patience/often) {
			every = seldom
		}
		if killed, asked := wanted(c.caller.pid); killed || asked && every == seldom {
			return true
		}
		select {
		case <-c.end:
			return false
		case <-time.After(every):
		}
	}
}

// watch is what an interrupt starts.
func (c *reqCtx) watch() {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.end = make(chan struct{})
	c.mu.Unlock()
	if !c.quick && !c.wanted() {
		return
	}
	c.mu.Lock()
	c.err = context.Canceled
	for _, f := range c.then {
		go (*f)()
	}
	c.then = nil
	c.mu.Unlock()
	close(c.done)
	t := time.NewTicker(flushPatience)
	defer t.Stop()
	for {
		select {
		case <-c.end:
			return
		case <-t.C:
			// The server does not even answer the flush. Until the request ends the
			// process cannot die, so it is given up there, and then at the next.
			c.waiter.giveUp()
		}
	}
}
