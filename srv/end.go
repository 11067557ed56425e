package srv

import (
	"io"
	"net"
	"time"

	"ninespace/srv/p9"
)

// The end of a connection, which Shutdown may bring about.

// lingering is how long a client is waited for that was told to hang up.
const lingering = 10 * time.Second

// drain has the connection end when nothing runs on it, which may be now.
func (c *conn) drain() {
	c.mu.Lock()
	c.draining = true
	idle := len(c.reqs) == 0 && !c.inlining
	c.mu.Unlock()
	if idle {
		c.stopReading()
	}
}

// ending reports whether the connection is to end: then nothing new is done.
func (c *conn) ending() bool { return c.draining || c.srv.st.down.Load() }

// stopReading ends the connection when its last replies are written.
func (c *conn) stopReading() {
	c.stopped.Do(func() { // once, for linger sets another deadline
		if d, ok := c.rwc.(interface{ SetReadDeadline(time.Time) error }); ok && d.SetReadDeadline(time.Unix(1, 0)) == nil {
			return
		}
		go func() {
			c.out.wait()
			c.rwc.Close()
		}()
	})
}

// linger has a client take its last replies: to close a TCP socket that holds unread
// requests resets the connection, and what was not sent yet is lost. Unix sockets
// lose nothing.
func (c *conn) linger() {
	if _, ok := c.rwc.(*net.UnixConn); ok {
		return
	}
	t, ok := c.rwc.(interface {
		CloseWrite() error
		SetReadDeadline(time.Time) error
	})
	if ok && t.CloseWrite() == nil && t.SetReadDeadline(time.Now().Add(lingering)) == nil {
		io.Copy(io.Discard, c.rwc)
	}
}

// reset ends all requests and clunks all fids.
func (c *conn) reset() {
	c.mu.Lock()
	for _, r := range c.reqs {
		if r.waits > 0 { // it ends without what it waits for
			r.bad = p9.ErrInterrupted
			r.unqueue()
			c.enqueue(r)
		}
		r.ctx.cancel()
	}
	if c.queue.first() != nil {
		c.call()
	}
	c.mu.Unlock()
	c.wg.Wait()
	c.mu.Lock()
	fids := c.fids.empty()
	c.mu.Unlock()
	c.stats.taken[fidNumbers].Add(-int64(len(fids)))
	for _, f := range fids {
		f.drop()
	}
}
