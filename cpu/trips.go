package cpu

import (
	"net"
	"sync/atomic"
)

// A counted stream is one of the caller's tree's that counts round trips. What comes after an
// answer may have waited for it, what comes before has not: so it counts those that the far side
// waited for one after another, and at most as many more as it asked ahead meanwhile.
type counted struct {
	net.Conn
	trips *atomic.Uint64
	asked atomic.Bool // since the last answer
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.asked.Swap(true) {
		c.trips.Add(1)
	}
	return n, err
}

func (c *counted) Write(p []byte) (int, error) {
	c.asked.Store(false) // before anybody can have the answer
	return c.Conn.Write(p)
}
