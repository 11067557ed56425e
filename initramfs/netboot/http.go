package netboot

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"
)

// HTTP/1.1, RFC 9110 and 9112, as much of it as boot programs ask for: GET and HEAD with
// a range, POST of a short body, connections that are kept.

var (
	errShut   = errors.New("the server ends")
	errSilent = errors.New("no answer")
)

const (
	headTime  = 10 * time.Second // for a request to come
	idleTime  = 30 * time.Second // between two
	chunk     = 256 << 10
	chunkTime = 30 * time.Second // for a chunk to go: 8 KiB in a second at least
	maxAsked  = 1000             // requests of one connection
)

// times are these, but in tests.
type times struct{ head, idle, chunk time.Duration }

// serveHTTP takes connections until the listener is closed.
func (s *Server) serveHTTP(l net.Listener, secure *tls.Config) {
	for {
		c, err := l.Accept()
		if s.ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			return
		}
		if err != nil {
			select { // out of descriptors
			case <-time.After(time.Second / 10):
			case <-s.ctx.Done():
			}
			continue
		}
		from := c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
		if !s.serves(from) {
			c.Close()
			s.sayFrom(from, "http: from %s: of no network here: refused", from)
			continue
		}
		s.mu.Lock()
		ok := s.http.enter(from, maxConns)
		s.mu.Unlock()
		if !ok {
			c.Close()
			s.sayFrom(from, "http: from %s: too many connections", from)
			continue
		}
		s.wg.Go(func() {
			defer c.Close()
			defer context.AfterFunc(s.ctx, func() { c.Close() })()
			w := &web{Server: s, Conn: c, from: from}
			if secure != nil {
				w.Conn = tls.Server(c, secure)
			}
			if err := w.serve(); err != nil && s.ctx.Err() == nil {
				s.sayFrom(from, "http: from %s: %v", from, fact(err))
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.http.leave(from)
		})
	}
}

// A web is one connection.
type web struct {
	*Server
	net.Conn
	from netip.Addr
	in   *bufio.Reader
}

// serve answers requests; the error is what ended the connection, but for its end.
func (w *web) serve() error {
	w.in = bufio.NewReaderSize(nil, maxHead)
	limit := &io.LimitedReader{R: w.Conn}
	w.in.Reset(limit)
	w.SetDeadline(time.Now().Add(w.times.head))
	for range maxAsked {
		limit.N = maxHead + maxBody
		if _, err := w.in.Peek(1); err != nil {
			return nil // it wants no more
		}
		w.SetDeadline(time.Now().Add(w.times.head))
		a, err := w.read()
		if err != nil {
			var st *status
			if errors.As(err, &st) {
				w.text(&ask{method: "GET", last: true}, st.code, st.text+"\n")
				// What it still sends would have the answer thrown away.
				w.SetDeadline(time.Now().Add(time.Second))
				io.CopyN(io.Discard, w.Conn, maxHead)
			}
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				return errors.New("slow request: given up")
			}
			return err
		}
		if err := w.answer(a); err != nil || a.last {
			return err
		}
		w.SetDeadline(time.Now().Add(w.times.idle))
	}
	return nil
}
