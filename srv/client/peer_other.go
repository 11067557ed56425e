//go:build !linux

package client

// Peer gives the process at the other end, of which this system does not tell.
func (c *Conn) Peer() (pid int, ok bool) { return 0, false }
