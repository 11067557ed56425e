package door

import (
	"encoding/binary"
	"io"
	"slices"
	"sync"

	"ninespace/exportfs/aan"
)

// A framed stream has yamux's frames written whole, whose heads it writes by themselves: else
// each of them would be a message of aan, a record of TLS and a wake-up of the far side.
//
// And it has them read whole. yamux holds a stream's lock from a frame's head until all of its
// body has come, so that who reads the stream could take nothing meanwhile, and hardly anything
// in between: of a stream through which much comes one part would be read here or the next be
// received, and never both.
type framed struct {
	io.ReadWriteCloser
	head []byte // written; its body is to come

	in    [smallFrame + frameHead]byte // read, from r to w
	r, w  int
	large *[]byte // a frame that is too long for it; nil: none
	give  []byte  // of either, what may be given to yamux
	long  int64   // bytes still to come of one that is not kept
}

// Of a frame of yamux: how long its head is, and where in it are its type, which is 0 of
// data, and its body's length.
const (
	frameHead   = 12
	frameType   = 1
	frameLength = 8

	smallFrame = 4 << 10 // the body of one that is copied to be written at once
	largeFrame = 2 << 20 // that of one that is kept until all of it is there; ours are no longer

	firstRoom = 64 << 10 // made for one of those before more of it has come
)

// bodyLength is how long the body is of a frame with that head: an int may not hold it.
func bodyLength(head []byte) int64 {
	if head[frameType] != 0 {
		return 0
	}
	return int64(binary.BigEndian.Uint32(head[frameLength:]))
}

func (f *framed) Write(p []byte) (int, error) {
	if len(f.head) == 0 {
		if len(p) == frameHead && bodyLength(p) > 0 {
			f.head = append(f.head, p...)
			return len(p), nil
		}
		return f.ReadWriteCloser.Write(p)
	}
	head := f.head
	f.head = head[:0]
	if w, ok := f.ReadWriteCloser.(*aan.Conn); ok {
		return behind(w.Writev(head, p))
	}
	if len(p) <= smallFrame {
		return behind(f.ReadWriteCloser.Write(append(head, p...)))
	}
	if _, err := f.ReadWriteCloser.Write(head); err != nil {
		return 0, err
	}
	return f.ReadWriteCloser.Write(p)
}

// behind gives what was written behind a head.
func behind(n int, err error) (int, error) { return max(0, n-frameHead), err }

func (f *framed) Read(p []byte) (n int, err error) {
	for len(f.give) == 0 {
		if f.large != nil {
			largeFrames.Put(f.large)
			f.large = nil
		}
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n = copy(p, f.give)
	f.give = f.give[n:]
	return n, nil
}

// largeFrames has the memory of those that yamux has.
var largeFrames = sync.Pool{New: func() any { return new([]byte) }}

// next has there be something to give: a frame, or a piece of a very long one.
func (f *framed) next() error {
	have := f.in[f.r:f.w]
	if f.long > 0 && len(have) > 0 {
		f.take(int(min(f.long, int64(len(have)))))
		f.long -= int64(len(f.give))
		return nil
	}
	if f.long == 0 && len(have) >= frameHead {
		size := frameHead + bodyLength(have)
		switch {
		case size <= int64(len(have)):
			f.take(int(size))
			return nil
		case size > frameHead+largeFrame:
			f.long = size
			return nil
		case size > int64(len(f.in)):
			return f.enlarge(int(size))
		}
	}
	f.r, f.w = 0, copy(f.in[:], have)
	n, err := f.ReadWriteCloser.Read(f.in[f.w:])
	if f.w += n; n > 0 {
		err = nil
	}
	return err
}

// take gives so many of the bytes that were read.
func (f *framed) take(n int) { f.give, f.r = f.in[f.r:f.r+n], f.r+n }

// enlarge reads the rest of a frame that has begun, of that size, to where there is room, of which
// more is made as it comes: a head costs its sender nothing.
func (f *framed) enlarge(size int) error {
	f.large = largeFrames.Get().(*[]byte)
	b := append(slices.Grow((*f.large)[:0], min(size, firstRoom)), f.in[f.r:f.w]...)
	f.r, f.w = 0, 0
	for len(b) < size {
		if len(b) == cap(b) {
			b = slices.Grow(b, min(size, 2*len(b))-len(b))
		}
		n, err := io.ReadFull(f.ReadWriteCloser, b[len(b):min(cap(b), size)])
		b = b[:len(b)+n]
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		if err != nil {
			return err
		}
	}
	*f.large, f.give = b, b
	return nil
}
