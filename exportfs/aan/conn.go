package aan

import (
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Read gives what has come, io.EOF at its end. What came before the session broke is
// given first.
func (c *Conn) Read(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	if err := c.await(); err != nil {
		return 0, err
	}
	for len(c.in) > 0 && n < len(p) {
		m := c.in[0]
		k := copy(p[n:], m.data()[m.off:])
		n += k
		if m.off += k; m.off == len(m.data()) {
			c.consumed().free()
		}
	}
	c.ack()
	return n, nil
}

// await waits until something has come.
func (c *Conn) await() error {
	for len(c.in) == 0 {
		switch {
		case c.closed:
			return net.ErrClosed
		case c.last:
			if c.read != c.received { // the last message is read as well
				c.read, c.sync = c.received, true
				c.flush()
			}
			return io.EOF
		case c.err != nil:
			return c.failed()
		case c.readEnd.over():
			return os.ErrDeadlineExceeded
		}
		c.come.Wait()
	}
	return nil
}

// ack tells what was read, when that is much.
func (c *Conn) ack() {
	if c.readCost > ackEvery {
		c.sync = true
		c.flush()
	}
}

// atOnce is how many messages WriteTo writes at a time.
const atOnce = 8

// WriteTo writes what comes to w, from where it came to, until its end.
func (c *Conn) WriteTo(w io.Writer) (n int64, err error) {
	var ms [atOnce]*message
	var pieces [atOnce][]byte
	for {
		c.mu.Lock()
		err := c.await()
		k := 0
		for ; len(c.in) > 0 && k < atOnce; k++ {
			ms[k] = c.consumed()
			pieces[k] = ms[k].data()[ms[k].off:]
		}
		c.mu.Unlock()
		if err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		bufs := net.Buffers(pieces[:k])
		wrote, err := bufs.WriteTo(w)
		n += wrote
		for _, m := range ms[:k] {
			m.free()
		}
		if err != nil {
			return n, err
		}
		c.mu.Lock()
		c.ack()
		c.mu.Unlock()
	}
}

// consumed gives the first message that has come, which is read then.
func (c *Conn) consumed() *message {
	m := c.in[0]
	c.in[0] = nil
	if c.in = c.in[1:]; len(c.in) == 0 {
		c.in = nil
	}
	c.inCost -= m.cost()
	c.readCost += m.cost()
	c.read++
	return m
}

// discard reads what nobody will read any more.
func (c *Conn) discard() {
	for len(c.in) > 0 {
		c.consumed().free()
	}
	c.read = c.received
}

// Write keeps p until the other end has read it, and sends it. It waits while too much
// is kept.
func (c *Conn) Write(p []byte) (n int, err error) { return c.Writev(p) }

// Writev writes pieces one behind the other, in as few messages as hold them.
func (c *Conn) Writev(pieces ...[]byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.flush()
	for _, p := range pieces {
		for len(p) > 0 {
			if err := c.room(); err != nil {
				return n, err
			}
			k := c.keep(p)
			n, p = n+k, p[k:]
		}
	}
	return n, c.writable()
}

// room waits until there is room for more.
func (c *Conn) room() error {
	for {
		if err := c.writable(); err != nil {
			return err
		}
		switch {
		case c.writeEnd.over():
			return os.ErrDeadlineExceeded
		case c.outCost < window:
			return nil
		case c.link != nil && !c.sending && c.next < len(c.out):
			c.flush()
		default:
			c.change.Wait()
		}
	}
}

// writable tells why nothing can be written.
func (c *Conn) writable() error {
	switch {
	case c.closed || c.shut:
		return net.ErrClosed
	case c.err != nil:
		return c.failed()
	case c.deaf:
		return fmt.Errorf("aan: the other end has closed: %w", syscall.EPIPE)
	}
	return nil
}

// keep appends to what is to be sent.
func (c *Conn) keep(p []byte) int {
	if c.next < len(c.out) && c.first+uint32(len(c.out))-1-c.most < 1<<31 {
		// The last message has never been sent, so that it may grow.
		m := c.out[len(c.out)-1]
		if k := m.add(p); k > 0 {
			c.outCost += k
			return k
		}
	}
	m := newMessage(min(len(p), maxData))
	k := copy(m.data(), p)
	c.out = append(c.out, m)
	c.outCost += m.cost()
	return k
}

// CloseWrite ends what is written: the other end reads what there is and then io.EOF, and
// may write on.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.writable(); err != nil {
		return err
	}
	c.finish()
	c.flush()
	return nil
}

// finish has the last message be sent, once.
func (c *Conn) finish() {
	if c.shut {
		return
	}
	c.shut = true
	c.out = append(c.out, newMessage(0))
	c.outCost += c.out[len(c.out)-1].cost()
	c.change.Broadcast()
}

// Close ends the session in order: what was written, and that it was the last, is sent. It
// waits for a link for a short while only; but what ended a server's session is kept for
// its client as long as the session would be.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed, c.closedAt = true, time.Now()
	c.discard()
	c.come.Broadcast()
	c.change.Broadcast()
	if c.err != nil {
		return nil
	}
	c.finish()
	c.flush()
	stop := time.AfterFunc(linger, c.wake)
	defer stop.Stop()
	for c.err == nil && (c.next < len(c.out) || c.sending) && (c.link != nil || c.dial != nil && !c.left()) && time.Since(c.closedAt) < linger {
		c.change.Wait()
	}
	if c.deaf || len(c.out) == 0 { // the other end wants no more, and has been told
		c.endLocked(net.ErrClosed)
	}
	return nil
}

// Abort ends the session here and now. The other end is not told.
func (c *Conn) Abort(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(permanent{err})
}

// failed is the error of a session that has ended.
func (c *Conn) failed() error { return fmt.Errorf("aan: %w", c.err) }

func (c *Conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.come.Broadcast()
	c.change.Broadcast()
}

// LocalAddr is this end's address on the last link.
func (c *Conn) LocalAddr() net.Addr { return c.address(0) }

// RemoteAddr is the other end's address on the last link.
func (c *Conn) RemoteAddr() net.Addr { return c.address(1) }

func (c *Conn) address(i int) net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.addr[i] == nil {
		return &net.UnixAddr{Net: "unix"}
	}
	return c.addr[i]
}

// A deadline wakes those who wait when it has come.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) over() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) set(t time.Time, wake func()) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.at = t; !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), wake)
	}
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets until when Read waits.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadline(&c.readEnd, t) }

// SetWriteDeadline sets until when Write waits for room.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.writeEnd, t) }

func (c *Conn) setDeadline(d *deadline, t time.Time) error {
	c.mu.Lock()
	d.set(t, c.wake)
	c.mu.Unlock()
	c.wake()
	return nil
}
