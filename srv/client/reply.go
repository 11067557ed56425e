package client

import (
	"fmt"
	"io"

	"ninespace/srv/p9"
)

// readReplies is the reading goroutine.
func (c *Conn) readReplies() {
	for {
		if err := c.readReply(); err != nil {
			c.die(cause(err))
			return
		}
	}
}

func (c *Conn) readReply() error {
	h, err := c.br.Peek(p9.HdrSz)
	if err != nil {
		if len(h) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	size, typ, tag := le.Uint32(h), p9.Type(h[4]), le.Uint16(h[5:])
	if size < p9.HdrSz || size > c.msize {
		return fmt.Errorf("message of %d bytes, msize %d", size, c.msize)
	}
	k, err := c.claim(tag, typ)
	if err != nil {
		return err
	}
	if k == nil { // Rflush
		c.tracef("<-", &p9.Fcall{Type: typ, Tag: tag})
		_, err = c.br.Discard(int(size))
		return err
	}
	if typ == p9.Rread || typ == p9.Rreaddir {
		err = k.readData(c, size)
	} else {
		err = k.readFrame(c, size)
	}
	if err != nil {
		c.die(cause(err))
		k.deliver(c.Err())
	}
	return err
}

// claim finds the call that a reply is for and takes it from its tag: from then
// on it is the reading goroutine's alone. For an Rflush it is nil.
func (c *Conn) claim(tag uint16, typ p9.Type) (*call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard++
	if int(tag) >= len(c.slots) {
		return nil, fmt.Errorf("%s has the unknown tag %d", typ, tag)
	}
	s := &c.slots[tag]
	isErr := typ == p9.Rerror && !c.dotl || typ == p9.Rlerror && c.dotl
	if s.flush {
		if typ != p9.Rflush && !isErr {
			return nil, fmt.Errorf("%s answers Tflush", typ)
		}
		old := s.old
		if k := c.slots[old].call; k != nil {
			k.deliver(errFlushed)
		}
		c.freeTag(old)
		c.freeTag(tag)
		return nil, nil
	}
	k := s.call
	if k == nil {
		return nil, fmt.Errorf("%s has the unknown tag %d", typ, tag)
	}
	if typ != k.want && !isErr {
		return nil, fmt.Errorf("%s answers %s", typ, k.want-1)
	}
	s.call = nil
	if !s.flushing {
		c.freeTag(tag)
	}
	if k.orphan && !k.stray {
		c.fids = append(c.fids, k.Fid)
	}
	return k, nil
}

// readData reads the reply of a read, its data straight to where it is wanted.
func (k *call) readData(c *Conn, size uint32) error {
	const head = p9.HdrSz + 4
	if size < head {
		return fmt.Errorf("%s: %w", k.want, p9.ErrShort)
	}
	h, err := c.br.Peek(head)
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	n := le.Uint32(h[p9.HdrSz:])
	if n != size-head {
		return fmt.Errorf("%s of %d bytes has a count of %d", k.want, size, n)
	}
	c.br.Discard(head)
	if int(n) > len(k.p) {
		if _, err := c.br.Discard(int(n)); err != nil {
			return err
		}
		k.deliver(fmt.Errorf("%w: %s of %d bytes, %d asked for", p9.ErrBotch, k.want, n, len(k.p)))
		return nil
	}
	if _, err := io.ReadFull(c.br, k.p[:n]); err != nil {
		return err
	}
	k.n = int(n)
	if c.trace != nil {
		c.tracef("<-", &p9.Fcall{Type: k.want, Tag: k.Tag, Data: k.p[:n]})
	}
	k.deliver(nil)
	return nil
}

// readFrame reads any other reply.
func (k *call) readFrame(c *Conn, size uint32) error {
	if cap(k.frame) < int(size) {
		k.frame = make([]byte, size, max(size, 256))
	}
	k.frame = k.frame[:size]
	if _, err := io.ReadFull(c.br, k.frame); err != nil {
		return err
	}
	if err := k.Decode(k.frame, c.dotl); err != nil {
		return err
	}
	c.tracef("<-", &k.Fcall)
	var err error
	switch k.Type {
	case p9.Rerror:
		err = p9.ErrorOfText(k.Ename)
	case p9.Rlerror:
		err = p9.ErrorOfNumber(k.Errno)
	}
	k.deliver(err)
	return nil
}
