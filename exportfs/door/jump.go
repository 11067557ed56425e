package door

import (
	"context"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// stream connects to a host, through others if that is wanted.
func (d *Dialer) stream(ctx context.Context, address string) (net.Conn, error) {
	if d.Jump == "" && d.net != "" {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return client.DialStream(ctx, d.net+"/tcp!"+host+"!"+port, "")
	}
	if d.Jump == "" {
		nd := net.Dialer{Timeout: dialLimit}
		return nd.DialContext(ctx, "tcp", address)
	}
	over := *d
	last := d.Jump
	over.Jump = ""
	if i := strings.LastIndexByte(d.Jump, ','); i >= 0 {
		over.Jump, last = d.Jump[:i], d.Jump[i+1:]
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	at, w := "", Want{Service: Dial, Arg: "tcp!" + host + "!" + port}
	if u, h, ok := strings.Cut(last, "@"); ok && !strings.HasPrefix(last, "ssh!") {
		at, w.User = HostAddress(h, Port), u
	} else {
		at = Address(last, Port)
	}
	c, err := over.Dial(ctx, at, w)
	if err != nil {
		return nil, err
	}
	d.log("through %s", last)
	return &netConn{ReadWriteCloser: c.ReadWriteCloser}, nil
}

// Address makes a dial string of what a person types: a name alone is a posted server's, or else a
// host's, as HostAddress has it.
func Address(s, port string) string {
	addr := HostAddress(s, port)
	if addr == s || isIP(s) {
		return addr
	}
	if fi, err := os.Stat(filepath.Join(p9.Namespace(), s)); err == nil && fi.Mode().Type() == fs.ModeSocket {
		return s
	}
	return addr
}

// HostAddress makes one where no posted server is meant: a name alone is a host's, as an address of
// IP is.
func HostAddress(s, port string) string {
	if !isIP(s) && (s == Local || strings.ContainsAny(s, "!:/")) {
		return s
	}
	return "tcp!" + s + "!" + port
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// A netConn is a stream as TLS wants it.
type netConn struct {
	io.ReadWriteCloser
}

type nowhere string

func (nowhere) Network() string  { return "door" }
func (n nowhere) String() string { return string(n) }

func (c *netConn) LocalAddr() net.Addr  { return nowhere("here") }
func (c *netConn) RemoteAddr() net.Addr { return nowhere("through a door") }

func (c *netConn) SetDeadline(t time.Time) error {
	if s, ok := c.ReadWriteCloser.(interface{ SetDeadline(time.Time) error }); ok {
		return s.SetDeadline(t)
	}
	return nil
}

func (c *netConn) SetReadDeadline(t time.Time) error  { return c.SetDeadline(t) }
func (c *netConn) SetWriteDeadline(t time.Time) error { return c.SetDeadline(t) }
