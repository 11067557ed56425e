package srv

import (
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Long reads of Pagers and Splicers: pages go to the socket as they are.

// A pass is what goes from a file to the socket, or by way of a pipe.
type pass struct {
	head [readHead]byte
	todo []byte // of head
	file int    // or the pipe's end
	off  int64  // in the file; -1: it is the pipe
	left int    // bytes of it
	once func(fd uintptr) bool
	pipe [2]int // its ends, once there was a Splicer
}

// pipeSize is how much a pipe shall hold, where that is allowed: a large message.
const pipeSize = 1 << 20

// open makes the pipe.
func (p *pass) open() bool {
	if p.pipe != [2]int{} {
		return true
	}
	var ends [2]int
	if unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		return false
	}
	unix.FcntlInt(uintptr(ends[1]), unix.F_SETPIPE_SZ, pipeSize)
	p.pipe = ends
	return true
}

// close closes it.
func (p *pass) close() {
	if p != nil && p.pipe != [2]int{} {
		unix.Close(p.pipe[0])
		unix.Close(p.pipe[1])
		p.pipe = [2]int{}
	}
}

// move moves some bytes to the socket.
func (p *pass) move(socket int) (int, error) {
	if p.off < 0 {
		n, err := unix.Splice(p.file, nil, socket, nil, p.left, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		return int(n), err
	}
	return unix.Sendfile(socket, p.file, &p.off, p.left)
}

// fetch reads what could not be moved.
func (p *pass) fetch(b []byte) (int, error) {
	if p.off < 0 {
		return unix.Read(p.file, b)
	}
	n, err := unix.Pread(p.file, b, p.off)
	p.off += int64(max(0, n))
	return n, err
}

func newPass(o *out) *pass {
	p := &pass{}
	p.once = func(fd uintptr) bool {
		for p.left > 0 {
			var n int
			var err error
			if len(p.todo) > 0 {
				if n, err = unix.SendmsgN(int(fd), p.todo, nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL); n > 0 {
					p.todo = p.todo[n:]
				}
			} else if n, err = p.move(int(fd)); n > 0 {
				p.left -= n
			}
			switch {
			case err == syscall.EINTR:
			case err == syscall.EAGAIN:
				return o.full()
			case err != nil || n == 0: // rest finds out
				return true
			}
		}
		return true
	}
	return p
}

// passed answers a read by pages, if that can be.
func (r *req) passed(h Reader, off int64) bool {
	c := r.c
	n := int(min(r.t.Count, c.msize-readHead))
	if r.ctx != nil || n < large || c.out.pass == nil || c.srv.Trace != nil {
		return false
	}
	var begin func(p *pass) int
	switch h := h.(type) {
	case Pager:
		fd, n := h.Pages(off, n)
		if n < large {
			return false
		}
		begin = func(p *pass) int {
			p.file, p.off = fd, off
			return n
		}
	case Splicer:
		begin = func(p *pass) int {
			if !p.open() {
				return 0
			}
			p.file, p.off = p.pipe[0], -1
			return h.Splice(p.pipe[1], n)
		}
	default:
		return false
	}
	c.gather()
	r.sent = c.out.sendPass(r, begin)
	return r.sent
}

// sendPass writes what is pending and then the reply to r, as many bytes as begin says of
// what it sets, and reports whether it did: not where the client was slow already. What of
// the reply the client does not take soon is read and left pending, for the file may be
// closed next, and the pipe be needed.
func (o *out) sendPass(r *req, begin func(*pass) int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.busy && len(o.pend) > 0 {
		o.busy = true
		o.finish(true)
	}
	if o.busy || o.err != nil {
		return false
	}
	o.busy = true
	o.mu.Unlock()
	p := o.pass
	n := begin(p)
	if n <= 0 {
		o.mu.Lock()
		o.finish(true)
		return false
	}
	r.putHead(p.head[:], n)
	p.todo, p.left = p.head[:], n
	o.since.Store(clock())
	_, err := o.poll(p.once, true)
	o.stats.out.Add(uint64(readHead + n - len(p.todo) - p.left))
	var rest *buffer
	if err == nil && p.left > 0 {
		rest, err = p.rest()
	}
	if rest == nil {
		o.since.Store(0)
	}
	o.mu.Lock()
	o.fail(err)
	if rest != nil {
		o.pend = slices.Insert(o.pend, 0, rest)
		o.count(rest)
	}
	o.finish(true)
	return true
}

// rest reads what was not sent. As the reply is begun, its length stands.
func (p *pass) rest() (*buffer, error) {
	buf := getBuf(len(p.todo) + p.left)
	b := buf.b[copy(buf.b, p.todo):]
	for len(b) > 0 {
		n, err := p.fetch(b)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			buf.free()
			return nil, err
		case n == 0: // it has been cut
			clear(b)
			n = len(b)
		}
		b = b[n:]
	}
	return buf, nil
}

// maxVec is how many pieces writev takes, IOV_MAX.
const maxVec = 1024

// writev writes as much as it can in one go.
func writev(fd int, vec [][]byte) (int, error) {
	return unix.Writev(fd, vec[:min(len(vec), maxVec)])
}
