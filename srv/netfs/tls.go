package netfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// newTLS makes the directory tls: conversations by TLS 1.2 or 1.3 over TCP, or over one
// that is there.
func newTLS(f *FS) {
	p := newProto(f, "tls", append([]verb{
		{"connect", " addr!port [localport]", 1, 2, tlsConnect},
		{"announce", " [addr!]port", 1, 1, tlsAnnounce},
		{"push", " proto/N [server]", 1, 2, tlsPush},
		{"name", " host", 1, 1, tlsName},
		{"ca", " file|pem", 1, 1, tlsCA},
		{"cert", " file|pem [file|pem]", 1, 2, tlsCert},
		{"fingerprint", " sha256", 1, 1, tlsFingerprint},
		{"alpn", " protocol ...", 1, 16, tlsALPN},
	}, allVerbs...))
	p.status = tlsStatus
}

// configure changes what the handshake will ask, before there is one.
func (c *conv) configure(change func(cfg *tls.Config) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != closed {
		return p9.NewError(syscall.EISCONN, "conversation is "+c.state)
	}
	if c.tls == nil {
		c.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return change(c.tls)
}

// tlsName says whose certificate the other side must have; else it is the address's.
func tlsName(_ context.Context, c *conv, args []string) error {
	return c.configure(func(cfg *tls.Config) error {
		cfg.ServerName = args[0]
		return nil
	})
}

// pem gives a text in PEM: the argument, or what is in the file that it names.
func (c *conv) pem(arg string) ([]byte, error) {
	if strings.HasPrefix(arg, "-----BEGIN ") {
		return []byte(arg), nil
	}
	if !c.user.Host() { // the kernel would check the process's rights
		return nil, fmt.Errorf("file %s: %w", srv.Quote(arg), p9.ErrPerm)
	}
	b, err := os.ReadFile(arg)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", srv.Quote(arg), p9.Fact(err))
	}
	return b, nil
}

// tlsCA has certificates signed by these trusted, and no others. A server then asks its
// callers for theirs.
func tlsCA(_ context.Context, c *conv, args []string) error {
	b, err := c.pem(args[0])
	if err != nil {
		return err
	}
	return c.configure(func(cfg *tls.Config) error {
		if cfg.RootCAs == nil {
			cfg.RootCAs = x509.NewCertPool()
		}
		if !cfg.RootCAs.AppendCertsFromPEM(b) {
			return invalid("bad ca: holds no certificate")
		}
		cfg.ClientCAs, cfg.ClientAuth = cfg.RootCAs, tls.RequireAndVerifyClientCert
		return nil
	})
}

// tlsCert is our certificate, and its key if that is not in the same text.
func tlsCert(_ context.Context, c *conv, args []string) error {
	var pems [2][]byte
	for i := range pems {
		b, err := c.pem(args[min(i, len(args)-1)])
		if err != nil {
			return err
		}
		pems[i] = b
	}
	pair, err := tls.X509KeyPair(pems[0], pems[1])
	if err != nil {
		return invalid("bad cert: %s", strings.TrimPrefix(err.Error(), "tls: "))
	}
	return c.configure(func(cfg *tls.Config) error {
		cfg.Certificates = []tls.Certificate{pair}
		return nil
	})
}

// tlsFingerprint has the other side's certificate be the one with this digest, whoever
// has signed it, and no other.
func tlsFingerprint(_ context.Context, c *conv, args []string) error {
	want, err := hex.DecodeString(strings.ReplaceAll(args[0], ":", ""))
	if err != nil || len(want) != sha256.Size {
		return invalid("bad sha256 %s: %d hexadecimal digits", srv.Quote(args[0]), 2*sha256.Size)
	}
	return c.configure(func(cfg *tls.Config) error {
		cfg.InsecureSkipVerify = true // by the names; VerifyConnection is stricter
		cfg.ClientAuth = tls.RequireAnyClientCert
		cfg.VerifyConnection = func(s tls.ConnectionState) error {
			if got := sha256.Sum256(s.PeerCertificates[0].Raw); !bytes.Equal(got[:], want) {
				return fmt.Errorf("certificate's fingerprint is %x", got)
			}
			return nil
		}
		return nil
	})
}

func tlsALPN(_ context.Context, c *conv, args []string) error {
	return c.configure(func(cfg *tls.Config) error {
		cfg.NextProtos = slices.Clone(args)
		return nil
	})
}

func (c *conv) tlsConfig() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tls == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return c.tls.Clone()
}

// tlsConnect connects and shakes hands.
func tlsConnect(ctx context.Context, c *conv, args []string) error {
	far, near, restricted, err := connectArgs(args)
	if err != nil {
		return err
	}
	cfg := c.tlsConfig()
	if cfg.ServerName == "" {
		cfg.ServerName = far.Addr().String()
	}
	return c.begin(ctx, connecting, func(ctx context.Context, s *sock) (end, string, error) {
		s, err := tcpSocket.dial(ctx, c.user, s, far, near, restricted)
		if err != nil {
			return nil, "", err
		}
		e, err := newTLSEnd(ctx, s, s.close, cfg, false)
		return e, established, err
	})
}

// tlsAnnounce listens: each caller has shaken hands when listen gives him.
func tlsAnnounce(ctx context.Context, c *conv, args []string) error {
	cfg := c.tlsConfig()
	if len(cfg.Certificates) == 0 {
		return invalid("no cert")
	}
	return c.begin(ctx, connecting, func(_ context.Context, s *sock) (end, string, error) {
		s, err := announceStream(s, func() (*sock, error) { return tcpSocket.announced(c.user, args[0]) })
		return &tlsListener{s, cfg}, listening, err
	})
}

// tlsPush puts TLS on a conversation, which it keeps until its own end.
func tlsPush(ctx context.Context, c *conv, args []string) error {
	server := len(args) > 1
	if server && args[1] != "server" {
		return invalid("bad word %s: server", srv.Quote(args[1]))
	}
	cfg := c.tlsConfig()
	switch {
	case server && len(cfg.Certificates) == 0:
		return invalid("no cert")
	case !server && cfg.ServerName == "" && !cfg.InsecureSkipVerify:
		return invalid("no name, and no fingerprint")
	}
	return c.begin(ctx, connecting, func(ctx context.Context, _ *sock) (end, string, error) {
		under, s, err := c.under(ctx, args[0])
		if err != nil {
			return nil, "", err
		}
		e, err := newTLSEnd(ctx, s, under.release, cfg, server)
		return e, established, err
	})
}

// under gives the conversation proto/N, held, and its socket.
func (c *conv) under(ctx context.Context, name string) (*conv, *sock, error) {
	u, err := c.p.fs.conversation(name)
	if err != nil {
		return nil, nil, err
	}
	if !c.user.Host() && !u.of(c.user) {
		return nil, nil, fmt.Errorf("%s: %w", name, p9.ErrPerm)
	}
	if !u.hold() {
		return nil, nil, p9.ErrHungup
	}
	u.mu.Lock()
	s, ok := u.end.(*sock)
	ok = ok && u.state == established && s.stream
	u.mu.Unlock()
	if !ok {
		u.release()
		return nil, nil, invalid("%s: not a connected stream", name)
	}
	if err := turn(ctx, s.wr); err != nil { // what was written before goes before
		u.release()
		return nil, nil, err
	}
	<-s.wr
	return u, s, nil
}
