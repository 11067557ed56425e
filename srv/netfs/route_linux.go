package netfs

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/ndb"
)

func parseMask(s string, a netip.Addr) (bits int, err error) {
	bits, ok := ndb.ParseMask(s, a)
	if !ok {
		return 0, invalid("bad mask %s: /bits or like an address", srv.Quote(s))
	}
	return bits, nil
}

// maskText writes a mask as Plan 9 does.
func maskText(p netip.Prefix) string {
	if p.Addr().Is4() {
		return "/" + strconv.Itoa(96+p.Bits())
	}
	return "/" + strconv.Itoa(p.Bits())
}

// A route is one of the main table.
type route struct {
	to      netip.Prefix
	via     netip.Addr // not valid: on the link
	ifindex int
	metric  uint32
}

// routes reads the table.
func routes() ([]route, error) {
	all, err := dump(unix.RTM_GETROUTE)
	if err != nil {
		return nil, err
	}
	var list []route
	for i := range all {
		m := &all[i]
		rt := fixed[unix.RtMsg](m)
		table := uint32(rt.Table)
		if t := m.number(unix.RTA_TABLE); t != 0 {
			table = t
		}
		if table != unix.RT_TABLE_MAIN || rt.Type != unix.RTN_UNICAST || rt.Family != unix.AF_INET && rt.Family != unix.AF_INET6 {
			continue
		}
		to := m.addr(unix.RTA_DST)
		if !to.IsValid() {
			to = zero(rt.Family)
		}
		list = append(list, route{netip.PrefixFrom(to, int(rt.Dst_len)), m.addr(unix.RTA_GATEWAY), int(m.number(unix.RTA_OIF)), m.number(unix.RTA_PRIORITY)})
	}
	return list, nil
}

func zero(family uint8) netip.Addr {
	if family == unix.AF_INET {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// routeText is the table as iproute has it: target, mask, gateway, type (4 or 6, and i
// for what is on the link), tag, interface.
func routeText(context.Context) (string, error) {
	list, err := routes()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, r := range list {
		via, typ := r.via, "4"
		if !r.to.Addr().Is4() {
			typ = "6"
		}
		if !via.IsValid() {
			via = r.to.Addr()
			typ += "i"
		}
		fmt.Fprintf(&b, "%-15s %-4s %-15s %4s %4s %3d\n", r.to.Addr(), maskText(r.to), via, typ, "none", r.ifindex)
	}
	return b.String(), nil
}

// routeCmds are the commands of iproute.
func routeCmds() map[string]func(ctx context.Context, args []string) error {
	return map[string]func(ctx context.Context, args []string) error{
		"add":    addRoute,
		"remove": removeRoute,
		"del":    removeRoute,
		"flush": func(_ context.Context, args []string) error {
			if len(args) != 0 {
				return invalid("usage: flush")
			}
			list, err := routes()
			for _, r := range list {
				if err == nil && r.via.IsValid() {
					err = r.request().do(unix.RTM_DELROUTE, 0)
				}
			}
			return err
		},
	}
}

// parseTarget reads a target and its mask.
func parseTarget(target, mask string) (netip.Prefix, error) {
	if target == "default" {
		target, mask = "0.0.0.0", "/0"
	}
	a, err := parseIP(target)
	if err != nil {
		return netip.Prefix{}, invalid("bad target %s", srv.Quote(target))
	}
	bits, err := parseMask(mask, a)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, bits).Masked(), nil
}

func addRoute(_ context.Context, args []string) error {
	if len(args) != 3 && len(args) != 4 {
		return invalid("usage: add target mask nexthop [interface]")
	}
	to, err := parseTarget(args[0], args[1])
	if err != nil {
		return err
	}
	r := route{to: to}
	if r.via, err = parseIP(args[2]); err != nil {
		return invalid("bad nexthop %s", srv.Quote(args[2]))
	}
	if r.via.Is4() != to.Addr().Is4() {
		return invalid("bad nexthop %s: of another family than the target", r.via)
	}
	if len(args) == 4 {
		if r.ifindex, err = parseIfc(args[3]); err != nil {
			return err
		}
		if r.via.IsUnspecified() { // on the link
			r.via = netip.Addr{}
		}
	}
	return r.request().do(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
}

func removeRoute(_ context.Context, args []string) error {
	if len(args) != 2 {
		return invalid("usage: remove target mask")
	}
	to, err := parseTarget(args[0], args[1])
	if err != nil {
		return err
	}
	list, err := routes()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(r route) bool { return r.to == to })
	if i < 0 {
		return unix.ESRCH
	}
	return list[i].request().do(unix.RTM_DELROUTE, 0)
}

// request is the route as the kernel's messages have it.
func (r route) request() *request {
	scope := uint8(unix.RT_SCOPE_UNIVERSE)
	if !r.via.IsValid() {
		scope = unix.RT_SCOPE_LINK
	}
	q := newRequest(unix.RtMsg{Family: family(r.to.Addr()), Dst_len: uint8(r.to.Bits()), Table: unix.RT_TABLE_MAIN,
		Protocol: unix.RTPROT_STATIC, Scope: scope, Type: unix.RTN_UNICAST})
	if r.to.Bits() > 0 {
		q.attr(unix.RTA_DST, r.to.Addr().AsSlice())
	}
	if r.via.IsValid() {
		q.attr(unix.RTA_GATEWAY, r.via.AsSlice())
	}
	if r.ifindex != 0 {
		q.number(unix.RTA_OIF, uint32(r.ifindex))
	}
	if r.metric != 0 {
		q.number(unix.RTA_PRIORITY, r.metric)
	}
	return q
}

// parseIfc reads an interface: its number in ipifc, or its name.
func parseIfc(s string) (int, error) {
	if n, err := strconv.Atoi(s); err == nil {
		return n, nil
	}
	i, err := net.InterfaceByName(s)
	if err != nil {
		return 0, invalid("bad interface %s: a number of ipifc or a name", srv.Quote(s))
	}
	return i.Index, nil
}
