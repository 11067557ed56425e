package netfs

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// newUnix makes the directory unix. Paths are the machine's, @name is an abstract one.
func newUnix(f *FS) {
	p := newProto(f, "unix", append([]verb{
		{"connect", " path", 1, 1, unixConnect},
		{"announce", " path", 1, 1, unixAnnounce},
	}, allVerbs...))
	p.text = func(_ *conv, s *sock, far bool) string {
		if s == nil {
			return ""
		}
		return s.text(far)
	}
	p.status = streamStatus
}

// streamStatus is the status of a stream of which the kernel tells no more.
func streamStatus(c *conv) string {
	s := c.sock()
	if s == nil || c.end == nil || c.state == listening {
		return c.state + " qin 0 qout 0"
	}
	qin, qout := s.queued()
	return fmt.Sprintf("%s qin %d qout %d", c.state, qin, qout)
}

// unixAddr is a path's address, for the process's user: the kernel would check that
// one's rights, whoever asks.
func unixAddr(u *srv.User, path string) (*unix.SockaddrUnix, error) {
	switch {
	case !u.Host():
		return nil, fmt.Errorf("socket %s: %w", srv.Quote(path), p9.ErrPerm)
	case len(path) > 107:
		return nil, invalid("bad path of %d bytes: a socket's has at most 107", len(path))
	case path == "" || strings.Contains(path, "\x00"):
		return nil, invalid("bad path %q", path)
	}
	return &unix.SockaddrUnix{Name: path}, nil
}

func unixConnect(ctx context.Context, c *conv, args []string) error {
	sa, err := unixAddr(c.user, args[0])
	if err != nil {
		return err
	}
	return c.begin(ctx, connecting, func(ctx context.Context, _ *sock) (end, string, error) {
		s, err := connectTo(ctx, unix.AF_UNIX, sa)
		return s, established, err
	})
}

// connectTo connects a stream of a family.
func connectTo(ctx context.Context, domain int, sa unix.Sockaddr) (*sock, error) {
	s, err := newSock(domain, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	if err := s.connect(ctx, sa); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// unixAnnounce makes a socket that is its owner's alone.
func unixAnnounce(ctx context.Context, c *conv, args []string) error {
	sa, err := unixAddr(c.user, args[0])
	if err != nil {
		return err
	}
	return c.begin(ctx, connecting, func(_ context.Context, s *sock) (end, string, error) {
		s, err := announceStream(s, func() (*sock, error) {
			s, err := newSock(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				return nil, err
			}
			if err = unix.Fchmod(s.fd, 0o600); err == nil {
				err = unix.Bind(s.fd, sa)
			}
			if err != nil {
				s.close()
				return nil, err
			}
			if args[0][0] != '@' {
				s.path = args[0]
			}
			return s, nil
		})
		return s, listening, err
	})
}

// newVsock makes the directory vsock, of virtual machines and their hosts.
func newVsock(f *FS) {
	p := newProto(f, "vsock", append([]verb{
		{"connect", " cid!port", 1, 1, vsockConnect},
		{"announce", " [cid!]port", 1, 1, vsockAnnounce},
	}, allVerbs...))
	p.text = func(_ *conv, s *sock, far bool) string {
		if t := s.text(far); t != none {
			return t
		}
		return "*!*"
	}
	p.status = streamStatus
}

// cids are those that have names.
var cids = map[string]uint32{"*": unix.VMADDR_CID_ANY, "hypervisor": unix.VMADDR_CID_HYPERVISOR, "local": unix.VMADDR_CID_LOCAL, "host": unix.VMADDR_CID_HOST}

// parseVsock reads cid!port.
func parseVsock(s string) (*unix.SockaddrVM, error) {
	cid, port, ok := strings.Cut(s, "!")
	if !ok {
		return nil, invalid("bad address %s: not cid!port", srv.Quote(s))
	}
	sa := &unix.SockaddrVM{Port: unix.VMADDR_PORT_ANY}
	if sa.CID, ok = cids[cid]; !ok {
		n, err := strconv.ParseUint(cid, 10, 32)
		if err != nil {
			return nil, invalid("bad cid %s: a number, *, hypervisor, local or host", srv.Quote(cid))
		}
		sa.CID = uint32(n)
	}
	if port != "*" {
		n, err := strconv.ParseUint(port, 10, 32)
		if err != nil {
			return nil, invalid("bad port %s: a number up to %d", srv.Quote(port), uint32(1<<32-1))
		}
		sa.Port = uint32(n)
	}
	return sa, nil
}

func vsockConnect(ctx context.Context, c *conv, args []string) error {
	sa, err := parseVsock(args[0])
	if err != nil {
		return err
	}
	return c.begin(ctx, connecting, func(ctx context.Context, _ *sock) (end, string, error) {
		s, err := connectTo(ctx, unix.AF_VSOCK, sa)
		return s, established, err
	})
}

func vsockAnnounce(ctx context.Context, c *conv, args []string) error {
	addr := args[0]
	if !strings.Contains(addr, "!") {
		addr = "*!" + addr
	}
	sa, err := parseVsock(addr)
	if err == nil && sa.Port < 1024 {
		err = mayPort(c.user, uint16(sa.Port))
	}
	if err != nil {
		return err
	}
	return c.begin(ctx, connecting, func(_ context.Context, s *sock) (end, string, error) {
		s, err := announceStream(s, func() (*sock, error) {
			s, err := newSock(unix.AF_VSOCK, unix.SOCK_STREAM, 0)
			if err != nil {
				return nil, err
			}
			if err := unix.Bind(s.fd, sa); err != nil {
				s.close()
				return nil, err
			}
			return s, nil
		})
		return s, listening, err
	})
}
