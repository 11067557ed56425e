package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"

	"ninespace/srv/p9"
)

// The raw client: frames written by hand into one buffer, replies looked at and
// dropped, nothing allocated for an operation, so that it costs every server the
// same little.

var (
	le      = binary.LittleEndian
	errGone = errors.New("the server hung up")
)

const (
	wantMsize = 1 << 20  // what Tversion asks for
	ioHeader  = 24       // Linux's and Plan 9's IOHDRSZ: no message of data has more before it
	big       = 32 << 10 // payloads from here on are not copied
	small     = 8 << 10  // so much may be moved to make room
	noFid     = ^uint32(0)
)

// Fids that every connection uses.
const (
	rootFid = 0
	fileFid = 1   // what the row works on
	slotFid = 100 // + slot: the cycle's own
)

// A conn is one connection to a server.
type conn struct {
	who   string // the server's name
	fd    int
	dotl  bool
	msize int
	in    []byte // what has come: in[r:w]
	r, w  int
	out   []byte // requests to send
	start int    // of the frame being made, in out
}

// dial connects, agrees on a version and attaches as root. in is the buffer for
// what comes; connections that never wait at one time can share it.
func dial(s *server, in []byte) (*conn, error) {
	fd, err := connect(s.socket)
	if err != nil {
		return nil, err
	}
	c := &conn{who: s.name, fd: fd, dotl: s.dotl, in: in}
	if err := c.hello(s.aname); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *conn) hello(aname string) error {
	version := "9P2000"
	if c.dotl {
		version += ".L"
	}
	c.begin(p9.Tversion, 0xFFFF)
	c.u32(wantMsize)
	c.str(version)
	c.end()
	body, err := c.rpc(p9.Rversion)
	if err != nil {
		return fmt.Errorf("version: %w", err)
	}
	if c.msize = int(le.Uint32(body)); string(body[6:]) != version {
		return fmt.Errorf("version: answered %q", body[6:])
	}
	c.begin(p9.Tattach, 0)
	c.u32(rootFid)
	c.u32(noFid)
	c.str("root")
	c.str(aname)
	if c.dotl {
		c.u32(0)
	}
	c.end()
	if _, err := c.rpc(p9.Rattach); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	return nil
}

func (c *conn) close() { hangup(c.fd) }

func (c *conn) begin(t p9.Type, tag int) {
	c.start = len(c.out)
	c.out = append(c.out, 0, 0, 0, 0, uint8(t), uint8(tag), uint8(tag>>8))
}

func (c *conn) u8(v uint8)   { c.out = append(c.out, v) }
func (c *conn) u16(v uint16) { c.out = le.AppendUint16(c.out, v) }
func (c *conn) u32(v uint32) { c.out = le.AppendUint32(c.out, v) }
func (c *conn) u64(v uint64) { c.out = le.AppendUint64(c.out, v) }
func (c *conn) str(s string) {
	c.u16(uint16(len(s)))
	c.out = append(c.out, s...)
}
func (c *conn) end() { le.PutUint32(c.out[c.start:], uint32(len(c.out)-c.start)) }

// endWith ends a frame with data. Much of it is sent at once and not copied.
func (c *conn) endWith(data []byte) error {
	c.u32(uint32(len(data)))
	le.PutUint32(c.out[c.start:], uint32(len(c.out)-c.start+len(data)))
	if len(data) < big {
		c.out = append(c.out, data...)
		return nil
	}
	err := send(c.fd, c.out, data)
	c.out = c.out[:0]
	return err
}

func (c *conn) flush() error {
	err := send(c.fd, c.out, nil)
	c.out = c.out[:0]
	return err
}

// more reads until n bytes are in the buffer.
func (c *conn) more(n int) error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	if c.r+n > len(c.in) || c.w > len(c.in)/2 && c.w-c.r < small {
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r = 0
	}
	if n > len(c.in) {
		return fmt.Errorf("reply of %d bytes", n)
	}
	for c.w-c.r < n {
		k, err := receive(c.fd, c.in[c.w:])
		if err != nil {
			return err
		}
		c.w += k
	}
	return nil
}

// rpc sends what was made and waits for the one reply, whose body is good until
// the next.
func (c *conn) rpc(want p9.Type) ([]byte, error) {
	if err := c.flush(); err != nil {
		return nil, err
	}
	if err := c.more(p9.HdrSz); err != nil {
		return nil, err
	}
	size := int(le.Uint32(c.in[c.r:]))
	if err := c.more(size); err != nil {
		return nil, err
	}
	f := c.in[c.r : c.r+size]
	c.r += size
	return f[p9.HdrSz:], c.check(f, want)
}

// check looks at a reply's type. An error reply's words are in f.
func (c *conn) check(f []byte, want p9.Type) error {
	switch t := p9.Type(f[4]); {
	case t == want:
		return nil
	case t == p9.Rlerror && len(f) >= 11:
		return fmt.Errorf("%v: %w", want, syscall.Errno(le.Uint32(f[7:])))
	case t == p9.Rerror:
		return fmt.Errorf("%v: %q", want, f[9:])
	default:
		return fmt.Errorf("%v: answered by %v", want, t)
	}
}

// A step is one message of a cycle and the type of its reply. count, where not
// 0, is what the reply's count has to say.
type step struct {
	send  func(c *conn, slot int) error
	want  p9.Type
	count uint32
}

// drive runs cycles in depth slots at once, each slot beginning its cycle anew
// until n cycles are begun or the time is over; 0 is no bound. Each slot has the
// tag of its number. It returns how many were done, and in what time.
func (c *conn) drive(cycle []step, depth, n int, d time.Duration) (int, time.Duration, error) {
	var at [maxDepth]uint8
	begun, done := 0, 0
	begin := time.Now()
	now := begin
	for ; begun < depth && (n == 0 || begun < n); begun++ {
		if err := cycle[0].send(c, begun); err != nil {
			return 0, 0, err
		}
	}
	for running := begun; running > 0; {
		if err := c.flush(); err != nil {
			return 0, 0, err
		}
		for first := true; running > 0; first = false {
			if !first && !c.whole() {
				break
			}
			tag, err := c.reply(cycle, at[:depth])
			if err != nil {
				return 0, 0, err
			}
			if at[tag]++; int(at[tag]) == len(cycle) {
				at[tag] = 0
				done++
				if n != 0 && begun >= n || d != 0 && now.Sub(begin) >= d {
					running--
					continue
				}
				begun++
			}
			if err := cycle[at[tag]].send(c, tag); err != nil {
				return 0, 0, err
			}
		}
		now = time.Now()
	}
	return done, now.Sub(begin), nil
}

const maxDepth = 64

// whole reports whether the next frame is all in the buffer.
func (c *conn) whole() bool {
	return c.w-c.r >= p9.HdrSz && int(le.Uint32(c.in[c.r:])) <= c.w-c.r
}

// reply takes one reply and returns its tag. A payload is read and dropped.
func (c *conn) reply(cycle []step, at []uint8) (int, error) {
	if err := c.more(p9.HdrSz); err != nil {
		return 0, err
	}
	size := int(le.Uint32(c.in[c.r:]))
	if size < p9.HdrSz || size > c.msize {
		return 0, fmt.Errorf("reply of %d bytes", size)
	}
	if err := c.more(min(size, p9.HdrSz+4)); err != nil {
		return 0, err
	}
	tag := int(le.Uint16(c.in[c.r+5:]))
	if tag >= len(at) {
		return 0, fmt.Errorf("reply with tag %d", tag)
	}
	st := &cycle[at[tag]]
	if p9.Type(c.in[c.r+4]) != st.want {
		if err := c.more(size); err != nil {
			return 0, err
		}
		err := c.check(c.in[c.r:c.r+size], st.want)
		c.r += size
		return 0, err
	}
	if st.count != 0 {
		if n := le.Uint32(c.in[c.r+p9.HdrSz:]); n != st.count {
			return 0, fmt.Errorf("%v: %d bytes of %d", st.want, n, st.count)
		}
	}
	for size > 0 {
		if c.r == c.w {
			if err := c.more(1); err != nil {
				return 0, err
			}
		}
		k := min(size, c.w-c.r)
		c.r += k
		size -= k
	}
	return tag, nil
}
