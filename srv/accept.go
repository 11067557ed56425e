package srv

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// Accept waits for the next caller. One that there is no room for just now
// (descriptors, memory) does not end the others: it waits until there is, and what
// was short is told to full, once, where that is not nil. ctx ends the waiting, but
// an l.Accept only by closing l.
func Accept(ctx context.Context, l net.Listener, full func(error)) (net.Conn, error) {
	for {
		c, err := l.Accept()
		if err == nil || !passing(err) || ctx.Err() != nil {
			return c, err
		}
		if full != nil {
			full(err)
			full = nil
		}
		select {
		case <-time.After(acceptPause):
		case <-ctx.Done():
		}
	}
}

// acceptPause is how long to leave a caller waiting where there is no room for it.
const acceptPause = 50 * time.Millisecond

// passing reports whether a later accept may succeed, accept(2).
func passing(err error) bool {
	for _, n := range [...]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, n) {
			return true
		}
	}
	return false
}
