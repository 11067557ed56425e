package diskfs

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A polled is an open file that may have nothing to give for long: a pipe, a
// terminal or another character device, a file that the kernel or a server makes
// up. Its descriptor does not block; where there is nothing, the runtime's poller
// waits, and the end of ctx ends the wait by a deadline. Deadlines belong to the
// descriptor, so one Read and one Write wait at a time and the others behind them.
//
// What the kernel cannot poll (most of proc and sysfs, where nothing blocks, and
// files of FUSE and 9P mounts, where something may) is read in the kernel. Such a
// read cannot be given up: Go has no way to interrupt a thread, and to leave it
// behind would lose what it then reads. How many run at
// once is bounded: srv.InKernel.
type polled struct {
	file
	os     *os.File // owns fd
	raw    syscall.RawConn
	pipe   bool
	stream atomic.Bool // has no offsets
	met    atomic.Bool // a pipe whose other end has been seen
	rd, wr chan struct{}
}

// Clunk closes the descriptor.
func (h *polled) Clunk() {
	if h.os != nil {
		h.close(h.os.Close)
		h.fd, h.os = -1, nil
	}
	h.file.Clunk()
}

// Read gives bytes, waiting for some.
func (h *polled) Read(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := h.wait(ctx, h.rd, h.raw.Read, (*os.File).SetReadDeadline, func() (int, error) {
		if !h.stream.Load() {
			n, err := unix.Pread(h.fd, p, off)
			if err != unix.ESPIPE {
				return n, err
			}
			h.stream.Store(true)
		}
		return h.readStream(p)
	})
	if n == 0 && err == nil && len(p) > 0 {
		return 0, io.EOF
	}
	return max(0, n), err
}

// readStream reads a pipe or device. A pipe that nobody has opened for writing
// yet reads as ended, as its open did not block; then it is only not ready.
func (h *polled) readStream(p []byte) (int, error) {
	for {
		n, err := unix.Read(h.fd, p)
		if n != 0 || err != nil || len(p) == 0 || !h.pipe || h.met.Load() {
			if n > 0 {
				h.met.Store(true)
			}
			return n, err
		}
		fds := [1]unix.PollFd{{Fd: int32(h.fd), Events: unix.POLLIN}}
		switch _, err := unix.Poll(fds[:], 0); {
		case err != nil:
			return 0, err
		case fds[0].Revents&unix.POLLIN != 0: // since the read
		case fds[0].Revents&unix.POLLHUP != 0: // there was one, and is no more
			h.met.Store(true)
			return 0, nil
		default:
			return 0, unix.EAGAIN
		}
	}
}

// Write writes all of p, waiting for room, unless ctx or an error ends it.
func (h *polled) Write(ctx context.Context, p []byte, off int64) (done int, err error) {
	for {
		n, err := h.wait(ctx, h.wr, h.raw.Write, (*os.File).SetWriteDeadline, func() (int, error) {
			if !h.stream.Load() {
				n, err := unix.Pwrite(h.fd, p[done:], off+int64(done))
				if err != unix.ESPIPE {
					return n, err
				}
				h.stream.Store(true)
			}
			return unix.Write(h.fd, p[done:])
		})
		done += max(0, n)
		if err != nil || n <= 0 || done == len(p) || !h.stream.Load() {
			if done > 0 {
				err = nil // the rest's error comes with the next write
			}
			return done, err
		}
	}
}

// wait does io when it can be done.
func (h *polled) wait(ctx context.Context, turn chan struct{}, poll func(func(uintptr) bool) error,
	deadline func(*os.File, time.Time) error, io func() (int, error)) (n int, err error) {
	if srv.Nonblock(ctx) {
		return 0, srv.ErrAgain
	}
	try := func() bool {
		for {
			err = h.t.do(ctx, func() (err error) {
				n, err = io()
				return err
			})
			if err != unix.EINTR || ctx.Err() != nil {
				return err != unix.EAGAIN
			}
		}
	}
	if try() || h.mode&p9.ONONBLOCK != 0 {
		return n, err
	}
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-turn }()
	f := h.os
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		deadline(f, time.Unix(1, 0))
		close(fired)
	})
	perr := poll(func(uintptr) bool { return try() })
	if !stop() {
		<-fired
		deadline(f, time.Time{})
	}
	switch {
	case perr == nil:
		return n, err
	case errors.Is(perr, os.ErrDeadlineExceeded) && ctx.Err() != nil:
		return 0, ctx.Err()
	}
	return 0, unix.EAGAIN // not to be polled, and yet not ready
}
