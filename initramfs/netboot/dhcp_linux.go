package netboot

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"

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

// serveDHCP answers until the socket is closed. ra sends at each answer, if not nil.
func (s *Server) serveDHCP(c *net.UDPConn, ra *advertiser) {
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
