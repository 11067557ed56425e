package netfs

import (
	"context"
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// connect connects, which may take until ctx ends.
func (s *sock) connect(ctx context.Context, sa unix.Sockaddr) error {
	err := unix.Connect(s.fd, sa)
	if err == unix.EINPROGRESS || err == unix.EINTR {
		perr := s.poll(ctx, false, func() bool {
			var n int
			if n, err = unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && n != 0 {
				err = syscall.Errno(n)
			}
			if err != nil {
				return true
			}
			_, err = unix.Getpeername(s.fd)
			return err == nil
		})
		if perr != nil {
			return perr
		}
	}
	return err
}

// next accepts a caller.
func (s *sock) next(ctx context.Context) (c *sock, err error) {
	var fd int
	_, err = s.recv(ctx, func() (int, error) {
		var err error
		fd, _, err = unix.Accept4(s.fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err == unix.ECONNABORTED {
			err = unix.EINTR // the next one
		}
		return 0, err
	})
	if err != nil {
		return nil, err
	}
	return ofFd(fd, true), nil
}

func (s *sock) accept(ctx context.Context, c *conv) (end, error) {
	n, err := s.next(ctx)
	if err != nil {
		if errors.Is(err, unix.EINVAL) { // shut down
			err = errHungup
		}
		return nil, err
	}
	return n, nil
}
