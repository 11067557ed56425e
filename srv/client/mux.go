package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"ninespace/srv/p9"
)

var le = binary.LittleEndian

// A call is one request and then its reply, in the same Fcall: the request is
// encoded before the reply can come.
type call struct {
	p9.Fcall
	tag    uint16        // Tag, which the reply's decoding writes
	want   p9.Type       // the reply's type
	p      []byte        // where the data of Rread or Rreaddir goes
	n      int           // how much came
	frame  []byte        // the reply's memory, which Stat shares
	err    error         // the outcome
	done   chan struct{} // has room for one: the outcome is there
	orphan bool          // nobody waits; the reply frees Fid
}

// A slot is what a tag stands for.
type slot struct {
	call     *call  // nil: the reply came
	flush    bool   // the tag of a Tflush ...
	old      uint16 // ... of this tag
	flushing bool   // a Tflush of this tag is under way: not to be used before its Rflush
}

var calls = sync.Pool{New: func() any { return &call{done: make(chan struct{}, 1)} }}

// keepFrame is how much memory an idle call may hold on to.
const keepFrame = 4 << 10

func newCall(t p9.Type) *call {
	k := calls.Get().(*call)
	wname, wqid, frame := k.Wname[:0], k.Wqid[:0], k.frame
	*k = call{done: k.done, frame: frame, want: t + 1}
	k.Type, k.Wname, k.Wqid = t, wname, wqid
	return k
}

// release gives a call back, after its outcome was taken.
func (k *call) release() {
	k.p, k.Data, k.Stat = nil, nil, nil
	clear(k.Wname)
	if cap(k.frame) > keepFrame {
		k.frame = nil
	}
	calls.Put(k)
}

func (k *call) deliver(c *Conn, err error) {
	k.err = err
	if k.orphan { // c.mu is held, or the call is no longer in a slot
		k.release()
		return
	}
	k.done <- struct{}{}
}

// Tags for requests; those above are for Tflush alone, so that there is always
// a way to end a request.
const maxTags, maxCalls = p9.NoTag, 60000

// tag finds a free tag, waiting if there are too many requests under way. c.mu
// is held.
func (c *Conn) tag(ctx context.Context, limit int) (uint16, error) {
	if c.busy >= limit && c.err == nil {
		stop := context.AfterFunc(ctx, func() {
			c.mu.Lock()
			c.freed.Broadcast()
			c.mu.Unlock()
		})
		for c.busy >= limit && c.err == nil && ctx.Err() == nil {
			c.freed.Wait()
		}
		stop()
	}
	switch {
	case c.err != nil:
		return 0, c.err
	case ctx.Err() != nil:
		return 0, ctx.Err()
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

// send queues the calls' requests, one behind the other, and sees to it that
// they are written. After an error none is under way.
func (c *Conn) send(ctx context.Context, ks ...*call) error {
	c.mu.Lock()
	for i, k := range ks {
		err := c.queue(ctx, k)
		if err == nil {
			continue
		}
		if i == 0 {
			c.mu.Unlock()
			return err
		}
		k.err = err // those before it are on their way
		k.done <- struct{}{}
	}
	c.write()
	return nil
}

// queue gives the call a tag and its request a place in c.out.
func (c *Conn) queue(ctx context.Context, k *call) error {
	t, err := c.tag(ctx, maxCalls)
	if err != nil {
		return err
	}
	k.Tag, k.tag = t, t
	start := len(c.out)
	if c.out, err = k.Append(c.out, c.dotl); err == nil && len(c.out)-start > int(c.msize) {
		err = fmt.Errorf("%s of %d bytes: %w", k.Type, len(c.out)-start, p9.ErrorOfErrno(syscall.E2BIG))
		c.out = c.out[:start]
	}
	if err != nil {
		c.freeTag(t)
		return err
	}
	c.slots[t].call = k
	c.tracef("<-", &k.Fcall)
	return nil
}

// write writes what is queued, unless somebody is writing who will see it. It
// unlocks c.mu. Frames that were queued meanwhile are written by a goroutine of
// their own, for the caller has a reply to wait for.
func (c *Conn) write() {
	if c.writing || len(c.out) == 0 || c.err != nil {
		c.mu.Unlock()
		return
	}
	c.writing = true
	if c.writeOut(); len(c.out) > 0 && c.err == nil {
		go c.drain()
	} else {
		c.writing = false
	}
	c.mu.Unlock()
}

func (c *Conn) drain() {
	c.mu.Lock()
	for len(c.out) > 0 && c.err == nil {
		c.writeOut()
	}
	c.writing = false
	c.mu.Unlock()
}

// keepOut is how much memory an idle Conn may hold for what it writes.
const keepOut = 64 << 10

// writeOut does one write. c.mu is held before and after it, not meanwhile.
func (c *Conn) writeOut() {
	b := c.out
	c.out, c.spare = c.spare[:0], nil
	c.mu.Unlock()
	_, err := c.rwc.Write(b)
	if err != nil {
		c.die(cause(err))
	}
	c.mu.Lock()
	if cap(b) <= keepOut {
		c.spare = b[:0]
	}
}

// do makes a call and waits for its outcome, flushing it when ctx ends.
func (c *Conn) do(ctx context.Context, k *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.send(ctx, k); err != nil {
		return err
	}
	return c.wait(ctx, k)
}

func (c *Conn) wait(ctx context.Context, k *call) error {
	select {
	case <-k.done:
		return k.err
	case <-ctx.Done():
	}
	c.flush(k)
	<-k.done
	if errors.Is(k.err, errFlushed) || errors.Is(k.err, syscall.EINTR) {
		return ctx.Err()
	}
	return k.err
}

var errFlushed = errors.New("flushed")

// flush asks the server to give a request up, flush(5). The outcome comes by
// k.done: the reply's, if that is faster than Rflush.
func (c *Conn) flush(k *call) {
	c.mu.Lock()
	if t, err := c.tag(context.Background(), maxTags); err == nil {
		if c.slots[k.tag].call != k { // the reply is there
			c.freeTag(t)
		} else {
			f := p9.Fcall{Type: p9.Tflush, Tag: t, Oldtag: k.tag}
			c.out, _ = f.Append(c.out, c.dotl)
			c.slots[t].flush, c.slots[t].old = true, k.tag
			c.slots[k.tag].flushing = true
			c.tracef("<-", &f)
		}
	}
	c.write()
}

// discard sends a request for which nobody waits: a clunk of fid.
func (c *Conn) discard(fid uint32) {
	k := newCall(p9.Tclunk)
	k.Fid, k.orphan = fid, true
	if c.send(context.Background(), k) != nil {
		k.release()
	}
}

// abandon leaves a call to its own, unless its outcome is there.
func (c *Conn) abandon(k *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slots[k.tag].call != k { // it is with the reader, who reads orphan
		return false
	}
	k.orphan = true
	return true
}
