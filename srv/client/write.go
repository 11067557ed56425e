package client

import (
	"errors"
	"slices"
	"syscall"
	"time"
)

// Writing to a socket, and to a server that takes nothing.

// tryWrite writes to a socket: what it takes now or, unless c.try is set, all.
func (c *Conn) tryWrite(fd uintptr) bool {
	for len(c.vec) > 0 {
		c.moving.Lock()
		var n int
		var err error
		if len(c.vec) == 1 {
			n, err = syscall.Write(int(fd), c.vec[0])
		} else {
			n, err = writev(int(fd), c.vec)
		}
		c.took(max(0, n))
		c.moving.Unlock()
		switch err {
		case nil, syscall.EINTR:
		case syscall.EAGAIN:
			return c.try
		default:
			c.werr = err
			return true
		}
	}
	return true
}

// took takes bytes that are written off c.vec.
func (c *Conn) took(n int) {
	c.sent.Add(uint64(n))
	for len(c.vec) > 0 && n >= len(c.vec[0]) {
		n -= len(c.vec[0])
		c.vec[0], c.vec = nil, c.vec[1:]
	}
	if n > 0 {
		c.vec[0] = c.vec[0][n:]
	}
}

// How long a server may take nothing, or say nothing, before calls whose ctx has ended
// do not wait for it any more, in times of patience.
const (
	patience = time.Second
	deaf     = 2
	mute     = 10
)

// watch gives calls up whose ctx has ended, when the server is as good as dead: their
// Tflush cannot even be sent, or no word of it comes, nor of anything else.
func (c *Conn) watch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := time.NewTimer(c.patience)
	defer t.Stop()
	sent, heard := c.sent.Load(), c.heard.Load()
	for untaken, unheard := 0, 0; c.err == nil && c.waiting(); {
		c.mu.Unlock()
		select {
		case <-t.C:
		case <-c.done:
		}
		c.mu.Lock()
		untaken++
		if now := c.sent.Load(); now != sent || !c.writing {
			sent, untaken = now, 0
		}
		unheard++
		if now := c.heard.Load(); now != heard {
			heard, unheard = now, 0
		}
		if untaken >= deaf || unheard >= mute {
			c.giveUp()
		}
		if unheard >= mute && c.bound() {
			c.mu.Unlock()
			c.die(errors.New("server stopped in the middle of a reply"))
			c.mu.Lock()
		}
		t.Reset(c.patience)
	}
	c.watched = false
}

// waiting reports whether a call waits whose ctx has ended. c.mu is held.
func (c *Conn) waiting() bool {
	if c.claimed != nil && c.claimed.unwanted { // it has left its slot
		return true
	}
	for i := range c.slots {
		if k := c.slots[i].call; k != nil && k.unwanted {
			return true
		}
	}
	for _, cuts := range [][]cut{c.begunCuts, c.cuts} {
		for i := range cuts {
			if cuts[i].call.unwanted {
				return true
			}
		}
	}
	return false
}

// GiveUp ends the calls whose ctx has ended, at once: the server may have done what they ask, or do
// it still. To all others the connection is what it was. It reports false where one goes on of
// which half the reply is there: who reads a stream without deadlines cannot be stopped.
func (c *Conn) GiveUp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.giveUp()
	return !c.bound()
}

// bound reports whether a call whose ctx has ended can be ended only with the connection: some of
// its reply is there, and who reads on cannot be stopped. c.mu is held.
func (c *Conn) bound() bool {
	return c.turn.until == nil && c.claimed != nil && c.claimed.unwanted
}

// giveUp ends the calls whose ctx has ended. A stray takes the place of each, and its
// reply. What is still to be written of theirs is copied first, for it is the
// caller's again. c.mu is held.
func (c *Conn) giveUp() {
	strays := map[*call]*call{}
	stray := func(k *call) *call {
		s := strays[k]
		if s == nil {
			s = k.takePlace()
			s.pend.Store(0)
			strays[k] = s
		}
		s.pend.Add(1)
		return s
	}
	for i := range c.slots {
		if k := c.slots[i].call; k != nil && k.unwanted {
			c.slots[i].call = stray(k)
			k.deliver(errFlushed)
		}
	}
	c.freed.Broadcast() // for those that wait to be flushed
	c.letGo()
	c.moving.Lock()
	defer c.moving.Unlock()
	for _, cuts := range [][]cut{c.begunCuts, c.cuts} {
		for i := range cuts {
			if k := cuts[i].call; k.unwanted {
				cuts[i].call = stray(k)
				c.keep(&cuts[i])
				k.step()
			}
		}
	}
}

// takePlace gives a stray for a call's tag.
func (k *call) takePlace() *call {
	s := newCall(k.want - 1)
	s.Tag, s.tag, s.orphan, s.stray = k.tag, k.tag, true, true
	return s
}

// keep copies a payload, of which some may be written.
func (c *Conn) keep(k *cut) {
	old := k.data
	k.data = slices.Clone(old)
	for i, b := range c.vec { // what is left of it is its end
		if n := len(b); n > 0 && n <= len(old) && &b[n-1] == &old[len(old)-1] {
			c.vec[i] = k.data[len(old)-n:]
		}
	}
}
