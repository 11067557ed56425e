package execfs

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A stream is our end of a pipe or a terminal that is one of a command's standard
// files. The file comes when the command starts.
type stream struct {
	turn    chan struct{} // taken by the one request whose deadline the file has
	started chan struct{} // closed when file is set
	tail    atomic.Int32  // the last byte written

	mu     sync.Mutex
	file   *os.File // nil: at its end
	shared bool     // the file is another's to close
	fids   int
	closed bool
}

func newStream() *stream {
	return &stream{turn: make(chan struct{}, 1), started: make(chan struct{})}
}

// begin connects the stream.
func (s *stream) begin(f *os.File, shared bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file, s.shared = f, shared
	if s.closed {
		s.close()
	}
	close(s.started)
}

// shut closes the stream, now or as soon as it begins.
func (s *stream) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.close()
	}
}

func (s *stream) close() {
	if s.file != nil && !s.shared {
		s.file.Close()
	}
}

// open makes a fid of the stream; last is called when no more are.
func (s *stream) open(last func()) (srv.Handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, p9.ErrHungup
	}
	s.fids++
	return &streamHandle{s, last}, nil
}

type streamHandle struct {
	s    *stream
	last func()
}

// Ordered has a client have several reads or writes on their way.
func (h *streamHandle) Ordered() {}

func (h *streamHandle) Clunk() {
	h.s.mu.Lock()
	h.s.fids--
	last := h.s.fids == 0
	h.s.mu.Unlock()
	if last {
		h.last()
	}
}

func (h *streamHandle) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	n, err := h.s.do(ctx, (*os.File).SetReadDeadline, (*os.File).Read, p)
	if errors.Is(err, syscall.EIO) { // a terminal whose other side nobody has open any more
		err = io.EOF
	}
	return n, err
}

func (h *streamHandle) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	n, err := h.s.do(ctx, (*os.File).SetWriteDeadline, (*os.File).Write, p)
	if n > 0 {
		err = nil // the part that was taken must not be sent again
		h.s.tail.Store(int32(p[n-1]))
	}
	if errors.Is(err, io.EOF) {
		err = syscall.EPIPE
	}
	return n, err
}

// do does one read or write, which ends when ctx does. The poller's deadlines are
// what ends it, so it either moves bytes or does nothing.
func (s *stream) do(ctx context.Context, deadline func(*os.File, time.Time) error, op func(*os.File, []byte) (int, error), p []byte) (int, error) {
	select {
	case <-s.started:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if s.file == nil {
		return 0, io.EOF
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-s.turn }()
	if err := deadline(s.file, time.Time{}); err != nil {
		return 0, cause(err)
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		deadline(s.file, time.Unix(1, 0))
		close(fired)
	})
	n, err := op(s.file, p)
	if !stop() {
		<-fired
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = ctx.Err()
	case err != nil && err != io.EOF:
		err = cause(err)
	}
	return n, err
}

// cause takes the server's paths and calls off an error: what is left is its number.
func cause(err error) error {
	var n syscall.Errno
	if errors.As(err, &n) {
		return n
	}
	if errors.Is(err, os.ErrClosed) {
		return p9.ErrHungup
	}
	return err
}
