package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ninespace/srv/p9"
)

// DialStream connects to a dial string, p9.ParseDial, or to one that begins with a
// directory of networks, dial(2), as in /net/tcp!host!service or /net.alt/unix!/path: then
// by the files there, whoever's network it is. An error says what was dialled.
func DialStream(ctx context.Context, dialstring, port string) (net.Conn, error) {
	c, _, err := dialStream(ctx, dialstring, port)
	return c, err
}

// dialStream connects, and says what to call the other end.
func dialStream(ctx context.Context, dialstring, port string) (c net.Conn, name string, err error) {
	if dir, rest, ok := netDir(dialstring); ok {
		if c, err = dialFiles(ctx, dir, rest, port); err != nil {
			return nil, "", fmt.Errorf("dial %s: %w", dialstring, err)
		}
		return c, dialstring, nil
	}
	network, addr, err := p9.ParseDial(dialstring, port)
	if err != nil {
		return nil, "", err
	}
	name = "unix!" + addr
	if network != "unix" {
		host, service, _ := net.SplitHostPort(addr)
		name = network + "!" + host + "!" + service
	}
	var d net.Dialer
	if c, err = d.DialContext(ctx, network, addr); err != nil {
		return nil, "", fmt.Errorf("dial %s: %w", name, p9.Fact(err))
	}
	return c, name, nil
}

// netDir takes the directory off a dial string, if it has one.
func netDir(s string) (dir, rest string, ok bool) {
	prefix, addr, ok := strings.Cut(s, "!")
	if !ok || !strings.HasPrefix(prefix, "/") {
		return "", "", false
	}
	dir, proto := filepath.Split(prefix)
	return filepath.Clean(dir), proto + "!" + addr, true
}

// dialFiles tries what cs says of an address, in turn, or the address itself where no cs
// is there.
func dialFiles(ctx context.Context, dir, addr, port string) (net.Conn, error) {
	proto, rest, _ := strings.Cut(addr, "!")
	if port != "" && (proto == "tcp" || proto == "tls" || proto == "net") && !strings.Contains(rest, "!") {
		addr += "!" + port
	}
	lines, err := askCs(dir, addr)
	if errors.Is(err, fs.ErrNotExist) && lines == nil {
		proto, rest, _ := strings.Cut(addr, "!")
		lines, err = []string{"/net/" + proto + "/clone " + rest}, nil
	}
	for _, line := range lines {
		clone, to, ok := strings.Cut(line, " ")
		f := strings.Split(clone, "/") // dir is where the tree is, whatever the server thinks
		if !ok || len(f) < 2 {
			return nil, fmt.Errorf("cs: bad answer %q", line)
		}
		var c net.Conn
		if c, err = converse(ctx, filepath.Join(dir, f[len(f)-2]), to); err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, err
}

// askCs translates an address. Where it can't be, there are lines, of which there are none.
func askCs(dir, addr string) ([]string, error) {
	f, err := os.OpenFile(filepath.Join(dir, "cs"), os.O_RDWR, 0)
	if err != nil {
		return nil, p9.Fact(err)
	}
	defer f.Close()
	if _, err := f.WriteString(addr); err != nil {
		return []string{}, fmt.Errorf("cs: %w", p9.Fact(err))
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return []string{}, fmt.Errorf("cs: %w", p9.Fact(err))
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n"), nil
}

// converse makes a conversation of a protocol and connects it.
func converse(ctx context.Context, proto, to string) (net.Conn, error) {
	ctl, err := os.OpenFile(filepath.Join(proto, "clone"), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(proto, "clone"), p9.Fact(err))
	}
	number := make([]byte, 32)
	n, err := ctl.Read(number)
	if err != nil {
		ctl.Close()
		return nil, fmt.Errorf("ctl: %w", p9.Fact(err))
	}
	dir := filepath.Join(proto, string(bytes.TrimSpace(number[:n])))
	c := &fileConn{dir: dir, ctl: ctl, remote: netAddr(to)}
	// A write that waits can't be given up by Go: the conversation is.
	stop := context.AfterFunc(ctx, func() { c.hangup() })
	defer stop()
	if _, err = ctl.WriteString("connect " + to); err == nil {
		c.data, err = os.OpenFile(filepath.Join(dir, "data"), os.O_RDWR, 0)
	}
	if err != nil {
		if text, rerr := os.ReadFile(filepath.Join(dir, "err")); rerr == nil && len(text) > 0 {
			err = p9.NewError(p9.ErrorOf(err).Errno, strings.TrimSpace(string(text)))
		} else {
			err = fmt.Errorf("connect %s: %w", to, p9.Fact(err))
		}
		ctl.Close()
		return nil, err
	}
	return c, nil
}

// A fileConn is a conversation of a mounted network.
type fileConn struct {
	dir       string
	ctl, data *os.File
	remote    netAddr
	once      sync.Once
}

// hangup ends what waits in the conversation; it goes by a file of its own, as what waits
// may have the others.
func (c *fileConn) hangup() {
	if f, err := os.OpenFile(filepath.Join(c.dir, "ctl"), os.O_WRONLY, 0); err == nil {
		f.WriteString("hangup")
		f.Close()
	}
}

func (c *fileConn) Read(p []byte) (int, error)  { return c.data.Read(p) }
func (c *fileConn) Write(p []byte) (int, error) { return c.data.Write(p) }

// Close hangs up, which ends a read that waits.
func (c *fileConn) Close() error {
	err := os.ErrClosed
	c.once.Do(func() {
		c.hangup()
		err = errors.Join(c.data.Close(), c.ctl.Close())
	})
	return err
}

// File gives a copy of the file data.
func (c *fileConn) File() (*os.File, error) {
	return os.OpenFile(filepath.Join(c.dir, "data"), os.O_RDWR, 0)
}

func (c *fileConn) LocalAddr() net.Addr {
	b, _ := os.ReadFile(filepath.Join(c.dir, "local"))
	return netAddr(bytes.TrimSpace(b))
}

func (c *fileConn) RemoteAddr() net.Addr             { return c.remote }
func (c *fileConn) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (c *fileConn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *fileConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// A netAddr is an address as a file has it.
type netAddr string

func (netAddr) Network() string  { return "net" }
func (a netAddr) String() string { return string(a) }
