package netfs

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"ninespace/srv"
)

// dns answers "name type", ndb(8): a line for each record, that begins with both.
func (f *FS) dns(ctx context.Context, question string) (lines []string, err error) {
	words := strings.Fields(question)
	if len(words) == 0 || len(words) > 2 {
		return nil, invalid("bad question: not name [type]")
	}
	name, typ := words[0], "ip"
	if len(words) == 2 {
		typ = words[1]
	}
	add := func(format string, args ...any) {
		lines = append(lines, name+" "+typ+" "+fmt.Sprintf(format, args...))
	}
	r := f.resolver()
	host := strings.TrimSuffix(name, ".")
	switch typ {
	case "ip", "ipv6":
		network := map[string]string{"ip": "ip4", "ipv6": "ip6"}[typ]
		addrs, err := r.LookupNetIP(ctx, network, host)
		if err != nil {
			return nil, dnsError(err)
		}
		for _, a := range addrs {
			add("%s", a.Unmap())
		}
	case "cname":
		cname, err := r.LookupCNAME(ctx, host)
		if err != nil {
			return nil, dnsError(err)
		}
		add("%s", undot(cname))
	case "mx":
		all, err := r.LookupMX(ctx, host)
		if err != nil {
			return nil, dnsError(err)
		}
		for _, mx := range all {
			add("%d %s", mx.Pref, undot(mx.Host))
		}
	case "ns":
		all, err := r.LookupNS(ctx, host)
		if err != nil {
			return nil, dnsError(err)
		}
		for _, ns := range all {
			add("%s", undot(ns.Host))
		}
	case "txt":
		all, err := r.LookupTXT(ctx, host)
		if err != nil {
			return nil, dnsError(err)
		}
		for _, txt := range all {
			add("%s", srv.Quote(txt))
		}
	case "srv":
		_, all, err := r.LookupSRV(ctx, "", "", host)
		if err != nil {
			return nil, dnsError(err)
		}
		for _, s := range all {
			add("%d %d %d %s", s.Priority, s.Weight, s.Port, undot(s.Target))
		}
	case "ptr":
		addr, err := reversed(host)
		if err != nil {
			return nil, err
		}
		all, err := r.LookupAddr(ctx, addr.String())
		if err != nil {
			return nil, dnsError(err)
		}
		for _, n := range all {
			add("%s", undot(n))
		}
	default:
		return nil, invalid("bad type %s: not one of cname, ip, ipv6, mx, ns, ptr, srv, txt", srv.Quote(typ))
	}
	return lines, nil
}

func undot(name string) string { return strings.TrimSuffix(name, ".") }

// reversed gives the address that a question for its name is about: itself, or
// 4.3.2.1.in-addr.arpa, or the nibbles of ip6.arpa.
func reversed(name string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return a, nil
	}
	bad := invalid("bad name %s: neither an address nor in in-addr.arpa or ip6.arpa", srv.Quote(name))
	labels, v4 := strings.CutSuffix(name, ".in-addr.arpa")
	if !v4 {
		var v6 bool
		if labels, v6 = strings.CutSuffix(name, ".ip6.arpa"); !v6 {
			return netip.Addr{}, bad
		}
	}
	parts := strings.Split(labels, ".")
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteString(parts[i])
		switch {
		case i == 0:
		case v4:
			b.WriteByte('.')
		case i%4 == 0:
			b.WriteByte(':')
		}
	}
	a, err := netip.ParseAddr(b.String())
	if err != nil || a.Is4() != v4 {
		return netip.Addr{}, bad
	}
	return a, nil
}
