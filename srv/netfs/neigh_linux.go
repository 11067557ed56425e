package netfs

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// A neighbour is an address on a link and the hardware's that it has.
type neighbour struct {
	ip      netip.Addr
	mac     net.HardwareAddr
	ifindex int
	state   uint16
}

func neighbours() ([]neighbour, error) {
	all, err := dump(unix.RTM_GETNEIGH)
	if err != nil {
		return nil, err
	}
	var list []neighbour
	for i := range all {
		m := &all[i]
		nd := fixed[unix.NdMsg](m)
		ip := m.addr(unix.NDA_DST)
		if !ip.IsValid() || nd.State&unix.NUD_NOARP != 0 {
			continue
		}
		list = append(list, neighbour{ip, m.attrs[unix.NDA_LLADDR], int(nd.Ifindex), nd.State})
	}
	return list, nil
}

// arpText is the table as arp has it: medium, state, address, hardware address.
func arpText(context.Context) (string, error) {
	list, err := neighbours()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, n := range list {
		state := "OK"
		switch {
		case n.state&(unix.NUD_INCOMPLETE|unix.NUD_FAILED) != 0:
			state = "WAIT"
		case n.state&unix.NUD_PERMANENT != 0:
			state = "PERM"
		}
		fmt.Fprintf(&b, "%-6s %-8s %-40s %s\n", "ether", state, n.ip, strings.ReplaceAll(n.mac.String(), ":", ""))
	}
	return b.String(), nil
}

// arpCmds are the commands of arp.
var arpCmds = map[string]func(ctx context.Context, args []string) error{
	"add": addNeighbour,
	"del": func(_ context.Context, args []string) error {
		if len(args) != 1 {
			return invalid("usage: del addr")
		}
		ip, err := parseIP(args[0])
		if err != nil {
			return err
		}
		err = unix.ESRCH
		list, lerr := neighbours()
		if lerr != nil {
			return lerr
		}
		for _, n := range list {
			if n.ip == ip {
				err = n.request().do(unix.RTM_DELNEIGH, 0)
			}
		}
		return err
	},
	"flush": func(_ context.Context, args []string) error {
		if len(args) != 0 {
			return invalid("usage: flush")
		}
		list, err := neighbours()
		for _, n := range list {
			if err == nil && n.state&unix.NUD_PERMANENT == 0 {
				if err = n.request().do(unix.RTM_DELNEIGH, 0); err == unix.ENOENT { // gone since
					err = nil
				}
			}
		}
		return err
	},
}

// addNeighbour adds one, on the interface whose network the address is in.
func addNeighbour(_ context.Context, args []string) error {
	if len(args) > 0 && args[0] == "ether" {
		args = args[1:]
	}
	if len(args) != 2 && len(args) != 3 {
		return invalid("usage: add [ether] addr hwaddr [interface]")
	}
	n := neighbour{state: unix.NUD_PERMANENT}
	var err error
	if n.ip, err = parseIP(args[0]); err != nil {
		return err
	}
	if n.mac, err = parseMAC(args[1]); err != nil {
		return err
	}
	if len(args) == 3 {
		n.ifindex, err = parseIfc(args[2])
	} else {
		n.ifindex, err = ifcOf(n.ip)
	}
	if err != nil {
		return err
	}
	return n.request().do(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
}

func (n neighbour) request() *request {
	q := newRequest(unix.NdMsg{Family: family(n.ip), Ifindex: int32(n.ifindex), State: n.state}).attr(unix.NDA_DST, n.ip.AsSlice())
	if len(n.mac) > 0 {
		q.attr(unix.NDA_LLADDR, n.mac)
	}
	return q
}

// parseMAC reads an Ethernet address, with colons or, as Plan 9 writes it, without.
func parseMAC(s string) (net.HardwareAddr, error) {
	with := s
	if len(s) == 12 {
		var parts []string
		for i := 0; i < 12; i += 2 {
			parts = append(parts, s[i:i+2])
		}
		with = strings.Join(parts, ":")
	}
	mac, err := net.ParseMAC(with)
	if err != nil || len(mac) != 6 {
		return nil, invalid("bad hwaddr %s: 12 hexadecimal digits", srv.Quote(s))
	}
	return mac, nil
}

// ifcOf gives the interface that an address is directly on.
func ifcOf(ip netip.Addr) (int, error) {
	list, err := interfaces()
	if err != nil {
		return 0, err
	}
	for _, i := range list {
		for _, a := range i.addrs {
			if a.prefix.Contains(ip) {
				return i.index, nil
			}
		}
	}
	return 0, unix.ENETUNREACH
}
