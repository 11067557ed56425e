package client

import "syscall"

// Peer gives the process that announced the Unix socket which the connection was made to, by
// SO_PEERCRED of unix(7), as this process sees its number. Over another stream there is none.
func (c *Conn) Peer() (pid int, ok bool) {
	if c.raw == nil {
		return 0, false
	}
	c.raw.Control(func(fd uintptr) {
		family, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_DOMAIN)
		if err != nil || family != syscall.AF_UNIX {
			return
		}
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid, pid > 0
}
