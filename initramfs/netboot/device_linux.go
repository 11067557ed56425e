package netboot

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// device finds the interface and its first addresses: of IPv4, which it need not have where it
// has IPv6 and that is wanted, and then of IPv6.
func device(name string, want6 bool) (found *net.Interface, four, six netip.Prefix, err error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, four, six, err
	}
	for i, ifc := range all {
		if name != "" && ifc.Name != name || name == "" && ifc.Flags&net.FlagLoopback != 0 {
			continue
		}
		a4, a6, err := addresses(&ifc)
		if err != nil {
			return nil, four, six, err
		}
		if !a4.IsValid() && !(want6 && a6.IsValid()) {
			continue
		}
		if found != nil {
			return nil, four, six, fmt.Errorf("%s and %s both have addresses: which one is to be served?", found.Name, ifc.Name)
		}
		found, four, six = &all[i], a4, a6
	}
	kind := "IPv4"
	if want6 {
		kind = "IPv4 or IPv6"
	}
	switch {
	case found == nil && name != "":
		return nil, four, six, fmt.Errorf("%s: no interface with an %s address", name, kind)
	case found == nil:
		return nil, four, six, fmt.Errorf("no interface has an %s address", kind)
	case !want6:
		six = netip.Prefix{}
	case !six.IsValid():
		return nil, four, six, fmt.Errorf("%s: the only IPv6 addresses are those of the link (fe80::)", found.Name)
	case len(found.HardwareAddr) != 6:
		return nil, four, six, errors.New(found.Name + ": IPv6 is served on Ethernet alone")
	}
	return found, four, six, nil
}

// addresses gives an interface's first address of each kind, not valid for none.
func addresses(ifc *net.Interface) (four, six netip.Prefix, err error) {
	addrs, err := ifc.Addrs()
	if err != nil {
		return four, six, err
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		switch {
		case err != nil:
		case p.Addr().Is4() && !four.IsValid():
			four = p
		case p.Addr().Is6() && !p.Addr().IsLinkLocalUnicast() && !six.IsValid():
			six = p
		}
	}
	return four, six, nil
}

// tryAddress listens at an address that this machine has, or is about to have: of one of IPv6 it
// makes sure for a second that nobody else does.
var tryAddress = net.ListenConfig{Control: func(network, _ string, c syscall.RawConn) error {
	if network != "tcp6" && network != "udp6" {
		return nil
	}
	var err error
	cerr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1) })
	return errors.Join(cerr, os.NewSyscallError("setsockopt", err))
}}
