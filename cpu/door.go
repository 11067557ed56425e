package cpu

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// The first line of a connection is the caller's "ninecpu VERSION TOKEN\n", the
// answer "ok\n" or a line that says why not. TOKEN is "-" where none is needed.
const (
	greeting = "ninecpu"
	version  = "1"
	port     = "17011" // of TCP doors
	maxLine  = 512
)

// greetLimit is how long the other side may take to greet, and then to answer.
var greetLimit = 10 * time.Second

// Local is the address of this user's own cpud, posted as "cpu".
const Local = "local"

func dialstring(addr string) string {
	if addr == Local {
		return "cpu"
	}
	return addr
}

// TokenFile is where the token of a TCP door is kept unless told otherwise.
func TokenFile() string { return filepath.Join(p9.Namespace(), "cpu.token") }

// readToken reads a token file, which must be its owner's alone.
func readToken(file string) (string, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0) // which does not wait for a fifo's writer
	if err != nil {
		return "", err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !fi.Mode().IsRegular() {
		return "", fmt.Errorf("token file %s is no file", file)
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && st.Uid != uint32(os.Geteuid()) {
		return "", fmt.Errorf("token file %s belongs to another user", file)
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("token file %s can be read by others: mode %#o", file, fi.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxLine))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if len(token) < 32 || strings.ContainsAny(token, " \t\n") {
		return "", fmt.Errorf("token file %s holds no token", file)
	}
	return token, nil
}

// makeToken reads the token file, making it with a random token where there is none.
// It is whole when it is there, whoever else makes it too.
func makeToken(file string) (string, error) {
	if _, err := os.Lstat(file); err == nil {
		return readToken(file)
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".token") // its owner's alone
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	b := make([]byte, 32)
	rand.Read(b)
	_, err = fmt.Fprintln(f, hex.EncodeToString(b))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Link(f.Name(), file)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return readToken(file)
}

// dial connects to a far side and greets it.
func dial(ctx context.Context, addr, tokenFile string) (net.Conn, error) {
	c, err := client.DialStream(ctx, dialstring(addr), port)
	if err != nil {
		if addr == Local && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)) {
			err = fmt.Errorf("dial %s: no cpud is posted in %s", addr, p9.Namespace())
		}
		return nil, err
	}
	token := "-"
	if _, ok := c.(*net.UnixConn); ok {
		// A socket in a directory that others write to may be anybody's.
		err = ownPeer(c)
	} else {
		token, err = readToken(tokenFile)
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := greet(c, token); err != nil {
		c.Close()
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return c, nil
}

func greet(c net.Conn, token string) error {
	c.SetDeadline(time.Now().Add(greetLimit))
	if _, err := fmt.Fprintf(c, "%s %s %s\n", greeting, version, token); err != nil {
		return err
	}
	line, err := readLine(c)
	if err != nil {
		return fmt.Errorf("no cpud answers there: %w", err)
	}
	if line != "ok" {
		return fmt.Errorf("refused: %q", line)
	}
	return c.SetDeadline(time.Time{})
}

// readLine reads a line and not a byte more: what follows belongs to others.
func readLine(r io.Reader) (string, error) {
	var b [1]byte
	var line []byte
	for len(line) < maxLine {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			return string(line), nil
		}
		line = append(line, b[0])
	}
	return "", fmt.Errorf("line longer than %d bytes", maxLine)
}

// ownPeer checks that the process at the other end of a Unix socket is ours.
func ownPeer(c net.Conn) error {
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return errors.New("not a unix socket")
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	var cerr error
	if err := raw.Control(func(fd uintptr) { cred, cerr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return err
	}
	if cerr != nil {
		return cerr
	}
	if cred.Uid != uint32(os.Geteuid()) {
		return fmt.Errorf("the other end is user %d's, not yours", cred.Uid)
	}
	return nil
}

// A Listener is a door: who comes through it has been let in.
type Listener struct {
	net.Listener
	token string // "" on a Unix socket
}

// Listen opens a door at a dial string. A Unix socket lets in its own user; TCP
// is refused anywhere but on loopback, and there wants the token of tokenFile,
// which is made where it is missing.
func Listen(addr, tokenFile string) (*Listener, error) {
	network, address, err := p9.ParseDial(addr, port)
	if err != nil {
		return nil, err
	}
	l := &Listener{}
	if network != "unix" {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("announce %s: %w", addr, err)
		}
		ip, err := loopback(host)
		if err != nil {
			return nil, fmt.Errorf("announce %s: %w", addr, err)
		}
		if l.token, err = makeToken(tokenFile); err != nil {
			return nil, fmt.Errorf("announce %s: %w", addr, err)
		}
		addr = "tcp!" + ip + "!" + port
	}
	if l.Listener, err = srv.Announce(addr); err != nil {
		return nil, err
	}
	return l, nil
}

// Post opens a door on a socket of the given name in the name space directory.
func Post(name string) (*Listener, error) {
	l, err := srv.Post(name)
	if err != nil {
		return nil, err
	}
	return &Listener{Listener: l}, nil
}

// loopback gives the address that a host's name stands for, which must be a
// loopback address whatever else the name has.
func loopback(host string) (string, error) {
	if host == "" {
		return "", errors.New("every address is not loopback: keys for other listeners are not there yet")
	}
	ips, err := net.LookupIP(host)
	if err != nil {
		return "", err
	}
	for _, ip := range ips {
		if !ip.IsLoopback() {
			return "", fmt.Errorf("%s is not loopback: keys for other listeners are not there yet", ip)
		}
	}
	return ips[0].String(), nil
}

// Admit greets a connection that Accept gave and says why it is turned away.
// The caller closes it then.
func (l *Listener) Admit(c net.Conn) error {
	c.SetDeadline(time.Now().Add(greetLimit))
	line, err := readLine(c)
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	err = l.check(c, strings.Split(line, " "))
	if err != nil {
		w := bufio.NewWriter(c)
		fmt.Fprintln(w, err)
		w.Flush()
		return err
	}
	if _, err := io.WriteString(c, "ok\n"); err != nil {
		return err
	}
	return c.SetDeadline(time.Time{})
}

func (l *Listener) check(c net.Conn, f []string) error {
	if len(f) != 3 || f[0] != greeting {
		return errors.New("this is a ninespace cpud")
	}
	if f[1] != version {
		return fmt.Errorf("version %q is not %s", f[1], version)
	}
	if l.token == "" {
		return ownPeer(c)
	}
	if subtle.ConstantTimeCompare([]byte(f[2]), []byte(l.token)) != 1 {
		return errors.New("wrong token")
	}
	return nil
}
