package client

// InUse tells how many tags and fids of a connection are not free.
func InUse(c *Conn) (tags, fids int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busy, int(c.nfid) - len(c.fids)
}

// Serial tells whether the client does nothing ahead of a reply any more.
func Serial(c *Conn) bool { return c.serial.Load() }

// How much is under way at once.
const Depth, MaxChunk = depth, maxChunk
