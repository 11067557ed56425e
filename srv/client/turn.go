package client

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// Who reads replies. Where one request follows the other, who made it reads its reply:
// no other goroutine is woken for that, and no thread. It reads for others too until its
// own is there, and then, if others are still to come, leaves that to the reading
// goroutine, which goes on until none is. That one reads an idle connection as well, so as
// to hear of its end; but only after a lull, or it would have to be stopped for each
// request.
//
// As long as a request is under way somebody reads. A caller whose ctx ends may wait
// for a flush, or for a server that is dead, as all do, so it stops reading, wherever in a
// reply that is, by a deadline.

// lull is for how long nobody reads a connection on which nothing is asked.
const lull = 10 * time.Millisecond

// A turn says whose it is to read.
type turn struct {
	taken bool // somebody reads; under Conn.mu
	long  bool // and has for long: the reading goroutine sleeps until it is told; under Conn.mu
	rouse chan struct{}
	until func(time.Time) error // sets a deadline for reading; nil: none can be set
	mine  bool                  // callers may read
	told  atomic.Bool           // who reads is stopped to look whether its reply was given up
}

// ask sends the calls' requests and waits for all outcomes, as send and wait do.
func (c *Conn) ask(ctx context.Context, ks ...*call) {
	if !c.sendRead(ctx, ks...) {
		c.wait(ctx, ks...)
	}
}

// sendRead sends the calls' requests, reads the replies itself where nobody else does, and
// reports whether it has taken all outcomes so.
func (c *Conn) sendRead(ctx context.Context, ks ...*call) bool {
	return c.begin(ctx, ctx.Err() == nil, ks) && !c.readFor(ctx, ks)
}

// take has who sends the calls read the replies, if it can, or else somebody do. c.mu is
// held.
func (c *Conn) take(caller bool, ks []*call) (mine bool) {
	if c.turn.taken || c.busy == 0 || c.err != nil {
		return false
	}
	c.turn.taken = true
	mine = caller && c.turn.mine
	for _, k := range ks {
		mine = mine && k.pend.Load() < 2 // or who writes has the last word
	}
	if !mine {
		c.turn.rouse <- struct{}{}
	}
	return mine
}

// readFor reads until the calls' outcomes are there, or ctx ends: then it reports true.
func (c *Conn) readFor(ctx context.Context, ks []*call) (ended bool) {
	stop := c.interrupts(ctx)
	var err error
	for i := 0; i < len(ks) && err == nil; {
		if len(ks[i].done) > 0 {
			i++
		} else if err = c.readReply(); c.toldToLook(err) {
			if err = nil; ctx.Err() != nil { // of which it may not have been told, then
				err = os.ErrDeadlineExceeded
			}
		}
	}
	stop()
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.die(cause(err))
	}
	c.mu.Lock()
	// A reply that has begun has left its tag: only who reads on tells its caller.
	begun, dead := c.reply.begun, c.err != nil
	c.turn.taken = c.busy > 0 || begun || dead || c.turn.long
	if c.turn.taken && !dead {
		c.turn.rouse <- struct{}{}
	}
	c.mu.Unlock()
	if begun && dead {
		c.readReply() // nobody else will, and it does not wait
	}
	if err != nil {
		return true
	}
	for _, k := range ks {
		<-k.done
	}
	return false
}

// interrupts stops the reading when ctx ends, until stop is called.
func (c *Conn) interrupts(ctx context.Context) (stop func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	done := make(chan struct{})
	kick := func() {
		defer close(done)
		c.turn.until(time.Unix(1, 0))
	}
	var undo func() bool
	if a, ok := ctx.(interface{ AfterFunc(func()) func() bool }); ok {
		undo = a.AfterFunc(kick)
	} else {
		undo = context.AfterFunc(ctx, kick)
	}
	return func() {
		if !undo() {
			<-done
			c.turn.until(time.Time{})
			if c.turn.told.Load() { // which may be what was just taken away
				c.turn.until(time.Unix(1, 0))
			}
		}
	}
}

// letGo has who reads look whether the reply that it reads was given up. c.mu is held.
func (c *Conn) letGo() {
	if c.turn.until != nil {
		c.turn.told.Store(true)
		c.turn.until(time.Unix(1, 0))
	}
}

// stopped reports whether an error is that of who was stopped. Of streams that are no sockets it
// may be one of their own.
func (c *Conn) stopped(err error) bool {
	var late interface{ Timeout() bool }
	return errors.Is(err, os.ErrDeadlineExceeded) || c.turn.told.Load() && errors.As(err, &late) && late.Timeout()
}

// toldToLook does so, and has what is still to come of such a reply passed over. It is for who reads,
// which an error may have stopped, and reports whether it was told so: then it can go on.
func (c *Conn) toldToLook(err error) bool {
	if !c.turn.told.Load() || err != nil && !c.stopped(err) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn.told.Store(false)
	c.turn.until(time.Time{})
	r := &c.reply
	if k := r.call; r.begun && k != nil && k.unwanted {
		r.call, r.data, r.bad = k.takePlace(), true, nil
		r.skip, r.body = r.skip+len(r.body), nil
		c.claimed = nil
		k.deliver(errFlushed)
	}
	return true
}

// readReplies is the reading goroutine.
func (c *Conn) readReplies() {
	for {
		if err := c.readReply(); c.toldToLook(err) {
			continue
		} else if err != nil {
			c.die(cause(err))
			return
		}
		c.mu.Lock()
		rest := c.busy == 0 && c.turn.mine
		if rest {
			c.turn.taken = false
		}
		c.mu.Unlock()
		if rest && !c.rest() {
			return
		}
	}
}

// rest waits until somebody has the reading goroutine read, or there was a lull, and
// reports false where the connection has ended. Where a caller waits for longer than a lull
// it sleeps, and reads when the caller has what it waited for.
func (c *Conn) rest() bool {
	t := time.NewTicker(lull)
	defer t.Stop()
	heard := c.heard.Load()
	for {
		select {
		case <-c.turn.rouse:
			c.mu.Lock()
			c.turn.long = false
			c.mu.Unlock()
			return true
		case <-c.done:
			return len(c.turn.rouse) > 0 // the rest of a reply may be left to it
		case <-t.C:
		}
		c.mu.Lock()
		now := c.heard.Load()
		silent := now == heard
		heard = now
		c.turn.long = silent && c.turn.taken
		quiet := silent && !c.turn.taken
		if c.turn.long {
			t.Stop()
		}
		if quiet {
			c.turn.taken = true
		}
		c.mu.Unlock()
		if quiet {
			return true
		}
	}
}
