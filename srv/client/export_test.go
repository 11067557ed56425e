package client

import "time"

// SetPatience sets for how long a server may take nothing.
func SetPatience(c *Conn, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.patience = d
}

// InUse tells how many tags and fids of a connection are not free.
func InUse(c *Conn) (tags, fids int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busy, int(c.nfid) - len(c.fids)
}

// Ordered tells whether the server keeps the order of requests.
func Ordered(c *Conn) bool { return c.ordered }

// How much is under way at once.
const Depth, MaxChunk = depth, maxChunk

// Stuck tells whether a write waits for the server to take something.
func Stuck(c *Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writing
}

// Resting tells whether nobody reads the connection.
func Resting(c *Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.turn.taken
}

// Lull is for how long nobody reads a connection on which nothing is asked.
const Lull = lull
