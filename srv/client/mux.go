package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"

	"ninespace/srv/p9"
)

var le = binary.LittleEndian

// A slot is what a tag stands for.
type slot struct {
	call     *call  // nil: the reply came
	flush    bool   // the tag of a Tflush ...
	old      uint16 // ... of this tag
	flushing bool   // a Tflush of this tag is under way: not to be used before its Rflush
}

// Tags for requests; those above are for Tflush alone, so that there is always
// a way to end a request.
const maxTags, maxCalls = p9.NoTag, 60000

// tag finds a free tag, waiting if there are too many requests under way, until over
// says why not to. What is queued is written first: among it may be what others wait
// for. c.mu is held.
func (c *Conn) tag(limit int, over func() error) (uint16, error) {
	for c.busy >= limit && c.err == nil {
		if err := over(); err != nil {
			return 0, err
		}
		if len(c.out) > 0 && !c.writing {
			c.write(false)
			c.mu.Lock()
			continue
		}
		c.freed.Wait()
	}
	if c.err != nil {
		return 0, c.err
	}
	c.busy++
	if n := len(c.free); n > 0 {
		t := c.free[n-1]
		c.free = c.free[:n-1]
		return t, nil
	}
	c.slots = append(c.slots, slot{})
	return uint16(len(c.slots) - 1), nil
}

func (c *Conn) freeTag(t uint16) {
	c.slots[t] = slot{}
	c.free = append(c.free, t)
	c.busy--
	if c.busy >= maxCalls-1 {
		c.freed.Broadcast()
	}
}

// send queues the calls' requests, one behind the other, and sees to it that they
// are written. Each outcome is to be waited for: a request that cannot be sent
// has one at once.
func (c *Conn) send(ctx context.Context, ks ...*call) { c.begin(ctx, false, ks) }

// begin is send by a caller who may read the replies, and reports whether he is to.
func (c *Conn) begin(ctx context.Context, reads bool, ks []*call) (mine bool) {
	c.mu.Lock()
	c.endLate()
	for _, k := range ks {
		if err := c.queue(ctx, k); err != nil {
			if k.final() && c.err == nil { // there was no tag
				c.owe(k.want-1, k.Fid)
				k.owed = true
			}
			k.pend.Store(1)
			k.deliver(err)
		}
	}
	mine = c.take(reads, ks)
	c.write(ctx.Done() == nil)
	return mine
}

// queue gives the call a tag and its request a place in what is to be written.
func (c *Conn) queue(ctx context.Context, k *call) error {
	if c.busy >= maxCalls && ctx.Done() != nil { // it may have to wait
		defer context.AfterFunc(ctx, func() {
			c.mu.Lock()
			c.freed.Broadcast()
			c.mu.Unlock()
		})()
	}
	t, err := c.tag(maxCalls, ctx.Err)
	if err != nil {
		return err
	}
	if k.of != nil && k.of.gone.Load() {
		c.freeTag(t)
		return p9.ErrUnknownFid
	}
	k.Tag, k.tag = t, t
	if err := c.encode(k); err != nil {
		c.freeTag(t)
		return err
	}
	c.slots[t].call = k
	c.tracef("->", &k.Fcall)
	return nil
}

// do makes a call and waits for its outcome, flushing it when ctx ends.
func (c *Conn) do(ctx context.Context, k *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.ask(ctx, k)
	return k.err
}

// wait waits for the outcomes of calls. When ctx ends, those that have none yet
// are flushed: then it is the reply's, if that was faster, or else ctx's error.
func (c *Conn) wait(ctx context.Context, ks ...*call) {
	for i, k := range ks {
		select {
		case <-k.done:
			continue
		case <-ctx.Done():
		}
		c.flush(ks[i:]...)
		for _, k := range ks[i:] {
			<-k.done
			k.flushed(ctx)
		}
		return
	}
}

var errFlushed = errors.New("flushed")

// flushed puts ctx's error in the place of what a flush makes of a call.
func (k *call) flushed(ctx context.Context) {
	if err := ctx.Err(); err != nil && (errors.Is(k.err, errFlushed) || errors.Is(k.err, syscall.EINTR)) {
		k.err = err
	}
}

// flush asks the server to give requests up, flush(5). Each outcome comes as ever:
// the reply's, if that is faster than Rflush.
func (c *Conn) flush(ks ...*call) {
	c.mu.Lock()
	c.unwant(ks...)
	for _, k := range ks {
		done := func() error { // the reply is there, or it is asked already, or given up
			if int(k.tag) >= len(c.slots) || c.slots[k.tag].call != k || c.slots[k.tag].flushing {
				return errFlushed
			}
			return nil
		}
		if done() != nil {
			continue
		}
		t, err := c.tag(maxTags, done)
		if err != nil {
			continue
		}
		if done() != nil { // while it waited
			c.freeTag(t)
			continue
		}
		f := p9.Fcall{Type: p9.Tflush, Tag: t, Oldtag: k.tag}
		c.out, _ = f.Append(c.out, c.dotl)
		c.slots[t].flush, c.slots[t].old = true, k.tag
		c.slots[k.tag].flushing = true
		c.tracef("->", &f)
	}
	c.write(false)
}

// unwant notes that calls' ctx has ended, and has somebody watch the server. c.mu is held.
func (c *Conn) unwant(ks ...*call) {
	for _, k := range ks {
		k.unwanted = true
	}
	if !c.watched {
		c.watched = true
		go c.watch()
	}
}

// discard sends a request for which nobody waits: a clunk of fid.
func (c *Conn) discard(fid uint32) {
	c.mu.Lock()
	if c.busy >= maxCalls && c.err == nil {
		c.owe(p9.Tclunk, fid)
	} else {
		c.end(p9.Tclunk, fid)
	}
	c.write(false)
}

// endSoon has fid be clunked with the next request, or soon.
func (c *Conn) endSoon(fid uint32) {
	c.mu.Lock()
	c.late = append(c.late, fid)
	switch {
	case len(c.late) >= lateMost:
		c.endLate()
		c.write(false)
		return
	case c.later == nil:
		c.later = time.AfterFunc(lateness, c.payLate)
	case len(c.late) == 1:
		c.later.Reset(lateness)
	}
	c.mu.Unlock()
}

// How many fids wait for the next request to be clunked with it, and for how long.
const (
	lateMost = 64
	lateness = 10 * time.Millisecond
)

// payLate clunks what waits for a request that has not come.
func (c *Conn) payLate() {
	c.mu.Lock()
	c.endLate()
	c.write(false)
}

// endLate queues the clunks that wait. c.mu is held.
func (c *Conn) endLate() {
	for _, fid := range c.late {
		if c.busy >= maxCalls && c.err == nil {
			c.owe(p9.Tclunk, fid)
		} else {
			c.end(p9.Tclunk, fid)
		}
	}
	c.late = c.late[:0]
}

// end queues a request of type t that ends a fid and for which nobody waits.
func (c *Conn) end(t p9.Type, fid uint32) {
	k := newCall(t)
	k.Fid, k.orphan = fid, true
	if err := c.queue(context.Background(), k); err != nil {
		k.pend.Store(1)
		k.deliver(err)
	}
}

// A debt is a request that ends a fid and goes when there is a tag for it.
type debt struct {
	t   p9.Type
	fid uint32
}

// owe has a fid end when it can. c.mu is held.
func (c *Conn) owe(t p9.Type, fid uint32) {
	if c.owed = append(c.owed, debt{t, fid}); len(c.owed) == 1 {
		go c.pay()
	}
}

// pay sends what is owed.
func (c *Conn) pay() {
	c.mu.Lock()
	for len(c.owed) > 0 && c.err == nil {
		d := c.owed[0]
		c.end(d.t, d.fid)
		c.owed = c.owed[1:] // last, for one of it is enough
	}
	c.write(false)
}

// abandon leaves a call to its own, unless some of its reply is there: then the outcome comes,
// or who watches the server gives up the rest.
func (c *Conn) abandon(k *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slots[k.tag].call != k { // it is with the reader, who reads orphan
		c.unwant(k)
		return false
	}
	k.orphan = true
	return true
}

// ended takes the outcome of a request that ends a fid, unless it was taken. It is never flushed, for
// then the fid would be neither gone nor in hand: when ctx ends, it is left to its
// own, or to whoever pays for it. Else the call and the fid's number are the caller's
// to give back.
func (c *Conn) ended(ctx context.Context, k *call, taken bool) (own bool, err error) {
	if taken {
		return !k.owed, k.err
	}
	select {
	case <-k.done:
	case <-ctx.Done():
		if c.abandon(k) {
			return false, ctx.Err()
		}
		<-k.done
		k.flushed(ctx)
	}
	return !k.owed, k.err
}

func botch(format string, a ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{p9.ErrBotch}, a...)...)
}
