package devfuse

import (
	"bytes"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A request is what a goroutine has read and handles.
type request struct {
	c    *Conn
	in   []byte // the message
	long []byte // the buffer it is in, if that is not small
	data []byte // what follows the answer's own fields
	buf  []byte // the buffer that is in, if not page
	n    uintptr

	small [64]uint64 // as numbers, so that messages are aligned
	out   [48]uint64
	page  [8 << 10]byte
	iov   [2]unix.Iovec

	cancel Cancel
}

// A Cancel tells of the kernel's interrupt of a request.
type Cancel struct {
	mu     sync.Mutex
	unique uint64 // the request's number; 0: none is under way
	came   bool
	then   func()
	holds  sync.Locker // until it is answered
}

// Hold locks l, which is unlocked when the kernel has the answer. It may be called once for a
// request; where none is under way it does nothing.
func (c *Cancel) Hold(l sync.Locker) {
	if c == nil {
		return
	}
	c.mu.Lock()
	begun := c.unique != 0
	c.mu.Unlock()
	if begun {
		l.Lock()
		c.holds = l
	}
}

// Then has f be called, by a goroutine of its own, when whoever asked is interrupted, or
// now if he was, in the place of what was to be called before. What has been answered
// is not interrupted.
func (c *Cancel) Then(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.unique == 0:
	case c.came:
		go f()
	default:
		c.then = f
	}
}

// interrupt cancels the request if it is that one; 0: if it is any.
func (c *Cancel) interrupt(unique uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unique == 0 || unique != 0 && c.unique != unique {
		return false
	}
	if c.came = true; c.then != nil {
		go c.then()
		c.then = nil
	}
	return true
}

// is makes it that of another request, 0 for none.
func (c *Cancel) is(unique uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unique, c.came, c.then = unique, false, nil
}

const headerSize = unsafe.Sizeof(outHeader{})

func bytesOf(w []uint64) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(&w[0])), 8*len(w)) }

func (r *request) header() *InHeader { return arg[InHeader](r) }

// arg gives the message's fields; that it is long enough was seen to.
func arg[T any](r *request) *T { return (*T)(unsafe.Pointer(&r.in[0])) }

// result gives the answer's fields, all 0.
func result[T any](r *request) *T {
	r.n = unsafe.Sizeof(*new(T))
	clear(bytesOf(r.out[:])[:headerSize+r.n])
	return (*T)(unsafe.Pointer(&r.out[headerSize/8]))
}

// room gives a buffer for so many bytes of answer.
func (r *request) room(n uint32) []byte {
	switch {
	case int(n) <= len(r.page):
		return r.page[:n]
	case int(n) <= r.c.medium.size:
		r.buf = r.c.medium.get()
	case int(n) <= r.c.large.size:
		r.buf = r.c.large.get()
	default:
		r.buf = make([]byte, n)
	}
	return r.buf[:n]
}

func (r *request) begin() {
	r.n, r.data = 0, nil
	r.cancel.is(r.header().Unique)
	if r.c.dead.Load() {
		r.cancel.interrupt(0)
	}
}

func (r *request) done() {
	r.cancel.is(0)
	if l := r.cancel.holds; l != nil {
		r.cancel.holds = nil
		l.Unlock()
	}
	if r.long != nil {
		r.c.large.put(r.long)
		r.long = nil
	}
	switch len(r.buf) {
	case r.c.medium.size:
		r.c.medium.put(r.buf)
	case r.c.large.size:
		r.c.large.put(r.buf)
	}
	r.buf = nil
}

// noReply is the status of a request that has no answer.
const noReply = ^syscall.Errno(0)

// errnoEnd is beyond the numbers that the kernel takes for errors. It takes no answer with
// another, for which it then waits for ever; fuse_dev_do_write in Linux's fs/fuse/dev.c.
const errnoEnd = 512

// reply answers. Of an error nothing but the number is told.
func (r *request) reply(st syscall.Errno) syscall.Errno {
	if st >= errnoEnd {
		st = syscall.EIO
	}
	if st != 0 {
		r.n, r.data = 0, nil
	}
	h := (*outHeader)(unsafe.Pointer(&r.out[0]))
	n := headerSize + r.n
	*h = outHeader{Len: uint32(n) + uint32(len(r.data)), Error: -int32(st), Unique: r.header().Unique}
	for {
		var errno syscall.Errno
		if len(r.data) == 0 {
			_, _, errno = unix.Syscall(unix.SYS_WRITE, uintptr(r.c.fd), uintptr(unsafe.Pointer(&r.out)), n)
		} else {
			r.iov = [2]unix.Iovec{{Base: (*byte)(unsafe.Pointer(&r.out))}, {Base: &r.data[0]}}
			r.iov[0].SetLen(int(n))
			r.iov[1].SetLen(len(r.data))
			_, _, errno = unix.Syscall(unix.SYS_WRITEV, uintptr(r.c.fd), uintptr(unsafe.Pointer(&r.iov)), 2)
		}
		if errno != unix.EINTR {
			return errno // ENOENT: whoever asked has given up meanwhile
		}
	}
}

// names gives what ends a message: n names and the rest.
func (r *request) names(from uintptr, n int) (names [2]string, rest []byte, ok bool) {
	rest = r.in[from:]
	for i := range n {
		end := bytes.IndexByte(rest, 0)
		if end < 0 {
			return names, nil, false
		}
		names[i], rest = string(rest[:end]), rest[end+1:]
	}
	return names, rest, true
}
