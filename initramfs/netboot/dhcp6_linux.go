package netboot

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// onLink sets up a socket for the messages of a link that go to a group of IPv6.
func onLink(ifc *net.Interface, group netip.Addr, more func(fd int) error) net.ListenConfig {
	return net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		cerr := c.Control(func(fd uintptr) {
			if err = unix.BindToDevice(int(fd), ifc.Name); err == nil {
				err = unix.SetsockoptIPv6Mreq(int(fd), unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(ifc.Index)})
			}
			if err == nil && more != nil {
				err = more(int(fd))
			}
		})
		if cerr != nil {
			return cerr
		}
		return os.NewSyscallError("setsockopt", err)
	}}
}

// listen6 opens the port of DHCPv6 on an interface.
func listen6(ifc *net.Interface) (*net.UDPConn, error) {
	servers := netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 13: 1, 15: 2}) // ff02::1:2
	cfg := onLink(ifc, servers, nil)
	c, err := cfg.ListenPacket(context.Background(), "udp6", "[::]:547")
	if err != nil {
		return nil, err
	}
	return c.(*net.UDPConn), nil
}

// serveDHCP6 answers until the socket is closed. ra sends at each answer, too.
func (s *Server) serveDHCP6(c *net.UDPConn, ra *advertiser) {
	p := make([]byte, maxDHCP+1)
	for {
		n, from, err := c.ReadFromUDPAddrPort(p)
		if s.ctx.Err() != nil {
			return
		}
		if err != nil {
			continue
		}
		r := s.answer6(p[:n], from)
		if r == nil {
			continue
		}
		ra.send() // by which the machine knows of our network
		if _, err := c.WriteToUDPAddrPort(r, from); err != nil && s.ctx.Err() == nil {
			s.say(nil, "dhcp: to %s: %v", from, fact(err))
		}
	}
}
