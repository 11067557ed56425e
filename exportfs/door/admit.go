package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"ninespace/exportfs/aan"
	"ninespace/factotum/auth"
	"ninespace/factotum/sshkey"
)

// What is done with a stranger's bytes. In cpud of root a process does it that has no rights:
// who a caller is is then another's to say.

// maxSessions is how many connections somebody who is known may have.
const maxSessions = 1000

// carrier has the streams that outlive their links.
func carrier(keep time.Duration) aan.Server {
	return aan.Server{Config: aan.Config{Keep: keep}, Max: maxSessions}
}

// serverTLS lets any key in: whose it may be is asked when it is known which user is wanted.
func serverTLS(cert *tls.Certificate) *tls.Config {
	return auth.Config(cert, func(*sshkey.Public) error { return nil })
}

// admitTLS lets a caller in whom who knows; nil without an error is one more link of one who
// was let in.
func admitTLS(ctx context.Context, raw net.Conn, conf *tls.Config, carry *aan.Server, who func(*tls.Conn, Want) (Peer, error)) (*Conn, error) {
	deadline(raw, greetLimit)
	c := tls.Server(raw, conf)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	w, err := readWant(c)
	if err != nil {
		return nil, err
	}
	p, err := who(c, w)
	if err != nil {
		if errors.Is(err, auth.ErrNotAuthorized) {
			refuse(c, "key", auth.Told(err)) // a stranger learns nothing of who there is
		}
		return nil, err
	}
	// Each link is let in by itself, and carries on what the same caller wanted.
	if _, err := io.WriteString(c, "ok\n"); err != nil {
		return nil, err
	}
	deadline(raw, 0)
	s, err := carry.Accept(ctx, c, p.User+" "+p.Key, w.String())
	if s == nil || err != nil {
		return nil, err
	}
	return &Conn{ReadWriteCloser: s, Want: w, Peer: p}, nil
}

// admitPlan9 lets in whom factotum, at the other end of r, has proved to be somebody.
func admitPlan9(ctx context.Context, raw net.Conn, r auth.Talk, who func(*auth.Info) (Peer, error)) (*Conn, error) {
	c, info, err := auth.Plan9Server(ctx, raw, r)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	p, err := who(info)
	if err != nil {
		c.Close()
		return nil, err
	}
	return &Conn{ReadWriteCloser: c, Want: Want{Service: Plan9, User: p.User}, Peer: p}, nil
}

// Carry copies between a caller and the session that serves it, until both have ended. wait
// returns when the session has.
func (c *Conn) Carry(session net.Conn, wait func() error) error {
	defer c.Close()
	defer session.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		go func() {
			io.Copy(session, c.ReadWriteCloser) // without a copy, if that can
			if s, ok := session.(*net.UnixConn); ok {
				s.CloseWrite()
			}
		}()
		io.Copy(c, session)
		c.Close()
	}()
	err := wait()
	// What the session said last is still on its way, to a caller who takes it.
	deadline(c.ReadWriteCloser, lastWords)
	<-done
	return err
}

// lastWords is how long a caller may take to hear the end of a session.
const lastWords = 5 * time.Second
