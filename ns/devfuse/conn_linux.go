package devfuse

import (
	"fmt"
	"log"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The protocol's version that the messages here are of.
const (
	major = 7
	minor = 45
)

// Options are what is agreed on with the kernel.
type Options struct {
	MaxWrite int    // the most that a read or write asks for
	Flags    uint64 // Cap*: what is wanted, as far as the kernel has it
	Old      uint64 // what is wanted too of one without CapDirectMmap (before Linux 6.6)
}

// A Conn is a mounted file system's connection to the kernel.
type Conn struct {
	fd    int          // -1 once it is closed
	used  sync.RWMutex // by whom no request has asked: the number is another file's soon after
	fs    FS
	flags uint64

	readers
	names  aside
	data   aside
	large  buffers // for what the kernel sends, and the longest answers
	medium buffers // for most answers

	mu   sync.Mutex
	live map[*request]struct{}
	left *request // one that nobody has now: readers come and go

	// What was done for a request is done when the kernel, which has had the answer,
	// makes the next, a release after a read say. Go's memory model does not know of
	// the kernel: it is told by this.
	order atomic.Int64
	dead  atomic.Bool
}

// New answers the kernel's first message on fd, a descriptor of /dev/fuse that a
// file system was mounted by. The descriptor is the Conn's from then on.
func New(fd int, fs FS, o Options) (_ *Conn, err error) {
	c := &Conn{fd: fd, fs: fs, live: map[*request]struct{}{},
		readers: readers{wake: make(chan struct{}, 1), over: make(chan struct{})},
		large:   buffers{size: o.MaxWrite + os.Getpagesize()}, medium: buffers{size: 128 << 10}}
	r := c.enrol()
	defer func() {
		if c.leave(r); err != nil {
			c.Rest()
		}
	}()
	if errno := c.read(r); errno != 0 {
		return nil, fmt.Errorf("read of the first request: %w", errno)
	}
	in := arg[initIn](r)
	if opcode(in.Opcode) != opInit || in.Major != major || in.Minor < 12 {
		return nil, fmt.Errorf("kernel's protocol %d.%d: %w", in.Major, in.Minor, syscall.EPROTO)
	}
	if c.flags = in.can() & o.Flags; c.flags&CapDirectMmap == 0 {
		c.flags |= in.can() & o.Old
	}
	out := result[initOut](r)
	*out = initOut{Major: major, Minor: min(minor, in.Minor), MaxReadahead: in.MaxReadahead,
		Flags: uint32(c.flags) | capInitExt&in.Flags, Flags2: uint32(c.flags >> 32),
		MaxBackground: 64, CongestionThreshold: 48, MaxWrite: uint32(o.MaxWrite), MaxStackDepth: 1,
		MaxPages: uint16(o.MaxWrite / os.Getpagesize())}
	if errno := r.reply(0); errno != 0 {
		return nil, fmt.Errorf("answer to the first request: %w", errno)
	}
	c.names.init(fd, namesMost)
	c.data.init(fd, dataMost)
	return c, nil
}

// Has tells whether the kernel has agreed to one of Cap*.
func (c *Conn) Has(flag uint64) bool { return c.flags&flag == flag }

// read waits for a request. One that is short is copied, so that to be handled for
// long it needs no long buffer.
func (c *Conn) read(r *request) syscall.Errno {
	buf := c.large.get()
	n, err := unix.Read(c.fd, buf)
	if err != nil || n < int(unsafe.Sizeof(InHeader{})) {
		c.large.put(buf)
		if errno, ok := err.(syscall.Errno); ok {
			return errno
		}
		return unix.EIO
	}
	if small := bytesOf(r.small[:]); n <= len(small) {
		r.in = small[:copy(small, buf[:n])]
		c.large.put(buf)
	} else {
		r.in, r.long = buf[:n], buf
	}
	return 0
}

// handle answers a request. What panics is told and answered by an error.
func (c *Conn) handle(r *request) {
	defer func() {
		if e := recover(); e != nil {
			log.Printf("fuse request %d: %v\n%s", r.header().Opcode, e, debug.Stack())
			r.reply(syscall.EIO)
		}
		r.done()
	}()
	r.begin()
	c.order.Load()
	st := r.do()
	c.order.Add(1)
	if st != noReply {
		r.reply(st)
	}
}

// interrupt cancels a request, and reports whether it is one that is under way.
func (c *Conn) interrupt(unique uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for r := range c.live {
		if r.cancel.interrupt(unique) {
			return true
		}
	}
	return false
}

func (c *Conn) enrol() *request {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.left
	if c.left = nil; r == nil {
		r = &request{c: c}
	}
	c.live[r] = struct{}{}
	return r
}

func (c *Conn) leave(r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.live, r)
	c.left = r
}

// ioctls of the device.
const (
	iocBackingOpen  = 0x4010e501
	iocBackingClose = 0x4004e502
)

// Lend lends an open file to the kernel, to read and write it itself for those who
// open a file of the file system. The number is what OpenOut takes.
func (c *Conn) Lend(fd int) (int32, syscall.Errno) {
	m := backingMap{Fd: int32(fd)}
	c.used.RLock()
	defer c.used.RUnlock()
	id, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(c.fd), iocBackingOpen, uintptr(unsafe.Pointer(&m)))
	return int32(id), errno
}

// Unlend takes back what was lent.
func (c *Conn) Unlend(id int32) {
	c.used.RLock()
	defer c.used.RUnlock()
	unix.Syscall(unix.SYS_IOCTL, uintptr(c.fd), iocBackingClose, uintptr(unsafe.Pointer(&id)))
}
