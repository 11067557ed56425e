package netfs

import (
	"context"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// multiVerbs are those of udp for groups, ip(7) and ipv6(7), and for what ICMP says.
var multiVerbs = []verb{
	{"addmulti", " ifc-addr group", 2, 2, addMulti},
	{"remmulti", " group", 1, 1, remMulti},
	{"ignoreadvice", "", 0, 0, func(_ context.Context, c *conv, _ []string) error {
		return c.set(func(s *sock) error { s.deaf.Store(true); return nil })
	}},
}

// addMulti has what is sent to a group be for this conversation too, as it comes by the
// interface that has an address of ours.
func addMulti(_ context.Context, c *conv, args []string) error {
	near, err := parseIP(args[0])
	if err != nil {
		return err
	}
	group, err := parseGroup(args[1])
	if err != nil {
		return err
	}
	index, err := indexOf(near)
	if err != nil {
		return err
	}
	return c.set(func(s *sock) error {
		err := s.member(unix.IP_ADD_MEMBERSHIP, unix.IPV6_JOIN_GROUP, group, index)
		if err == nil {
			s.mu.Lock()
			s.groups = append(s.groups, member{group, index})
			s.mu.Unlock()
		}
		return err
	})
}

func remMulti(_ context.Context, c *conv, args []string) error {
	group, err := parseGroup(args[0])
	if err != nil {
		return err
	}
	return c.set(func(s *sock) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, m := range s.groups {
			if m.group == group {
				s.groups = append(s.groups[:i], s.groups[i+1:]...)
				return s.member(unix.IP_DROP_MEMBERSHIP, unix.IPV6_LEAVE_GROUP, group, m.index)
			}
		}
		return p9.NewError(unix.EADDRNOTAVAIL, "not in group "+group.String())
	})
}

// A member is a group that a socket is in, by an interface.
type member struct {
	group netip.Addr
	index int
}

// member sets an option of the group's family.
func (s *sock) member(v4, v6 int, group netip.Addr, index int) error {
	if group.Is4() {
		return unix.SetsockoptIPMreqn(s.fd, unix.IPPROTO_IP, v4, &unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(index)})
	}
	return unix.SetsockoptIPv6Mreq(s.fd, unix.IPPROTO_IPV6, v6, &unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(index)})
}

func parseGroup(s string) (netip.Addr, error) {
	a, err := parseIP(s)
	if err == nil && !a.IsMulticast() {
		err = invalid("%s is no group's address", srv.Quote(s))
	}
	return a, err
}

// indexOf gives the number of the interface that has an address.
func indexOf(a netip.Addr) (int, error) {
	all, err := interfaces()
	if err != nil {
		return 0, err
	}
	for _, i := range all {
		for _, has := range i.addrs {
			if has.ip == a {
				return i.index, nil
			}
		}
	}
	return 0, p9.NewError(unix.EADDRNOTAVAIL, "no interface has the address "+a.String())
}

// advised tells whether an error only says what ICMP said of a datagram before, which the
// conversation is not to hear of. The kernel says each once.
func (s *sock) advised(err error) bool {
	return s.deaf.Load() && (errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EHOSTUNREACH))
}
