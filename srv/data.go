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

// readInto gives read a frame's room for count bytes and makes the frame the reply.
func (r *req) readInto(count uint32, read func([]byte) (int, error)) error {
	const head = p9.HdrSz + 4
	c := r.c
	count = min(count, c.msize-head)
	asked := int64(count)
	if c.reading.Add(asked) > readBudget {
		// Too much memory waits in reads already: a short read is no error.
		count = min(count, shortRead)
	}
	buf := getBuf(head + int(count))
	buf.count(&c.reading, int64(cap(buf.b)))
	c.reading.Add(-asked)
	n, err := read(buf.b[head:])
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil && n <= 0 {
		buf.free()
		return err
	}
	n = max(0, min(n, int(count)))
	buf.b = buf.b[:head+n]
	binary.LittleEndian.PutUint32(buf.b, uint32(head+n))
	buf.b[4] = byte(r.t.Type + 1)
	binary.LittleEndian.PutUint16(buf.b[5:], r.t.Tag)
	binary.LittleEndian.PutUint32(buf.b[7:], uint32(n))
	r.rbuf = buf
	return nil
}

func (r *req) read(ctx context.Context, f *fid) error {
	t := &r.t
	switch {
	case f.xattr != nil:
		return r.readInto(t.Count, func(p []byte) (int, error) { return f.xattr.read(p, t.Offset) })
	case !f.open || !f.mode.Readable():
		return p9.ErrBadUseFid
	case t.Count > math.MaxInt32:
		return p9.ErrBadCount
	case f.dir && r.c.dotl:
		return p9.ErrIsDir
	case f.dir:
		return r.readInto(t.Count, func(p []byte) (int, error) { return f.readDir9(ctx, p, t.Offset) })
	case t.Offset > math.MaxInt64-uint64(t.Count):
		return p9.ErrBadOffset
	}
	h, ok := f.handle.(Reader)
	if !ok {
		return p9.ErrPerm
	}
	return r.readInto(t.Count, func(p []byte) (int, error) { return h.Read(ctx, p, int64(t.Offset)) })
}

func (f *fid) write(ctx context.Context, t *p9.Fcall) (uint32, error) {
	switch {
	case f.xattr != nil:
		return f.xattr.write(t.Data, t.Offset)
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
