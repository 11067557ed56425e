package srv

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"

	"ninespace/srv/p9"
)

// An input reads a connection. It has a buffer only while there is something to
// read, where the connection can be waited for without (a socket): an idle
// connection then costs little memory. Frames that fit are used where they lie.
type input struct {
	r        io.Reader
	c        *conn           // counts the buffers of frames that have one of their own
	raw      syscall.RawConn // nil: r cannot be waited for without a buffer
	poll     func(fd uintptr) bool
	into     []byte // where poll reads to; nil: to buf
	n        int    // what poll read
	err      error
	buf      *buffer
	off, end int  // the bytes of buf that are still to be used
	sparing  bool // the last frame was large: the next has better a buffer of its own
}

const (
	inSize = 64 << 10
	ahead  = 4 << 10 // how far to read on after a large frame
)

func newInput(r io.Reader, c *conn) *input {
	in := &input{r: r, c: c}
	if in.raw = p9.Socket(r); in.raw != nil {
		in.poll = in.try
	}
	return in
}

// try reads what is there, and says so.
func (in *input) try(fd uintptr) bool {
	for {
		p := in.into
		if p == nil {
			p = in.space()
		}
		n, err := syscall.Read(int(fd), p)
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			if in.off == in.end && in.into == nil {
				in.release()
			}
			return false
		}
		in.n, in.err = max(0, n), err
		return true
	}
}

// space is the room of the buffer after what it holds, which is moved to its
// start where that is needed.
func (in *input) space() []byte {
	if in.buf == nil {
		in.buf = getBuf(inSize)
		in.off, in.end = 0, 0
	}
	if in.off > 0 && (in.off == in.end || in.end == len(in.buf.b)) {
		in.end = copy(in.buf.b, in.buf.b[in.off:in.end])
		in.off = 0
	}
	p := in.buf.b[in.end:]
	if in.sparing && len(p) > ahead {
		p = p[:ahead]
	}
	return p
}

func (in *input) release() {
	in.buf.free()
	in.buf = nil
	in.off, in.end = 0, 0
}

// read reads some bytes, to p or else to the buffer.
func (in *input) read(p []byte) (int, error) {
	if in.raw == nil {
		if p == nil {
			p = in.space()
		}
		n, err := in.r.Read(p)
		if n > 0 {
			return n, nil
		}
		return 0, err
	}
	in.into = p
	err := in.raw.Read(in.poll)
	in.into = nil
	switch {
	case err != nil:
		return 0, err
	case in.err != nil:
		return 0, in.err
	case in.n == 0:
		return 0, io.EOF
	}
	return in.n, nil
}

// peek gives the next n bytes, no more than inSize, once they are there.
func (in *input) peek(n int) ([]byte, error) {
	for in.end-in.off < n {
		if in.off > 0 && len(in.buf.b)-in.off < n {
			in.end = copy(in.buf.b, in.buf.b[in.off:in.end])
			in.off = 0
		}
		m, err := in.read(nil)
		if err != nil {
			if errors.Is(err, io.EOF) && in.end > in.off {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		in.end += m
	}
	return in.buf.b[in.off : in.off+n : in.off+n], nil
}

// whole reports whether the next frame is here already.
func (in *input) whole() bool {
	n := in.end - in.off
	return n >= p9.HdrSz && uint32(n) >= binary.LittleEndian.Uint32(in.buf.b[in.off:])
}

// frame gives the next frame, no longer than limit: either lying in the input,
// until it is asked again, or in a buffer of its own, which conn.hold counts. With
// a wrong size the place of the next frame is lost, so that is an error of the
// connection. With ENOMEM it is the head of one that the connection may not hold.
func (in *input) frame(limit uint32) ([]byte, *buffer, error) {
	h, err := in.peek(4)
	if err != nil {
		return nil, nil, err
	}
	size := binary.LittleEndian.Uint32(h)
	if size < p9.HdrSz || size > limit {
		return nil, nil, fmt.Errorf("message of %d bytes: %w", size, p9.ErrBotch)
	}
	in.sparing = size > large
	if size <= inSize && !(in.sparing && in.end-in.off < int(size)) {
		b, err := in.peek(int(size))
		in.off += int(size)
		return b, nil, err
	}
	if err := in.c.mayHold(int64(size)); err != nil {
		head, herr := in.skip(int(size))
		return head, nil, cmp.Or(herr, err)
	}
	own := getBuf(int(size))
	in.c.hold(int64(cap(own.b)))
	n := copy(own.b, in.buf.b[in.off:in.end])
	in.off += n
	for n < len(own.b) {
		m, err := in.read(own.b[n:])
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			in.c.hold(-int64(cap(own.b)))
			own.free()
			return nil, nil, err
		}
		n += m
	}
	return own.b, own, nil
}

// skip passes over a frame and gives its head.
func (in *input) skip(size int) ([]byte, error) {
	b, err := in.peek(p9.HdrSz)
	if err != nil {
		return nil, err
	}
	head := slices.Clone(b)
	for size > 0 {
		if _, err := in.peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		n := min(size, in.end-in.off)
		in.off += n
		size -= n
	}
	return head, nil
}
