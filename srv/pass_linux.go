package srv

import (
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Long reads of Pagers: the file's pages go to the socket as they are.

// A pass is what goes from a file to the socket.
type pass struct {
	head [readHead]byte
	todo []byte // of head
	file int
	off  int64
	left int // bytes of the file
	once func(fd uintptr) bool
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
			} else if n, err = unix.Sendfile(int(fd), p.file, &p.off, p.left); n > 0 {
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

// passed answers a read by pages of the file, if that can be.
func (r *req) passed(h Reader, off int64) bool {
	c := r.c
	n := int(min(r.t.Count, c.msize-readHead))
	if r.ctx != nil || n < large || c.out.pass == nil || c.srv.Trace != nil {
		return false
	}
	pg, ok := h.(Pager)
	if !ok {
		return false
	}
	fd, n := pg.Pages(off, n)
	if n < large {
		return false
	}
	c.gather()
	r.sent = c.out.sendFile(r, fd, off, n)
	return r.sent
}

// sendFile writes what is pending and then the reply to r, n bytes of a file at off, and
// reports whether it did: not where the client was slow already. What of the reply the
// client does not take soon is read and left pending, for the file may be closed next.
func (o *out) sendFile(r *req, fd int, off int64, n int) bool {
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
	r.putHead(p.head[:], n)
	p.todo, p.file, p.off, p.left = p.head[:], fd, off, n
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
		n, err := unix.Pread(p.file, b, p.off)
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
		b, p.off = b[n:], p.off+int64(n)
	}
	return buf, nil
}
