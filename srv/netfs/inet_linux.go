package netfs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A verb is a command of ctl.
type verb struct {
	name, usage string
	min, max    int // arguments
	do          func(ctx context.Context, c *conv, args []string) error
}

// allVerbs are those of every protocol.
var allVerbs = []verb{
	{"hangup", "", 0, 0, func(_ context.Context, c *conv, _ []string) error { c.hangup(); return nil }},
	{"accept", " [number]", 0, 1, func(context.Context, *conv, []string) error { return nil }}, // it is already
	{"reject", " [number] [reason]", 0, 2, func(_ context.Context, c *conv, _ []string) error { c.hangup(); return nil }},
}

// A socktype is a kind of sockets of the Internet.
type socktype struct{ typ, proto, proto6 int }

var (
	tcpSocket = socktype{unix.SOCK_STREAM, unix.IPPROTO_TCP, unix.IPPROTO_TCP}
	udpSocket = socktype{unix.SOCK_DGRAM, unix.IPPROTO_UDP, unix.IPPROTO_UDP}
)

// domain gives the family of sockets for an address; every one is both families'.
func domain(a netip.Addr) int {
	if a.Is4() || !a.IsValid() && !haveIPv6() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// haveIPv6 tells whether the machine does IPv6, as net.ipv6.conf.all.disable_ipv6 may
// deny or the kernel not have.
var haveIPv6 = sync.OnceValue(func() bool {
	s, err := newSock(unix.AF_INET6, unix.SOCK_STREAM, 0)
	if err != nil {
		return false
	}
	defer s.close()
	return unix.Bind(s.fd, &unix.SockaddrInet6{Addr: netip.IPv6Loopback().As16()}) == nil
})

// open makes a socket of the kind.
func (k socktype) open(domain int) (*sock, error) {
	proto := k.proto
	if domain == unix.AF_INET6 {
		proto = k.proto6
	}
	s, err := newSock(domain, k.typ, proto)
	if err != nil {
		return nil, err
	}
	if domain == unix.AF_INET6 {
		unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
	}
	if proto == unix.IPPROTO_TCP { // so that a line that is written goes; callers' sockets have it of this
		unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	return s, nil
}

// bindTo makes a socket with an address of ours.
func (k socktype) bindTo(u *srv.User, a netip.AddrPort, domain int) (*sock, error) {
	if err := mayPort(u, a.Port()); err != nil {
		return nil, err
	}
	s, err := k.open(domain)
	if err != nil {
		return nil, err
	}
	if a.Port() != 0 && k.typ == unix.SOCK_STREAM {
		unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if err := unix.Bind(s.fd, sockaddr(a, domain)); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// mayPort refuses a restricted port to those who are not the process's user: the kernel
// knows the process only.
func mayPort(u *srv.User, port uint16) error {
	if port == 0 || port >= 1024 || u.Host() {
		return nil
	}
	return fmt.Errorf("port %d: %w", port, p9.ErrPerm)
}

// connect is the command: addr!port[!r] [localport].
func (k socktype) connect(ctx context.Context, c *conv, args []string) error {
	far, near, restricted, err := connectArgs(args)
	if err != nil {
		return err
	}
	return c.begin(ctx, connecting, func(ctx context.Context, s *sock) (end, string, error) {
		s, err := k.dial(ctx, c.user, s, far, near, restricted)
		return s, established, err
	})
}

// connectArgs reads the arguments of connect.
func connectArgs(args []string) (far netip.AddrPort, near uint16, restricted bool, err error) {
	far, restricted, err = parseFar(args[0])
	if err == nil && len(args) > 1 {
		if near, err = parsePort(args[1]); err != nil {
			err = fmt.Errorf("localport: %w", err)
		}
	}
	return far, near, restricted, err
}

// dial connects a socket, s if it was bound.
func (k socktype) dial(ctx context.Context, u *srv.User, s *sock, far netip.AddrPort, near uint16, restricted bool) (*sock, error) {
	d := domain(far.Addr())
	var err error
	switch {
	case s != nil:
		if sa, _ := unix.Getsockname(s.fd); d == unix.AF_INET {
			if _, ok := sa.(*unix.SockaddrInet6); ok { // both families'
				d = unix.AF_INET6
			}
		}
	case restricted:
		s, err = k.restricted(u, d)
	case near != 0:
		s, err = k.bindTo(u, netip.AddrPortFrom(netip.Addr{}, near), d)
	default:
		s, err = k.open(d)
	}
	if err != nil {
		return nil, err
	}
	if err := s.connect(ctx, sockaddr(far, d)); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// restricted binds to a port of those that only root has, 600 to 1023.
func (k socktype) restricted(u *srv.User, domain int) (s *sock, err error) {
	for range 100 {
		port := 600 + rand.IntN(424)
		if s, err = k.bindTo(u, netip.AddrPortFrom(netip.Addr{}, uint16(port)), domain); err != unix.EADDRINUSE {
			break
		}
	}
	return s, err
}

// announced makes a socket with the address of announce or bind.
func (k socktype) announced(u *srv.User, addr string) (*sock, error) {
	a, err := parseNear(addr)
	if err != nil {
		return nil, err
	}
	return k.bindTo(u, a, domain(a.Addr()))
}

// bind is the command: an address of ours for what comes next.
func (k socktype) bind(_ context.Context, c *conv, args []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != closed || c.bound != nil {
		return p9.NewError(unix.EINVAL, "conversation has an address")
	}
	s, err := k.announced(c.user, args[0])
	if err == nil {
		c.bound = s
	}
	return err
}

// number reads an argument of a command.
func number(what, s string, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > most {
		return 0, invalid("bad %s %s: a number up to %d", what, srv.Quote(s), most)
	}
	return n, nil
}

// inetVerbs are those of sockets of the Internet.
var inetVerbs = []verb{
	{"ttl", " hops", 1, 1, func(_ context.Context, c *conv, args []string) error {
		n, err := number("hops", args[0], 255)
		if err != nil {
			return err
		}
		if n == 0 {
			return invalid("bad hops 0: at least 1")
		}
		return c.set(func(s *sock) error { return s.both(unix.IP_TTL, unix.IPV6_UNICAST_HOPS, n) })
	}},
	{"tos", " byte", 1, 1, func(_ context.Context, c *conv, args []string) error {
		n, err := number("byte", args[0], 255)
		if err != nil {
			return err
		}
		return c.set(func(s *sock) error { return s.both(unix.IP_TOS, unix.IPV6_TCLASS, n) })
	}},
}

// both sets an option of IPv4 and the one of IPv6 that is like it, as far as the socket
// has them.
func (s *sock) both(v4, v6, n int) error {
	err := unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, v4, n)
	if err6 := unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, v6, n); err6 == nil {
		err = nil
	}
	return err
}
