package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// The null server is the ceiling: what a server in Go could do if its files cost
// nothing. One goroutine a connection reads through a buffer and answers from
// memory, by replies of the sizes that real ones have; they are gathered, and
// written once, when no further whole request is in the buffer. It keeps no
// fids and allocates nothing.

func serveNull(l net.Listener, _ string) error { return serveNothing(l, nil) }

// serveSys is the null server with the system calls: see bare.
func serveSys(l net.Listener, dir string) error {
	return serveNothing(l, func() (*bare, error) { return newBare(dir) })
}

func serveNothing(l net.Listener, kernel func() (*bare, error)) error {
	entries := entries()
	memory := make([]byte, fileSize)
	for i := range memory { // pages of its own, not the kernel's page of zeros
		memory[i] = content[i]
	}
	return each(l, func(c net.Conn) {
		n := null{c: c, in: bufio.NewReaderSize(c, 64<<10), memory: memory, entries: entries}
		if kernel != nil {
			var err error
			if n.kernel, err = kernel(); err != nil {
				return
			}
			defer n.kernel.close()
		}
		if err := n.run(); !errors.Is(err, io.EOF) {
			fmt.Fprintln(os.Stderr, err) // server.blame tells it
		}
	})
}

type null struct {
	c       net.Conn
	in      *bufio.Reader
	out     []byte
	start   int
	memory  []byte // what every file holds
	entries []byte // what every directory holds
	pair    [2][]byte
	bufs    net.Buffers
	kernel  *bare // nil: all comes from memory
}

const (
	direntSize = 24 + len("f000000")
	gatherMax  = 256 << 10
)

// entries gives the directory of manySize entries as Rreaddir has it.
func entries() (b []byte) {
	for i := range manySize {
		b = append(b, qid(i)...)
		b = le.AppendUint64(b, uint64(i)+1)
		b = append(b, 8) // DT_REG
		name := nameOf(i)
		b = le.AppendUint16(b, uint16(len(name)))
		b = append(b, name...)
	}
	return b
}

func qid(i int) []byte {
	var q [13]byte
	le.PutUint64(q[5:], uint64(i)+1)
	return q[:]
}

var (
	oneQid [13]byte
	attr   [153 - 8 - 13]byte // Rgetattr after valid and qid
)

func (n *null) begin(t p9.Type, tag []byte) {
	n.start = len(n.out)
	n.out = append(n.out, 0, 0, 0, 0, uint8(t), tag[0], tag[1])
}

func (n *null) u32(v uint32) { n.out = le.AppendUint32(n.out, v) }

func (n *null) run() error {
	for {
		h, err := n.in.Peek(p9.HdrSz)
		if err != nil {
			return err
		}
		size := int(le.Uint32(h))
		if size < p9.HdrSz || size > wantMsize {
			return fmt.Errorf("message of %d bytes", size)
		}
		if p9.Type(h[4]) == p9.Twrite {
			err = n.write(size)
		} else {
			err = n.message(size)
		}
		if err != nil {
			return err
		}
		if !n.whole() || len(n.out) >= gatherMax {
			if _, err := n.c.Write(n.out); err != nil {
				return err
			}
			n.out = n.out[:0]
		}
	}
}

// whole reports whether the next request is all in the buffer.
func (n *null) whole() bool {
	if n.in.Buffered() < p9.HdrSz {
		return false
	}
	h, _ := n.in.Peek(4)
	return int(le.Uint32(h)) <= n.in.Buffered()
}

func (n *null) message(size int) error {
	f, err := n.in.Peek(size)
	if err != nil {
		return err
	}
	t, tag, b := p9.Type(f[4]), f[5:7], f[7:]
	if n.kernel != nil && t != p9.Tread {
		if err := n.kernel.do(t, b); err != nil {
			return err
		}
	}
	n.begin(t+1, tag)
	switch t {
	case p9.Tversion:
		n.u32(min(wantMsize, le.Uint32(b)))
		n.out = append(n.out, b[4:]...)
	case p9.Tattach:
		n.out = append(n.out, oneQid[:]...)
	case p9.Twalk:
		names := int(b[8])
		n.out = append(n.out, b[8], 0)
		for range names {
			n.out = append(n.out, oneQid[:]...)
		}
	case p9.Tgetattr:
		n.out = append(n.out, b[4:12]...)
		n.out = append(n.out, oneQid[:]...)
		n.out = append(n.out, attr[:]...)
	case p9.Tlopen, p9.Tlcreate:
		n.out = append(n.out, oneQid[:]...)
		n.u32(0)
	case p9.Tread:
		off, count := int(le.Uint64(b[4:])), int(le.Uint32(b[12:]))
		if off >= fileSize {
			count = 0
		}
		count = min(count, fileSize-off)
		n.u32(uint32(count))
		if n.kernel != nil && count < big {
			at := len(n.out)
			n.out = slices.Grow(n.out, count)[:at+count]
			if err := n.kernel.transfer(unix.SYS_PREAD64, b, n.out[at:]); err != nil {
				return err
			}
			return n.end(size)
		}
		return n.data(size, n.memory[off:off+count])
	case p9.Treaddir:
		at, count := int(le.Uint64(b[4:]))*direntSize, int(le.Uint32(b[12:]))
		some := n.entries[at:min(at+count/direntSize*direntSize, len(n.entries))]
		n.u32(uint32(len(some)))
		return n.data(size, some)
	case p9.Tclunk, p9.Tunlinkat:
	default:
		return fmt.Errorf("%v is not for me", t)
	}
	return n.end(size)
}

func (n *null) end(request int) error {
	le.PutUint32(n.out[n.start:], uint32(len(n.out)-n.start))
	_, err := n.in.Discard(request)
	return err
}

// data ends a reply with a payload. A long one goes out at once and is not copied.
func (n *null) data(request int, p []byte) error {
	if len(p) < big {
		n.out = append(n.out, p...)
		return n.end(request)
	}
	if err := n.end(request); err != nil {
		return err
	}
	le.PutUint32(n.out[n.start:], uint32(len(n.out)-n.start+len(p)))
	n.pair = [2][]byte{n.out, p}
	n.bufs = n.pair[:]
	_, err := n.bufs.WriteTo(n.c)
	n.out = n.out[:0]
	return err
}

// write takes the data of a Twrite straight to where it belongs.
func (n *null) write(size int) error {
	const fixed = p9.HdrSz + 4 + 8 + 4
	h, err := n.in.Peek(fixed)
	if err != nil {
		return err
	}
	off, count := int(le.Uint64(h[11:])), size-fixed
	if off+count > fileSize {
		return fmt.Errorf("write beyond %d", fileSize)
	}
	n.begin(p9.Rwrite, h[5:7])
	n.u32(uint32(count))
	if n.kernel != nil { // which takes it from where it lies
		f, err := n.in.Peek(size)
		if err != nil {
			return err
		}
		if err := n.kernel.transfer(unix.SYS_PWRITE64, f[p9.HdrSz:], f[fixed:]); err != nil {
			return err
		}
		return n.end(size)
	}
	if err := n.end(fixed); err != nil {
		return err
	}
	_, err = io.ReadFull(n.in, n.memory[off:off+count])
	return err
}
