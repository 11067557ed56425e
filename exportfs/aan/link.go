package aan

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// idle waits until nobody uses the link that was lost, and tells whether there is none and
// the session wants another.
func (c *Conn) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.link == nil && (c.sending || c.reading) {
		c.change.Wait()
	}
	return c.link == nil && c.err == nil
}

// attach has the session go on over a link, from the message on that the other end has
// not received. The first link of a client has the answer to its hello still to come.
// The caller holds c.linking, and nobody uses another link.
func (c *Conn) attach(link net.Conn, received uint32, unanswered bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if received-c.first > c.most-c.first {
		return fmt.Errorf("%w: it has %d messages of %d", errProto, received, c.most)
	}
	c.next = int(received - c.first)
	c.link, c.heard = link, time.Now()
	c.began, c.before = c.heard, c.first+c.received
	c.addr = [2]net.Addr{link.LocalAddr(), link.RemoteAddr()}
	if c.links++; c.links > 1 {
		c.cfg.Log(fmt.Sprintf("link %d: %d messages are sent again", c.links, len(c.out)-c.next))
	}
	c.sync = c.links > 1 // what was read since
	c.told = false
	c.reading = true
	go c.receive(link, unanswered)
	c.flush()
	c.change.Broadcast()
	return nil
}

// receive reads from a link until that ends.
func (c *Conn) receive(link net.Conn, unanswered bool) {
	r := bufio.NewReaderSize(link, readSize)
	var err error
	if unanswered {
		var h hello
		if h, err = readAnswer(r); err == nil {
			c.mu.Lock()
			c.answered, c.every = true, h.every
			c.mu.Unlock()
		}
	}
	for err == nil {
		var m *message
		var number, acked uint32
		if m, number, acked, err = readMessage(r); err == nil {
			err = c.take(m, number, acked)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = false
	if final(err) {
		c.endLocked(err)
	}
	c.drop(link, err)
	c.change.Broadcast()
}

// take takes what came: m is nil if it had no data.
func (c *Conn) take(m *message, number, acked uint32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard, c.spoke = time.Now(), true
	if err := c.acked(acked); err != nil {
		return err
	}
	if m == nil && number == noNumber {
		return nil
	}
	if m == nil && number == noMore {
		c.deaf = true
		c.done()
		c.change.Broadcast()
		return nil
	}
	if number != c.received {
		if m != nil {
			m.free()
		}
		if int32(number-c.received) < 0 {
			return nil // it was sent again, which peers without a hello do with all they have
		}
		return fmt.Errorf("%w: message %d comes where %d should", errProto, number, c.received)
	}
	if c.last {
		return fmt.Errorf("%w: a message behind the last", errProto)
	}
	c.received++
	if m == nil {
		c.last = true
		c.come.Broadcast()
		c.change.Broadcast() // for who writes
	} else {
		if c.inCost += m.cost(); c.inCost > window+2*maxData {
			return fmt.Errorf("%w: it sends more than is read", errProto)
		}
		c.in = append(c.in, m)
	}
	if c.closed {
		c.discard()
		if c.last && c.deaf {
			c.endLocked(net.ErrClosed)
		}
		return nil
	}
	c.come.Signal()
	return nil
}

// acked lets go of what the other end has read.
func (c *Conn) acked(upTo uint32) error {
	n := int(upTo - c.first)
	if int32(upTo-c.first) <= 0 {
		return nil
	}
	if n > c.next {
		return fmt.Errorf("%w: it acks message %d of %d", errProto, upTo, c.first+uint32(c.next))
	}
	for i, m := range c.out[:n] {
		c.outCost -= m.cost()
		if m != c.busy { // whatever the other end says, it is being sent still
			m.free()
		}
		c.out[i] = nil
	}
	c.out, c.first, c.next = c.out[n:], upTo, c.next-n
	if len(c.out) == 0 {
		c.out = nil
		if c.shut {
			c.done()
		}
		if c.closed {
			c.endLocked(net.ErrClosed)
		}
	}
	c.change.Broadcast()
	return nil
}

// flush sends what there is to be sent, unless somebody does. mu is held, and let go of
// in between.
func (c *Conn) flush() {
	if c.sending {
		return
	}
	c.sending = true
	for c.link != nil && c.err == nil {
		link, m := c.link, (*message)(nil)
		switch {
		case c.closed && !c.told:
			c.told = true
			m = newMessage(0)
			m.header(noMore, c.read)
		case c.next < len(c.out):
			m = c.out[c.next]
			m.header(c.first+uint32(c.next), c.read)
			c.next++
			if n := c.first + uint32(c.next); int32(n-c.most) > 0 {
				c.most = n
			}
		case c.sync:
			m = newMessage(0)
			m.header(noNumber, c.read)
		}
		if m == nil {
			break
		}
		c.busy, c.sync, c.said, c.readCost = m, false, true, 0
		c.mu.Unlock()
		_, err := link.Write(m.b)
		c.mu.Lock()
		c.busy = nil
		if err != nil {
			c.drop(link, err)
		}
	}
	c.sending = false
	c.change.Broadcast()
}

// drop lets go of a link, because of err.
func (c *Conn) drop(link net.Conn, err error) {
	if c.link != link {
		return
	}
	c.link, c.lost = nil, time.Now()
	c.hungUp = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
	c.hangUp(link)
	c.change.Broadcast()
	if c.err != nil {
		return
	}
	if err == io.EOF {
		err = errors.New("the other end hung up")
	}
	c.cfg.Log(fmt.Sprintf("link %d: %v", c.links, err))
	if c.dial != nil && !c.left() {
		if time.Since(c.began) < shortLived && c.first+c.received == c.before {
			c.backOff() // some other ends take each link and close it at once
		} else {
			c.pause = 0
		}
		go c.redial()
	}
}

// left tells whether the other end is done with us.
func (c *Conn) left() bool { return c.deaf && c.last && c.read == c.received }

// hangUp ends what waits for a link, at once, and closes it, for which TLS may take
// a while.
func (c *Conn) hangUp(link net.Conn) {
	link.SetDeadline(time.Unix(1, 0))
	go link.Close()
}

// tick is called every now and then.
func (c *Conn) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.timer.Reset(c.cfg.Every)
	now := time.Now()
	switch {
	case c.closed && c.dial != nil && now.Sub(c.closedAt) > closing:
		c.endLocked(net.ErrClosed)
	case c.link == nil && now.Sub(c.lost) > c.lasts():
		c.endLocked(ErrLost)
	case c.link != nil && now.Sub(c.heard) > patience*max(c.every, c.cfg.Every):
		c.drop(c.link, fmt.Errorf("nothing was heard for %v", now.Sub(c.heard).Round(time.Millisecond)))
	case c.link != nil:
		c.sync = c.sync || !c.said || c.readCost > 0
		c.said = false
		c.flush()
	}
}

// lasts is how long a session without a link is kept. Whose link is cut cannot close it, and
// whoever closed it, and is there, dials anew at once. Who never said anything may be anybody:
// a client is heard of within Every. No session makes way for another, however full the server
// is: a stranger could end those of others by that.
func (c *Conn) lasts() time.Duration {
	if c.dial == nil && (c.hungUp || !c.spoke) {
		return c.cfg.Gone
	}
	return c.cfg.Keep
}

// end ends the session: whoever waits gets err.
func (c *Conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(err)
}

func (c *Conn) endLocked(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	c.done()
	c.timer.Stop()
	c.cancel()
	if c.link != nil {
		link := c.link
		c.link = nil
		if errors.Is(err, net.ErrClosed) {
			go link.Close() // in order: what was sent is to arrive
		} else {
			c.hangUp(link)
		}
	}
	c.out, c.next = nil, 0
	if c.ended != nil {
		c.ended()
	}
	c.come.Broadcast()
	c.change.Broadcast()
}
