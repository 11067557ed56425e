package p9

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
)

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// Namespace gives the directory in which servers are posted as Unix sockets:
// $NAMESPACE, or plan9port's default of /tmp/ns.$USER.$DISPLAY, with :0 where
// $DISPLAY is not set.
func Namespace() string {
	if d := os.Getenv("NAMESPACE"); d != "" {
		return d
	}
	name := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	disp := os.Getenv("DISPLAY")
	if disp == "" {
		disp = ":0"
	}
	disp = strings.TrimSuffix(disp, ".0")
	return "/tmp/ns." + name + "." + strings.ReplaceAll(disp, "/", "_")
}

const maxSocket = 107 // bytes of a Unix socket's path, unix(7)

// ParseDial takes a dial string apart, dial(2): network and address as package
// net has them. It accepts net!host!port, unix!/path, host!port, host:port, and
// the bare name of a posted server (also written /srv/name), which is a socket
// in Namespace. port is the one to use where none is given; "" makes it required.
func ParseDial(s, port string) (network, address string, err error) {
	bad := func(why string) (string, string, error) {
		return "", "", fmt.Errorf("dial string %q: %s", s, why)
	}
	if s == "" {
		return bad("empty")
	}
	if strings.ContainsAny(s, "\x00\n") {
		return bad("has a control character")
	}
	if p := strings.TrimPrefix(s, ":"); p != "" && strings.Trim(p, "0123456789") == "" {
		return bad(fmt.Sprintf("no host: tcp!host!%s, where * is any", p))
	}
	f := strings.Split(s, "!")
	if len(f) == 1 {
		if name, ok := strings.CutPrefix(s, "/srv/"); ok {
			f[0] = name
		} else if strings.HasPrefix(s, "/") {
			f = []string{"unix", s}
		} else if i := strings.LastIndexByte(s, ':'); i > 0 {
			f = []string{"tcp", strings.Trim(s[:i], "[]"), s[i+1:]}
		}
	}
	switch {
	case len(f) == 1 && len(filepath.Join(Namespace(), f[0])) > maxSocket, f[0] == "unix" && len(strings.Join(f[1:], "!")) > maxSocket:
		return bad(fmt.Sprintf("a socket's path has at most %d bytes", maxSocket))
	case len(f) == 1:
		if strings.Contains(f[0], "/") || f[0] == "." || f[0] == ".." {
			return bad("neither net!host!port nor the name of a posted server")
		}
		return "unix", filepath.Join(Namespace(), f[0]), nil
	case f[0] == "unix":
		if path := strings.Join(f[1:], "!"); path != "" {
			return "unix", path, nil
		}
		return bad("no path")
	case f[0] == "tcp" || f[0] == "net" || f[0] == "tcp4" || f[0] == "tcp6":
		f = f[1:]
	case len(f) > 2 || f[0] == "vsock" || f[0] == "udp" || f[0] == "il":
		return bad("unknown network " + f[0])
	}
	if len(f) > 2 {
		return bad("too many fields")
	}
	if len(f) == 2 && f[1] != "" {
		port = f[1]
	}
	if f[0] == "" {
		return bad("no host")
	}
	if port == "" {
		return bad("no port")
	}
	host := f[0]
	if host == "*" {
		host = ""
	}
	if strings.Contains(host, ":") {
		host = "[" + strings.Trim(host, "[]") + "]"
	}
	return "tcp", host + ":" + port, nil
}

// Socket gives the descriptor of a stream that is a socket and no more, nil for any
// other. What wraps a socket may have that too, as a method of what it embeds, but its
// bytes are others than the socket's: so it goes by the type.
func Socket(stream any) syscall.RawConn {
	var s syscall.Conn
	switch c := stream.(type) {
	case *net.TCPConn:
		s = c
	case *net.UnixConn:
		s = c
	default:
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// Fact takes off what packages net and os wrap around the one fact of an error.
func Fact(err error) error {
	var n syscall.Errno
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &n):
		return ErrorOfErrno(n)
	case errors.As(err, &dns) && dns.IsNotFound:
		return errors.New(dns.Err)
	case errors.As(err, &dns):
		return errors.New("name server: " + dns.Err)
	case errors.As(err, &op):
		return op.Err
	}
	return err
}
