package srv

import (
	"fmt"

	"ninespace/srv/p9"
)

// Replies: the reading goroutine writes its own into the batch, the others each
// into a buffer of its own.

// answer appends the reply to the batch.
func (r *req) answer(err error) {
	c := r.c
	c.tally(r.t.Type, err != nil)
	switch {
	case err != nil:
		c.append(c.errorReply(r.t.Tag, p9.ErrorOf(err)), c.dotl)
	case r.sent:
	case r.rlen > 0:
		b := c.batch.b
		if c.srv.Trace != nil {
			c.traceFrame(b[len(b) : len(b)+r.rlen])
		}
		c.batch.b = b[:len(b)+r.rlen]
	case r.rbuf != nil: // too large for the batch
		if c.srv.Trace != nil {
			c.traceFrame(r.rbuf.b)
		}
		c.gather()
		c.out.flush(r.rbuf, true)
		r.rbuf = nil
	default:
		rx := r.reply()
		rx.Type, rx.Tag = r.t.Type+1, r.t.Tag
		c.append(rx, c.dotl)
	}
}

// append encodes a reply at the end of the batch.
func (c *conn) append(rx *p9.Fcall, dotl bool) {
	if c.srv.Trace != nil {
		c.trace("<-", rx, nil)
	}
	const most = 1 << 10 // of nearly all replies
	c.room(most)
	at := len(c.batch.b)
	b, err := c.encode(c.batch.b, rx, dotl)
	if err != nil {
		b, _ = c.encode(c.batch.b[:at], c.errorReply(rx.Tag, err), dotl)
	}
	c.batch.b = b
}

// encode appends a frame to b, or says why it can't be one: the wire can't hold a
// text or name of the server's.
func (c *conn) encode(b []byte, rx *p9.Fcall, dotl bool) ([]byte, *p9.Error) {
	at := len(b)
	b, err := rx.Append(b, dotl)
	if err == nil && c.msize != 0 && len(b)-at > int(c.msize) {
		err = fmt.Errorf("%s of %d bytes is longer than msize", rx.Type, len(b)-at)
	}
	if err != nil {
		return b[:at], p9.NewError(p9.ErrIO.Errno, err.Error())
	}
	return b, nil
}

// encode makes the frame that answers a request which ran by itself.
func (r *req) encode(err error) *buffer {
	c := r.c
	buf := r.rbuf
	r.rbuf = nil
	if err != nil || buf == nil {
		buf.free()
		rx := r.reply()
		rx.Type, rx.Tag = r.t.Type+1, r.t.Tag
		if err != nil {
			rx = c.errorReply(r.t.Tag, p9.ErrorOf(err))
		}
		buf = getBuf(bufSizes[0])
		b, e := c.encode(buf.b[:0], rx, c.dotl)
		if e != nil {
			b, _ = c.encode(buf.b[:0], c.errorReply(rx.Tag, e), c.dotl)
		}
		buf.b = b
	}
	if c.srv.Trace != nil {
		c.traceFrame(buf.b)
	}
	return buf
}

func (c *conn) rflush(tag uint16) *buffer {
	buf := getBuf(bufSizes[0])
	rx := &p9.Fcall{Type: p9.Rflush, Tag: tag}
	if c.srv.Trace != nil {
		c.trace("<-", rx, nil)
	}
	buf.b, _ = rx.Append(buf.b[:0], true)
	return buf
}

func (c *conn) errorReply(tag uint16, e *p9.Error) *p9.Fcall {
	if c.dotl {
		return &p9.Fcall{Type: p9.Rlerror, Tag: tag, Errno: e.Number()}
	}
	ename := e.Ename
	if n := min(1024, int(max(c.msize, p9.MinMsize))-p9.HdrSz-2); len(ename) > n {
		ename = ename[:n]
	}
	return &p9.Fcall{Type: p9.Rerror, Tag: tag, Ename: ename}
}

func (c *conn) traceFrame(b []byte) {
	var rx p9.Fcall
	rx.Decode(b, c.dotl)
	c.trace("<-", &rx, nil)
}
