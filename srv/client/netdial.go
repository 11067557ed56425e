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
	"syscall"
	"time"

	"ninespace/srv/p9"
)

// DialStream connects to a dial string, p9.ParseDial, or to one that begins with a
// directory of networks, SplitNet: then by the files there, whoever's network it is. An
// error says what was dialled. Everything of ninespace that calls out does it here, so
// that it can do so by another node's network.
func DialStream(ctx context.Context, dialstring, port string) (net.Conn, error) {
	c, _, err := dialStream(ctx, dialstring, port)
	return c, err
}

// An Opener opens a file by its name, for a mode of p9.OREAD, OWRITE or ORDWR. A read
// and a write go on where the last one ended.
type Opener func(ctx context.Context, name string, mode p9.Mode) (io.ReadWriteCloser, error)

// DialFiles is DialStream for a dial string with a directory of networks, where the files
// are those of an Opener.
func DialFiles(ctx context.Context, open Opener, dialstring, port string) (net.Conn, error) {
	dir, addr, _ := SplitNet(dialstring)
	c, err := open.dial(ctx, dir, addr, port)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", dialstring, err)
	}
	return c, nil
}

// dialStream connects, and says what to call the other end.
func dialStream(ctx context.Context, dialstring, port string) (c net.Conn, name string, err error) {
	if _, _, ok := SplitNet(dialstring); ok {
		c, err = DialFiles(ctx, openHost, dialstring, port)
		return c, dialstring, err
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
	c, err = d.DialContext(ctx, network, addr)
	if bare := !strings.ContainsAny(dialstring, "!/:"); bare && errors.Is(err, fs.ErrNotExist) {
		return nil, "", p9.NewError(syscall.ENOENT, fmt.Sprintf("%s: no such server is posted in %s", dialstring, p9.Namespace()))
	}
	if err != nil {
		return nil, "", fmt.Errorf("dial %s: %w", name, p9.Fact(err))
	}
	return c, name, nil
}

// openHost opens a file as this process sees it.
func openHost(_ context.Context, name string, mode p9.Mode) (io.ReadWriteCloser, error) {
	f, err := os.OpenFile(name, int(mode), 0)
	if err != nil {
		return nil, p9.Fact(err)
	}
	return f, nil
}

// SplitNet takes the directory of networks off a dial string, dial(2), if it has one: of
// /net.alt/tcp!host!service, /net.alt and tcp!host!service.
func SplitNet(s string) (dir, rest string, ok bool) {
	prefix, addr, ok := strings.Cut(s, "!")
	if !ok || !strings.HasPrefix(prefix, "/") {
		return "", "", false
	}
	dir, proto := filepath.Split(prefix)
	return filepath.Clean(dir), proto + "!" + addr, true
}

// dialFiles tries what cs says of an address, in turn, or the address itself where no cs
// is there.
func (open Opener) dial(ctx context.Context, dir, addr, port string) (net.Conn, error) {
	proto, rest, _ := strings.Cut(addr, "!")
	if port != "" && (proto == "tcp" || proto == "tls" || proto == "net") && !strings.Contains(rest, "!") {
		addr += "!" + port
	}
	lines, err := open.askCs(ctx, dir, addr)
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
		if c, err = open.converse(ctx, filepath.Join(dir, f[len(f)-2]), to); err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, err
}

// askCs translates an address. Where it can't be, there are lines, of which there are none.
func (open Opener) askCs(ctx context.Context, dir, addr string) ([]string, error) {
	f, err := open(ctx, filepath.Join(dir, "cs"), p9.ORDWR)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := io.WriteString(f, addr); err != nil {
		return []string{}, fmt.Errorf("cs: %w", p9.Fact(err))
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return []string{}, fmt.Errorf("cs: %w", p9.Fact(err))
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n"), nil
}

// converse makes a conversation of a protocol and connects it.
func (open Opener) converse(ctx context.Context, proto, to string) (net.Conn, error) {
	clone := filepath.Join(proto, "clone")
	ctl, err := open(ctx, clone, p9.ORDWR)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", clone, err)
	}
	number := make([]byte, 32)
	n, err := ctl.Read(number)
	if err != nil {
		ctl.Close()
		return nil, fmt.Errorf("ctl: %w", p9.Fact(err))
	}
	c := &fileConn{dir: filepath.Join(proto, string(bytes.TrimSpace(number[:n]))), open: open, ctl: ctl, remote: netAddr(to)}
	// A write that waits can't be given up by Go: the conversation is.
	stop := context.AfterFunc(ctx, c.hangup)
	defer stop()
	if _, err = io.WriteString(ctl, "connect "+to); err == nil {
		c.data, err = open(ctx, c.name("data"), p9.ORDWR)
	}
	if err != nil {
		if text := c.text("err"); text != "" {
			err = p9.NewError(p9.ErrorOf(err).Errno, text)
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
	open      Opener
	ctl, data io.ReadWriteCloser
	remote    netAddr
	once      sync.Once

	mu    sync.Mutex
	timer *time.Timer // hangs up; nil: no deadline
	late  bool        // it has
	given bool        // somebody else has the conversation too
}

func (c *fileConn) name(file string) string { return filepath.Join(c.dir, file) }

// text reads a file of the conversation, without its newline; "" where it can't be read.
func (c *fileConn) text(file string) string {
	f, err := c.open(context.Background(), c.name(file), p9.OREAD)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(f)
	return strings.TrimSpace(string(b))
}

// hangup ends what waits in the conversation; it goes by a file of its own, as what waits
// may have the others.
func (c *fileConn) hangup() {
	if f, err := c.open(context.Background(), c.name("ctl"), p9.OWRITE); err == nil {
		io.WriteString(f, "hangup")
		f.Close()
	}
}

func (c *fileConn) Read(p []byte) (int, error)  { return c.timely(c.data.Read(p)) }
func (c *fileConn) Write(p []byte) (int, error) { return c.timely(c.data.Write(p)) }

// timely has what ends at the deadline say so.
func (c *fileConn) timely(n int, err error) (int, error) {
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.late {
			err = os.ErrDeadlineExceeded
		}
	}
	return n, err
}

// Close hangs up, which ends a read that waits, unless a File has been given of it.
func (c *fileConn) Close() error {
	c.SetDeadline(time.Time{})
	err := os.ErrClosed
	c.once.Do(func() {
		c.mu.Lock()
		given := c.given
		c.mu.Unlock()
		if !given {
			c.hangup()
		}
		err = errors.Join(c.data.Close(), c.ctl.Close())
	})
	return err
}

// File gives the file data opened once more, where it is one of this process's. The
// conversation then lasts until both are closed.
func (c *fileConn) File() (*os.File, error) {
	if _, ok := c.data.(*os.File); !ok {
		return nil, p9.ErrNotSup
	}
	f, err := os.OpenFile(c.name("data"), os.O_RDWR, 0)
	if err == nil {
		c.mu.Lock()
		c.given = true
		c.mu.Unlock()
	}
	return f, err
}

// SetDeadline has the conversation hung up at a time: what waits ends then, and so does
// all that comes later.
func (c *fileConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	if !t.IsZero() {
		c.timer = time.AfterFunc(time.Until(t), func() {
			c.mu.Lock()
			c.late = true
			c.mu.Unlock()
			c.hangup()
		})
	}
	return nil
}

func (c *fileConn) LocalAddr() net.Addr {
	return netAddr(c.text("local"))
}

func (c *fileConn) RemoteAddr() net.Addr             { return c.remote }
func (c *fileConn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *fileConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// A netAddr is an address as a file has it.
type netAddr string

func (netAddr) Network() string  { return "net" }
func (a netAddr) String() string { return string(a) }
