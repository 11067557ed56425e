package netfs

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A tlsEnd is TLS over a socket.
type tlsEnd struct {
	*sock
	conn *tls.Conn
	done func() // lets go of the socket
}

// newTLSEnd shakes hands. By an error the socket is let go.
func newTLSEnd(ctx context.Context, s *sock, done func(), cfg *tls.Config, server bool) (*tlsEnd, error) {
	e := &tlsEnd{sock: s, done: done}
	if server {
		e.conn = tls.Server(socketConn{s}, cfg)
	} else {
		e.conn = tls.Client(socketConn{s}, cfg)
	}
	if err := e.conn.HandshakeContext(ctx); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		} else if errors.Is(err, io.EOF) {
			err = errHungup
		} else {
			err = tlsError(err)
		}
		done()
		return nil, err
	}
	return e, nil
}

// tlsError gives an error of package tls in words of ours.
func tlsError(err error) error {
	var n syscall.Errno
	if errors.As(err, &n) {
		return n
	}
	return p9.NewError(syscall.EPROTO, "tls: "+strings.TrimPrefix(strings.TrimPrefix(err.Error(), "remote error: "), "tls: "))
}

// busy says that close sends a last message.
func (e *tlsEnd) busy() bool { return true }

func (e *tlsEnd) close() {
	e.conn.Close()
	e.done()
}

// do reads or writes, until ctx ends.
func (e *tlsEnd) do(ctx context.Context, lane chan struct{}, deadline func(time.Time) error, io func() (int, error)) (int, error) {
	if srv.Nonblock(ctx) {
		return 0, srv.ErrAgain
	}
	if err := turn(ctx, lane); err != nil {
		return 0, err
	}
	defer func() { <-lane }()
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		deadline(time.Unix(1, 0))
		close(fired)
	})
	n, err := io()
	if !stop() {
		<-fired
		deadline(time.Time{})
	}
	switch {
	case n > 0:
		err = nil
	case err != nil && ctx.Err() != nil:
		err = ctx.Err()
	}
	return n, err
}

func (e *tlsEnd) read(ctx context.Context, p []byte) (int, error) {
	n, err := e.do(ctx, e.rd, e.file.SetReadDeadline, func() (int, error) { return e.conn.Read(p) })
	if err != nil && err != io.EOF && !errors.Is(err, context.Canceled) && !errors.Is(err, srv.ErrAgain) {
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, errHungup
		}
		err = tlsError(err)
	}
	return n, err
}

// write writes. Where ctx ends it, a record may have gone in part: no more can follow.
func (e *tlsEnd) write(ctx context.Context, p []byte) (int, error) {
	n, err := e.do(ctx, e.wr, e.file.SetWriteDeadline, func() (int, error) { return e.conn.Write(p) })
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, srv.ErrAgain) {
		if err = broken(err); err != errHungup {
			err = tlsError(err)
		}
	}
	return n, err
}

// handshakeLimit is how long a caller may take to shake hands.
const handshakeLimit = 30 * time.Second

// A tlsListener is an announced conversation's end.
type tlsListener struct {
	*sock
	cfg *tls.Config
}

// accept waits for a caller who shakes hands. What is wrong with others is in err.
func (l *tlsListener) accept(ctx context.Context, c *conv) (end, error) {
	for {
		s, err := l.next(ctx)
		if err != nil {
			return nil, err
		}
		hctx, cancel := context.WithTimeout(ctx, handshakeLimit)
		e, err := newTLSEnd(hctx, s, s.close, l.cfg, true)
		cancel()
		if err == nil {
			return e, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c.fail(err)
	}
}

func tlsStatus(c *conv) string {
	e, ok := c.end.(*tlsEnd)
	if !ok {
		return c.state
	}
	s := e.conn.ConnectionState()
	text := fmt.Sprintf("%s version %s cipher %s", c.state, strings.TrimPrefix(tls.VersionName(s.Version), "TLS "), tls.CipherSuiteName(s.CipherSuite))
	if s.NegotiatedProtocol != "" {
		text += " alpn " + srv.Quote(s.NegotiatedProtocol)
	}
	if len(s.PeerCertificates) > 0 {
		peer := s.PeerCertificates[0]
		text += fmt.Sprintf(" peer %s sha256 %x", srv.Quote(peer.Subject.String()), sha256.Sum256(peer.Raw))
	}
	return text
}

// A socketConn is a socket as package tls takes it.
type socketConn struct{ s *sock }

// plain takes off what package os wraps around an error: package tls asks it whether it
// is a deadline's.
func plain(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (c socketConn) Read(p []byte) (int, error) {
	n, err := c.s.file.Read(p)
	return n, plain(err)
}

func (c socketConn) Write(p []byte) (int, error) {
	n, err := c.s.file.Write(p)
	return n, plain(err)
}

// Close ends what waits; the socket is another's to close.
func (c socketConn) Close() error { return c.s.file.SetDeadline(time.Unix(1, 0)) }

func (c socketConn) LocalAddr() net.Addr                { return addr(c.s.text(false)) }
func (c socketConn) RemoteAddr() net.Addr               { return addr(c.s.text(true)) }
func (c socketConn) SetDeadline(t time.Time) error      { return c.s.file.SetDeadline(t) }
func (c socketConn) SetReadDeadline(t time.Time) error  { return c.s.file.SetReadDeadline(t) }
func (c socketConn) SetWriteDeadline(t time.Time) error { return c.s.file.SetWriteDeadline(t) }

// An addr is an address as package net has them.
type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }
