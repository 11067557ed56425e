package client

import (
	"fmt"
	"syscall"

	"ninespace/srv/p9"
)

// What is to be written is frames one behind the other, without those payloads
// that are long enough to be written from where they are.

// large is how many bytes are not copied.
const large = 32 << 10

// A cut is the place of a payload that was left out.
type cut struct {
	at   int // in front of out[at]
	data []byte
	call *call // which ends no sooner than its payload is written
}

// encode puts a request behind what is to be written. c.mu is held.
func (c *Conn) encode(k *call) error {
	start := len(c.out)
	if c.raw != nil && k.want == p9.Rwrite && len(k.Data) >= large {
		const head = p9.HdrSz + 4 + 8 + 4
		size := head + len(k.Data)
		if size > int(c.msize) {
			return tooLong(k, size)
		}
		b := le.AppendUint32(c.out, uint32(size))
		b = append(b, uint8(k.Type))
		b = le.AppendUint16(b, k.Tag)
		b = le.AppendUint32(b, k.Fid)
		b = le.AppendUint64(b, k.Offset)
		c.out = le.AppendUint32(b, uint32(len(k.Data)))
		k.pend.Store(2)
		c.cuts = append(c.cuts, cut{len(c.out), k.Data, k})
		return nil
	}
	k.pend.Store(1)
	var err error
	if c.out, err = k.Append(c.out, c.dotl); err != nil {
		return err
	}
	if size := len(c.out) - start; size > int(c.msize) {
		c.out = c.out[:start]
		return tooLong(k, size)
	}
	return nil
}

func tooLong(k *call, size int) error {
	return fmt.Errorf("%s of %d bytes: %w", k.Type, size, p9.ErrorOfErrno(syscall.E2BIG))
}

// write writes what is queued, unless somebody is writing who will see it. It
// unlocks c.mu. What the server does not take at once, or was queued meanwhile, is
// written by a goroutine of its own, for the caller has a reply to wait for, and a
// ctx. Where it cannot be known whether the server takes it, wait says whether the
// caller may have to wait for that.
func (c *Conn) write(wait bool) {
	c.take(false, nil)
	if c.writing || len(c.out) == 0 || c.err != nil {
		c.mu.Unlock()
		return
	}
	c.writing = true
	if (c.raw == nil && !wait) || !c.writeOut(true) || len(c.out) > 0 && c.err == nil {
		go c.drain()
	} else {
		c.writing = false
	}
	c.mu.Unlock()
}

func (c *Conn) drain() {
	c.mu.Lock()
	for (len(c.out) > 0 || len(c.vec) > 0) && c.err == nil {
		c.writeOut(false)
	}
	if c.err != nil { // it may have ended between two writes
		c.written(c.begunCuts)
		c.vec = nil
	}
	c.writing = false
	c.mu.Unlock()
}

// keepOut is how much memory an idle Conn may hold for what it writes.
const keepOut = 64 << 10

// writeOut writes what is left of the last time, or else what is queued, with try
// only as much as the server takes at once, and reports whether that was all of it.
// c.mu is held before and after it, not meanwhile.
func (c *Conn) writeOut(try bool) bool {
	if len(c.vec) == 0 {
		c.begun, c.begunCuts = c.out, c.cuts
		c.out, c.cuts = c.spare[:0], c.spareCuts[:0]
		c.spare, c.spareCuts = nil, nil
		c.lay()
	}
	c.mu.Unlock()
	err := c.put(try)
	if err != nil {
		c.die(cause(err))
	}
	c.mu.Lock()
	if err == nil && len(c.vec) > 0 {
		return false
	}
	c.vec = nil
	c.written(c.begunCuts)
	c.spareCuts = c.begunCuts[:0]
	if cap(c.begun) <= keepOut {
		c.spare = c.begun[:0]
	}
	c.begun, c.begunCuts = nil, nil
	return true
}

// lay puts frames and payloads in their order. c.mu is held.
func (c *Conn) lay() {
	v, at := c.pieces[:0], 0
	for i := range c.begunCuts {
		v = append(v, c.begun[at:c.begunCuts[i].at], c.begunCuts[i].data)
		at = c.begunCuts[i].at
	}
	if at < len(c.begun) {
		v = append(v, c.begun[at:])
	}
	c.pieces, c.vec = v, v
}

// written lets go of payloads. c.mu is held.
func (c *Conn) written(cuts []cut) {
	for i := range cuts {
		cuts[i].call.step()
	}
	clear(cuts)
}

// put writes c.vec, or, with try, as much as goes at once, and leaves the rest in it.
func (c *Conn) put(try bool) error {
	if c.raw != nil {
		c.try, c.werr = try, nil
		if err := c.raw.Write(c.once); err != nil {
			return err
		}
		return c.werr
	}
	for len(c.vec) > 0 { // one piece, for there are no cuts
		n, err := c.rwc.Write(c.vec[0])
		if err != nil {
			return err
		}
		c.took(n)
	}
	return nil
}
