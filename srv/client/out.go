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
	if k.want == p9.Rwrite && len(k.Data) >= large {
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
	out, cuts := c.out, c.cuts
	c.out, c.cuts = c.spare[:0], c.spareCuts[:0]
	c.spare, c.spareCuts = nil, nil
	c.mu.Unlock()
	if err := c.put(out, cuts); err != nil {
		c.die(cause(err))
	}
	c.mu.Lock()
	c.written(cuts)
	c.spareCuts = cuts[:0]
	if cap(out) <= keepOut {
		c.spare = out[:0]
	}
}

// written lets go of payloads. c.mu is held.
func (c *Conn) written(cuts []cut) {
	for i := range cuts {
		cuts[i].call.step()
	}
	clear(cuts)
}

// put writes frames and, in their places, the payloads.
func (c *Conn) put(out []byte, cuts []cut) error {
	if len(cuts) == 0 {
		_, err := c.rwc.Write(out)
		return err
	}
	v, at := c.vec[:0], 0
	for i := range cuts {
		v = append(v, out[at:cuts[i].at], cuts[i].data)
		at = cuts[i].at
	}
	if at < len(out) {
		v = append(v, out[at:])
	}
	c.vec, c.eaten = v, v
	_, err := c.eaten.WriteTo(c.rwc)
	clear(c.vec)
	return err
}
