package netfs

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// Addresses as dial(2) writes them, without the network: host!port, by numbers.

// parsePort reads a port.
func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, invalid("bad port %s: a number up to 65535", srv.Quote(s))
	}
	return uint16(n), nil
}

// parseIP reads an address of the network.
func parseIP(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return a, invalid("bad address %s: cs knows names", srv.Quote(s))
	}
	return a.Unmap(), nil
}

// parseFar reads addr!port, and r where !r says that our port shall be a restricted one.
func parseFar(s string) (a netip.AddrPort, restricted bool, err error) {
	f := strings.Split(s, "!")
	if len(f) == 3 && f[2] == "r" {
		f, restricted = f[:2], true
	}
	if len(f) != 2 {
		return a, false, invalid("bad address %s: not addr!port", srv.Quote(s))
	}
	ip, err := parseIP(f[0])
	if err != nil {
		return a, false, err
	}
	port, err := parsePort(f[1])
	return netip.AddrPortFrom(ip, port), restricted, err
}

// parseNear reads an address of ours: addr!port, *!port, port, or * for any of both. The
// one that is not valid is every address.
func parseNear(s string) (netip.AddrPort, error) {
	host, service, ok := strings.Cut(s, "!")
	switch {
	case !ok && s == "*":
		return netip.AddrPort{}, nil
	case !ok:
		host, service = "*", s
	}
	var port uint16
	var err error
	if service != "*" {
		if port, err = parsePort(service); err != nil {
			return netip.AddrPort{}, err
		}
	}
	var ip netip.Addr
	if host != "*" {
		if ip, err = parseIP(host); err != nil {
			return netip.AddrPort{}, err
		}
	}
	return netip.AddrPortFrom(ip, port), nil
}

// sockaddr gives the address as a socket of a domain has it.
func sockaddr(a netip.AddrPort, domain int) unix.Sockaddr {
	ip := a.Addr()
	if domain == unix.AF_INET {
		if !ip.IsValid() {
			ip = netip.IPv4Unspecified()
		}
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	if !ip.IsValid() {
		ip = netip.IPv6Unspecified()
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16()}
	if z := ip.Zone(); z != "" {
		if n, err := strconv.ParseUint(z, 10, 32); err == nil {
			sa.ZoneId = uint32(n)
		} else if i, err := net.InterfaceByName(z); err == nil {
			sa.ZoneId = uint32(i.Index)
		}
	}
	return sa
}

// addrPort is sockaddr's inverse.
func addrPort(sa unix.Sockaddr) (netip.AddrPort, bool) {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), true
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 {
			zone := strconv.FormatUint(uint64(sa.ZoneId), 10)
			if i, err := net.InterfaceByIndex(int(sa.ZoneId)); err == nil {
				zone = i.Name
			}
			ip = ip.WithZone(zone)
		}
		return netip.AddrPortFrom(ip, uint16(sa.Port)), true
	}
	return netip.AddrPort{}, false
}

// none is an address that is not known.
const none = "::!0"

// text gives one of the socket's two addresses.
func (s *sock) text(far bool) string {
	if s == nil {
		return none
	}
	get := unix.Getsockname
	if far {
		get = unix.Getpeername
	}
	sa, err := get(s.fd)
	if err != nil {
		return none
	}
	return addrText(sa)
}

func addrText(sa unix.Sockaddr) string {
	switch sa := sa.(type) {
	case *unix.SockaddrUnix:
		if sa.Name == "@" { // one without a name
			return ""
		}
		return sa.Name
	case *unix.SockaddrVM:
		return cidText(sa.CID) + "!" + portText(sa.Port)
	}
	if a, ok := addrPort(sa); ok {
		return fmt.Sprintf("%s!%d", a.Addr(), a.Port())
	}
	return none
}

func cidText(cid uint32) string {
	if cid == unix.VMADDR_CID_ANY {
		return "*"
	}
	return strconv.FormatUint(uint64(cid), 10)
}

func portText(port uint32) string {
	if port == unix.VMADDR_PORT_ANY {
		return "*"
	}
	return strconv.FormatUint(uint64(port), 10)
}
