package ns

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// ctl writes a message to the group's ctl file; an error is the engine's own.
func ctl(ctx context.Context, msg string) error {
	c, err := openCtl()
	if err != nil {
		return err
	}
	defer c.close()
	if errno := c.write(ctx, msg); errno != 0 {
		return c.why(msg, errno)
	}
	return nil
}

// A ctlFd is the group's ctl file, open.
type ctlFd int

func openCtl() (ctlFd, error) {
	fd, err := unix.Open(ctlName, unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case err == unix.ENOENT || err == unix.ENOTDIR:
		return -1, errNoCtl
	case err == unix.EACCES:
		return -1, notYours()
	case err == unix.ENOTCONN:
		return -1, errors.New("the name space's engine (nsd) has ended")
	case err != nil:
		return -1, fmt.Errorf("%s: %w", ctlName, err)
	}
	return ctlFd(fd), nil
}

func (c ctlFd) close() { unix.Close(int(c)) }

// write writes a message. It ends when ctx has and a signal comes.
func (c ctlFd) write(ctx context.Context, msg string) syscall.Errno {
	errno := again(ctx, func() error {
		_, err := unix.Write(int(c), []byte(msg))
		return err
	})
	if errno == unix.EINPROGRESS { // a person is asked for a key
		errno = again(ctx, func() error {
			_, err := unix.Read(int(c), make([]byte, 1))
			return err
		})
	}
	return errno
}

// again makes a system call until no signal ends it: Go's scheduler interrupts them. What was
// given up for one of them has left nothing behind.
func again(ctx context.Context, call func() error) syscall.Errno {
	for {
		err := call()
		if errno, _ := err.(syscall.Errno); errno != unix.EINTR || ctx.Err() != nil {
			return errno
		}
	}
}

// why gives the engine's words for the error of the last write.
func (c ctlFd) why(msg string, errno syscall.Errno) error {
	buf := make([]byte, 8192)
	n, err := unix.Read(int(c), buf)
	if err != nil || n <= 0 {
		return fmt.Errorf("%s: %w", msg, errno)
	}
	return p9.NewError(errno, string(buf[:n]))
}
