package netfs

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A sock is a socket of the machine. Its descriptor does not block: where it would, the
// runtime's poller waits, and the end of ctx ends the wait by a deadline. Deadlines
// belong to the descriptor, so one request waits each way, and the others behind it.
type sock struct {
	file   *os.File // owns fd
	raw    syscall.RawConn
	fd     int
	stream bool // bytes without boundaries
	rd, wr chan struct{}
	path   string      // of a Unix socket that was announced, to remove
	deaf   atomic.Bool // to what ICMP says

	mu     sync.Mutex
	werr   error    // why what a write has left behind was not sent
	first  [][]byte // datagrams that a caller came with
	groups []member
}

var errHungup = &p9.Error{Ename: "i/o on hungup channel", Errno: syscall.EPIPE}

// newSock makes a socket.
func newSock(domain, typ, proto int) (*sock, error) {
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
	if err != nil {
		return nil, err
	}
	return ofFd(fd, typ == unix.SOCK_STREAM), nil
}

func ofFd(fd int, stream bool) *sock {
	s := &sock{file: os.NewFile(uintptr(fd), "socket"), fd: fd, stream: stream, rd: make(chan struct{}, 1), wr: make(chan struct{}, 1)}
	s.raw, _ = s.file.SyscallConn() // there is an error only for no file
	return s
}

func (s *sock) socket() *sock { return s }

// lingering is how long a peer may take nothing of what is still to be sent to it when
// the conversation is over.
const lingering = time.Minute

// busy reports whether something is being sent behind the last writer's back.
func (s *sock) busy() bool { return len(s.wr) > 0 }

// close waits until what is being sent is, and closes the socket.
func (s *sock) close() {
	s.file.SetWriteDeadline(time.Now().Add(lingering))
	s.wr <- struct{}{}
	s.file.Close()
	if s.path != "" {
		os.Remove(s.path)
	}
}

func (s *sock) hangup() {
	unix.Shutdown(s.fd, unix.SHUT_RDWR)
	s.file.SetWriteDeadline(time.Unix(1, 0)) // what waits to be sent is not
}

// turn takes one's turn to use a direction; where others are there ctx ends the wait.
func turn(ctx context.Context, lane chan struct{}) error {
	select {
	case lane <- struct{}{}:
		return nil
	default:
	}
	if srv.Nonblock(ctx) {
		return srv.ErrAgain
	}
	select {
	case lane <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// poll has try called until it reports that it is done, and waits meanwhile for what the
// descriptor has, until ctx ends. It is for who has the turn.
func (s *sock) poll(ctx context.Context, in bool, try func() bool) error {
	deadline, wait := s.file.SetWriteDeadline, s.raw.Write
	if in {
		deadline, wait = s.file.SetReadDeadline, s.raw.Read
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		deadline(time.Unix(1, 0))
		close(fired)
	})
	err := wait(func(uintptr) bool { return try() })
	if !stop() {
		<-fired
		deadline(time.Time{})
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return errHungup
}

// read gives bytes that have come, or a datagram; 0 and io.EOF is the end of a stream.
func (s *sock) read(ctx context.Context, p []byte) (n int, err error) {
	return s.recv(ctx, func() (int, error) {
		if b := s.takeFirst(); b != nil {
			return copy(p, b), nil
		}
		n, _, err := unix.Recvfrom(s.fd, p, unix.MSG_DONTWAIT)
		if n == 0 && err == nil && s.stream && len(p) > 0 {
			err = io.EOF
		}
		return n, err
	})
}

// wait waits until a read has something to give.
func (s *sock) wait(ctx context.Context) error {
	if err := turn(ctx, s.rd); err != nil {
		return err
	}
	defer func() { <-s.rd }()
	s.mu.Lock()
	first := len(s.first) > 0
	s.mu.Unlock()
	if first {
		return nil
	}
	fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
	return s.poll(ctx, true, func() bool {
		n, err := unix.Poll(fds, 0)
		return n != 0 && err != unix.EINTR
	})
}

func (s *sock) takeFirst() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.first) == 0 {
		return nil
	}
	b := s.first[0]
	s.first = s.first[1:]
	return b
}

// worthSplice is how many bytes are to be there, for less is copied as fast.
const worthSplice = 32 << 10

// splice moves what has come of a stream to a pipe.
func (s *sock) splice(pipe, n int) int {
	if !s.stream {
		return 0
	}
	select {
	case s.rd <- struct{}{}:
	default:
		return 0
	}
	defer func() { <-s.rd }()
	if have, err := unix.IoctlGetInt(s.fd, unix.TIOCINQ); err != nil || have < worthSplice {
		return 0
	}
	have, err := unix.Splice(s.fd, nil, pipe, nil, n, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	if err != nil {
		return 0
	}
	return int(have)
}

// recv does a read by get, which says EAGAIN where there is nothing.
func (s *sock) recv(ctx context.Context, get func() (int, error)) (n int, err error) {
	if err := turn(ctx, s.rd); err != nil {
		return 0, err
	}
	defer func() { <-s.rd }()
	try := func() bool {
		for {
			if n, err = get(); err != unix.EINTR && !s.advised(err) {
				return err != unix.EAGAIN
			}
		}
	}
	if !try() {
		if srv.Nonblock(ctx) {
			return 0, srv.ErrAgain
		}
		if perr := s.poll(ctx, true, try); perr != nil {
			return 0, perr
		}
	}
	return max(0, n), err
}

// write sends p. Of a stream, what the kernel does not take at once goes behind the
// writer's back, and the next write after it: the reading goroutine must not wait, nor
// take a part of p.
func (s *sock) write(ctx context.Context, p []byte) (int, error) {
	if !s.stream {
		return s.send(ctx, func() (int, error) { return unix.SendmsgN(s.fd, p, nil, nil, unix.MSG_NOSIGNAL) })
	}
	if err := turn(ctx, s.wr); err != nil {
		return 0, err
	}
	if s.werr != nil {
		<-s.wr
		return 0, s.werr
	}
	done := 0
	try := func() (bool, error) {
		for done < len(p) {
			n, err := unix.SendmsgN(s.fd, p[done:], nil, nil, unix.MSG_NOSIGNAL)
			switch {
			case n > 0:
				done += n
			case err == unix.EAGAIN:
				return false, nil
			case err != nil && err != unix.EINTR:
				return true, broken(err)
			}
		}
		return true, nil
	}
	ok, err := try()
	if !ok && srv.Nonblock(ctx) {
		rest, _ := rests.Get().(*[]byte)
		if rest == nil {
			rest = new([]byte)
		}
		*rest = append((*rest)[:0], p[done:]...)
		go s.later(rest)
		return len(p), nil
	}
	if !ok {
		perr := s.poll(ctx, false, func() bool {
			ok, err = try()
			return ok
		})
		if perr != nil {
			err = perr
		}
	}
	<-s.wr
	if done > 0 {
		err = nil // the part that was taken must not be sent again
	}
	return done, err
}

// rests has memory for what is left of writes.
var rests sync.Pool

// later sends what is left of a write whose turn it has.
func (s *sock) later(p *[]byte) {
	_, err := s.file.Write(*p)
	rests.Put(p)
	if err != nil {
		s.werr = broken(err)
	}
	<-s.wr
}

// send sends a datagram by put.
func (s *sock) send(ctx context.Context, put func() (int, error)) (n int, err error) {
	if err := turn(ctx, s.wr); err != nil {
		return 0, err
	}
	defer func() { <-s.wr }()
	told := false // of one before; what is said again is of this
	try := func() bool {
		for {
			switch n, err = put(); {
			case s.advised(err) && !told:
				told = true
			case err != unix.EINTR:
				return err != unix.EAGAIN
			}
		}
	}
	if !try() {
		if srv.Nonblock(ctx) {
			return 0, srv.ErrAgain
		}
		if perr := s.poll(ctx, false, try); perr != nil {
			return 0, perr
		}
	}
	return max(0, n), broken(err)
}

// broken gives an error in words of a file.
func broken(err error) error {
	var n syscall.Errno
	switch {
	case errors.As(err, &n) && n == syscall.EPIPE, errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, os.ErrClosed):
		return errHungup
	case errors.As(err, &n):
		return n
	}
	return err
}
