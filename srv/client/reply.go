package client

import (
	"fmt"
	"io"

	"ninespace/srv/p9"
)

// A reply is one that is read. Who reads may stop anywhere, and somebody else go on.
type reply struct {
	begun bool
	tag   uint16
	call  *call  // nil: it is an Rflush
	part  bool   // it was not all here when it was begun
	data  bool   // of a read, whose bytes go to where they are wanted
	body  []byte // what is still to be filled of the call's
	skip  int    // bytes to be passed over
	bad   error  // why they are
}

// An ear is a Conn as what is read of its stream, and counts that.
type ear Conn

func (e *ear) Read(p []byte) (int, error) {
	n, err := e.rwc.Read(p)
	e.heard.Add(uint64(max(0, n)))
	return n, err
}

// readReply reads one reply, or the rest of it. After an error of who was
// stopped it can be gone on with.
func (c *Conn) readReply() error {
	r := &c.reply
	if !r.begun {
		if err := c.beginReply(r); err != nil {
			return err
		}
	}
	err := c.fill(r)
	if err != nil && c.stopped(err) {
		return err
	}
	k := r.call
	if r.part { // before another can have the call
		c.mu.Lock()
		c.claimed = nil
		c.mu.Unlock()
	}
	switch {
	case err != nil:
	case k == nil:
		c.tracef("<-", &p9.Fcall{Type: p9.Rflush, Tag: r.tag})
	case r.data:
		k.tookData(c, r.bad)
	default:
		err = k.tookFrame(c)
	}
	if err != nil && k != nil {
		c.die(cause(err))
		k.deliver(c.Err())
	}
	*r = reply{}
	return err
}

// dataHead is what of a read's reply comes before the data.
const dataHead = p9.HdrSz + 4

// beginReply takes a reply's head, and with it the call from its tag.
func (c *Conn) beginReply(r *reply) error {
	h, err := c.br.Peek(p9.HdrSz)
	if err != nil {
		if len(h) > 0 && err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	size, typ, tag, n := le.Uint32(h), p9.Type(h[4]), le.Uint16(h[5:]), 0
	if size < p9.HdrSz || size > c.msize {
		return fmt.Errorf("message of %d bytes, msize %d", size, c.msize)
	}
	data := typ == p9.Rread || typ == p9.Rreaddir
	if data {
		if size < dataHead {
			return fmt.Errorf("%s: %w", typ, p9.ErrShort)
		}
		if h, err = c.br.Peek(dataHead); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if n = int(le.Uint32(h[p9.HdrSz:])); n != int(size)-dataHead {
			return fmt.Errorf("%s of %d bytes has a count of %d", typ, size, n)
		}
	}
	part := c.br.Buffered() < int(size)
	k, err := c.claim(tag, typ, part)
	if err != nil {
		return err
	}
	*r = reply{begun: true, tag: tag, call: k, part: part, data: data}
	switch {
	case k == nil:
		r.skip = int(size)
	case data && n > len(k.p):
		r.skip = int(size)
		r.bad = fmt.Errorf("%w: %s of %d bytes, %d asked for", p9.ErrBotch, typ, n, len(k.p))
	case data:
		c.br.Discard(dataHead)
		k.n, r.body = n, k.p[:n]
	default:
		if cap(k.frame) < int(size) {
			k.frame = make([]byte, size, max(size, 256))
		}
		k.frame = k.frame[:size]
		r.body = k.frame
	}
	return nil
}

// fill reads what is still to come of a reply.
func (c *Conn) fill(r *reply) error {
	n, err := io.ReadFull(c.br, r.body)
	r.body = r.body[n:]
	if err == nil {
		n, err = c.br.Discard(r.skip)
		r.skip -= n
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// claim finds the call that a reply is for and takes it from its tag: from then
// on it is the reading goroutine's alone. For an Rflush it is nil. part says that some of the
// reply is still to come.
func (c *Conn) claim(tag uint16, typ p9.Type, part bool) (*call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
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
	if s.call = nil; part {
		c.claimed = k
	}
	if !s.flushing {
		c.freeTag(tag)
	}
	if k.orphan && !k.stray {
		c.fids = append(c.fids, k.Fid)
	}
	return k, nil
}

// tookData ends a read, whose data is there unless it is bad.
func (k *call) tookData(c *Conn, bad error) {
	if bad == nil && c.trace != nil {
		c.tracef("<-", &p9.Fcall{Type: k.want, Tag: k.Tag, Data: k.p[:k.n]})
	}
	k.deliver(bad)
}

// tookFrame ends a call whose reply is in its frame.
func (k *call) tookFrame(c *Conn) error {
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
