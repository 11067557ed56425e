package netboot

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listenDHCP opens a port of an interface, for who has no address yet too.
func listenDHCP(ifc *net.Interface, port int) (*net.UDPConn, error) {
	cfg := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		cerr := c.Control(func(fd uintptr) {
			if err = unix.BindToDevice(int(fd), ifc.Name); err == nil {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
			}
		})
		if cerr != nil {
			return cerr
		}
		return os.NewSyscallError("setsockopt", err)
	}}
	c, err := cfg.ListenPacket(context.Background(), "udp4", netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)).String())
	if err != nil {
		return nil, err
	}
	return c.(*net.UDPConn), nil
}

// serveDHCP answers until the socket is closed. ra sends at each answer, if not nil, and
// is closed at the end.
func (s *Server) serveDHCP(c *net.UDPConn, ra *advertiser) {
	if ra != nil {
		defer unix.Close(ra.fd)
	}
	bound := c.LocalAddr().(*net.UDPAddr).Port != 67
	p := make([]byte, maxDHCP+1)
	for {
		n, from, err := c.ReadFromUDPAddrPort(p)
		if s.ctx.Err() != nil {
			return
		}
		if err != nil { // of a reply that nobody took
			continue
		}
		r := s.answer(p[:n], from, bound)
		if r == nil {
			continue
		}
		if ra != nil {
			ra.send()
		}
		if _, err := c.WriteToUDPAddrPort(r.ToBytes(), r.to); err != nil && s.ctx.Err() == nil {
			s.say(nil, "dhcp: to %s: %v", r.to, fact(err))
		}
	}
}

// An advertiser sends router advertisements, RFC 4861, that say there is no router: iPXE
// waits for one, for seconds, before it uses what DHCP gave it.
type advertiser struct {
	fd   int
	last time.Time
}

func newAdvertiser(ifc *net.Interface) (*advertiser, error) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_ICMPV6)
	if err != nil {
		return nil, err
	}
	for _, o := range []struct{ opt, val int }{{unix.IPV6_MULTICAST_HOPS, 255}, {unix.IPV6_MULTICAST_IF, ifc.Index}, {unix.IPV6_MULTICAST_LOOP, 0}} {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, o.opt, o.val); err != nil {
			unix.Close(fd)
			return nil, err
		}
	}
	return &advertiser{fd: fd}, nil
}

// send sends one to all, at most one in a quarter of a second.
func (a *advertiser) send() {
	if time.Since(a.last) < time.Second/4 {
		return
	}
	a.last = time.Now()
	// Type 134; checksum the kernel's; hop limit 64, no flags, lifetime 0: no router.
	msg := make([]byte, 16)
	msg[0], msg[4] = 134, 64
	unix.Sendto(a.fd, msg, 0, &unix.SockaddrInet6{Addr: [16]byte{0: 0xff, 1: 0x02, 15: 1}})
}
