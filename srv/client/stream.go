package client

import (
	"context"
	"io"

	"ninespace/srv/p9"
)

// A Stream is one direction of an open fid whose bytes come in turn, a pipe's or a terminal's. If
// the server does what is asked of it in the order in which it was sent (srv.Ordered), several
// requests are under way while there is much to be moved, so that how fast that goes does not
// depend on how far away the server is. It is for one goroutine.
type Stream struct {
	ctx     context.Context
	f       *Fid
	inOrder func() bool

	off    int64
	w      window
	want   int    // reads to have under way
	much   bool   // the last one brought much
	data   []byte // what has come and is not read yet
	buf    []byte // and where it is
	free   [][]byte
	err    error
	behind writeBehind
}

const (
	streamPiece = 64 << 10 // bytes of one request, as many as a pipe holds
	streamFew   = 8 << 10  // while there is little: the server has room for it as long as it waits
	streamMuch  = 2 << 10  // a piece that is longer says that there is more
)

// Stream makes one. ctx is that of all its requests. inOrder, which tells what is known of the
// server by then, is asked when there is much to be moved, and must not wait.
func (f *Fid) Stream(ctx context.Context, inOrder func() bool) *Stream {
	return &Stream{ctx: ctx, f: f, inOrder: inOrder, want: 1, behind: writeBehind{max: depth * streamPiece}}
}

// Read reads what comes next. What the server has given up before its ctx ends may be lost.
func (s *Stream) Read(p []byte) (int, error) {
	if len(s.data) == 0 {
		if s.err == nil {
			s.fetch()
		}
		if len(s.data) == 0 {
			return 0, s.err
		}
	}
	n := copy(p, s.data)
	s.took(n)
	return n, nil
}

// WriteTo is io.WriterTo's: it spares io.Copy a copy. Where to fails, what is under way is given up, and
// what came of it is lost: nothing keeps the server from hearing of a clunk.
func (s *Stream) WriteTo(to io.Writer) (done int64, err error) {
	for {
		if len(s.data) == 0 && s.err == nil {
			s.fetch()
		}
		if len(s.data) == 0 {
			if err = s.err; err == io.EOF {
				err = nil
			}
			return done, err
		}
		n, err := to.Write(s.data)
		done += int64(n)
		if s.took(n); err != nil {
			s.w.drop(s.f.c)
			return done, err
		}
	}
}

// took says that bytes were read.
func (s *Stream) took(n int) {
	if s.data = s.data[n:]; len(s.data) == 0 {
		s.free = append(s.free, s.buf)
	}
}

// fetch waits for what comes next, and asks for what comes after that.
func (s *Stream) fetch() {
	s.ask()
	k := s.w.next(s.ctx, s.f.c)
	s.off += int64(k.n)
	if s.buf, s.data, s.err = k.p, k.p[:k.n], k.err; k.n == 0 && k.err == nil {
		s.err = io.EOF
	}
	k.release()
	s.much = len(s.data) >= streamMuch
	switch {
	case s.err != nil:
		s.w.drop(s.f.c)
		return
	case !s.much:
		s.want = max(1, s.want/2)
	case s.inOrder():
		s.want = min(2*s.want, depth)
	}
	if s.want > 1 {
		s.ask()
		s.w.send(s.ctx, s.f.c)
	}
}

// ask adds requests up to what is to be under way.
func (s *Stream) ask() {
	size := streamFew
	if s.much {
		size = streamPiece
	}
	size = min(size, int(s.f.Iounit()))
	for s.w.n < s.want {
		var b []byte
		if i := len(s.free) - 1; i >= 0 {
			b, s.free = s.free[i], s.free[:i]
		}
		if cap(b) < size {
			b = make([]byte, size)
		}
		s.w.add(s.f.readCall(p9.Tread, b[:size], uint64(s.off)))
	}
}

// Write writes what comes next. An error of what is still under way is told by a later Write, or by
// Flush; what was written after that is given up.
func (s *Stream) Write(p []byte) (int, error) {
	if s.behind.w.n > 0 || s.behind.err != nil || len(p) >= streamMuch && s.inOrder() {
		n, err := s.behind.write(s.ctx, s.f, p, s.off)
		if s.off += int64(n); err != nil {
			s.behind.w.drop(s.f.c)
		}
		return n, err
	}
	n, err := s.f.Write(s.ctx, p, s.off)
	s.off += int64(n)
	s.behind.at = s.off
	return n, err
}

// ReadFrom is io.ReaderFrom's, with pieces as long as one request's.
func (s *Stream) ReadFrom(from io.Reader) (done int64, err error) {
	for buf := make([]byte, streamPiece); ; {
		n, err := from.Read(buf)
		if n > 0 {
			m, werr := s.Write(buf[:n])
			if done += int64(m); werr != nil {
				return done, werr
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return done, nil
		default:
			return done, err
		}
	}
}

// Flush waits until the server has taken all that was written.
func (s *Stream) Flush() error { return s.behind.wait(s.ctx, s.f.c) }
