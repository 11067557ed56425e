package cpu

import (
	"net"

	"golang.org/x/sys/unix"
)

// hungUp waits until the other end of a Unix socket has closed it, which a write that is
// waited for would not notice. It returns early when stop is closed.
func hungUp(c net.Conn, stop <-chan struct{}) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		<-stop
		return
	}
	f, err := u.File() // for a waiter of its own: those of c's reads are others
	if err != nil {
		<-stop
		return
	}
	defer f.Close()
	w, err := net.FileConn(f)
	if err != nil {
		<-stop
		return
	}
	defer w.Close()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-stop:
			w.Close()
		case <-ended:
		}
	}()
	raw, err := w.(*net.UnixConn).SyscallConn()
	if err != nil {
		return
	}
	raw.Read(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(p, 0)
		return n > 0 || err != nil && err != unix.EINTR
	})
}
