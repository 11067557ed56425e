package srv

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"

	"ninespace/srv/p9"
)

// Reading and writing, read(5).

const readHead = p9.HdrSz + 4

// space gives room for the count bytes of a read's reply, or for fewer: in the
// batch where that runs on the reading goroutine, or in a frame of its own.
func (r *req) space(count uint32) []byte {
	c := r.c
	count = min(count, c.msize-readHead)
	if r.ctx == nil && count < large {
		return c.room(readHead + int(count))[readHead:]
	}
	asked := int64(count)
	if count > shortRead && c.crowded(c.reading.Add(asked)) {
		// Too much memory waits in replies already: a short read is no error.
		c.reading.Add(-asked)
		asked, count = 0, shortRead
	} else if count <= shortRead {
		asked = 0
	}
	r.rbuf = getBuf(readHead + int(count))
	r.rbuf.count(&c.reading, int64(cap(r.rbuf.b)))
	c.reading.Add(-asked)
	return r.rbuf.b[readHead:]
}

// crowded reports whether a connection has too many bytes of read buffers. One that
// takes its replies never has, whoever else keeps memory short.
func (c *conn) crowded(n int64) bool {
	return n > readBudget || n > fairBudget && c.srv.scarce()
}

// filled makes the reply of what was read to the room that space gave.
func (r *req) filled(room, n int, err error) error {
	if err == io.EOF || err != nil && errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil && n <= 0 {
		return err
	}
	n = max(0, min(n, room))
	size := readHead + n
	var b []byte
	if r.rbuf != nil {
		r.rbuf.b = r.rbuf.b[:size]
		b = r.rbuf.b
	} else {
		r.rlen = size
		at := len(r.c.batch.b)
		b = r.c.batch.b[at : at+size]
	}
	r.putHead(b, n)
	return nil
}

// putHead puts what is before the n bytes of a read's reply.
func (r *req) putHead(b []byte, n int) {
	binary.LittleEndian.PutUint32(b, uint32(readHead+n))
	b[4] = byte(r.t.Type + 1)
	binary.LittleEndian.PutUint16(b[5:], r.t.Tag)
	binary.LittleEndian.PutUint32(b[7:], uint32(n))
}

func (r *req) read(ctx context.Context, f *fid) error {
	t := &r.t
	off := int64(t.Offset)
	var h Reader
	switch {
	case f.xattr != nil:
		h, off = f.xattr, int64(min(t.Offset, math.MaxInt64))
	case !f.open || !f.mode.Readable():
		return p9.ErrBadUseFid
	case t.Count > math.MaxInt32:
		return p9.ErrBadCount
	case f.dir && r.c.dotl:
		return p9.ErrIsDir
	case f.dir:
		h = (*dirReader)(f)
	case t.Offset > math.MaxInt64-uint64(t.Count):
		return p9.ErrBadOffset
	default:
		var ok bool
		if h, ok = f.handle.(Reader); !ok {
			return p9.ErrPerm
		}
	}
	if r.passed(h, off) {
		return nil
	}
	if w, ok := h.(Waiter); ok && r.ctx != nil {
		if err := w.Wait(ctx); err != nil {
			return err
		}
	}
	p := r.space(t.Count)
	n, err := h.Read(ctx, p, off)
	return r.filled(len(p), n, err)
}

func (f *fid) write(ctx context.Context, t *p9.Fcall) (uint32, error) {
	switch {
	case f.xattr != nil:
		return f.xattr.write(f.node.c, t.Data, t.Offset)
	case !f.open || !f.mode.Writable():
		return 0, p9.ErrBadUseFid
	case t.Offset > math.MaxInt64-uint64(len(t.Data)):
		return 0, p9.ErrBadOffset
	}
	h, ok := f.handle.(Writer)
	if !ok {
		return 0, p9.ErrPerm
	}
	n, err := h.Write(ctx, t.Data, int64(t.Offset))
	if n > 0 && err != nil {
		err = nil // what was taken was taken; the next write tells why no more is
	}
	return uint32(max(0, min(n, len(t.Data)))), err
}
