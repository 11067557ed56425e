package netboot

import (
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// DHCP's message types have no short names in the library.
const (
	discover = dhcpv4.MessageTypeDiscover
	offer    = dhcpv4.MessageTypeOffer
	request  = dhcpv4.MessageTypeRequest
	ack      = dhcpv4.MessageTypeAck
	nak      = dhcpv4.MessageTypeNak
)

// A reply is a message and whom it is for.
type reply struct {
	*dhcpv4.DHCPv4
	to netip.AddrPort
}

// answer is what a message is answered, nil for nothing. from is where it came from;
// bound says that it came to the port where firmware asks for its boot file.
func (s *Server) answer(p []byte, from netip.AddrPort, bound bool) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flooded(from.Addr()) {
		return nil
	}
	a, err := parseDHCP(p)
	if err != nil {
		s.sayLocked(nil, "dhcp: from %s: %v: %d bytes", from.Addr(), err, len(p))
		return nil
	}
	n, plan := s.heard(a.machine)
	if n == nil {
		return nil
	}
	if a.GatewayIPAddr != nil && !a.GatewayIPAddr.IsUnspecified() {
		relay, _ := netip.AddrFromSlice(a.GatewayIPAddr.To4())
		if _, ok := s.db.network(relay); !ok {
			s.sayLocked(n, "dhcp: by the relay %s, which is in no ipnet= of ndb: not answered", relay)
			return nil
		}
		from = netip.AddrPortFrom(relay, 67)
	}
	r := s.act(a, n, plan, n.known, bound)
	if r == nil {
		return nil
	}
	return &reply{r, s.target(a, r, from, bound)}
}

// target is where a reply goes: to the relay or to who asked from an address of its own,
// and otherwise to everybody, for one without an address has none to send to.
func (s *Server) target(a *asking, r *dhcpv4.DHCPv4, from netip.AddrPort, bound bool) netip.AddrPort {
	everybody := netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), 68)
	switch {
	case from.Port() == 67: // a relay
		return from
	case bound:
		return from
	case r.MessageType() == nak, a.ClientIPAddr.IsUnspecified():
		return everybody
	}
	if to, ok := netip.AddrFromSlice(a.ClientIPAddr.To4()); ok && s.net.Contains(to) {
		return netip.AddrPortFrom(to, 68)
	}
	return everybody
}

// act does what a message asks for.
func (s *Server) act(a *asking, n *node, p plan, known, bound bool) *dhcpv4.DHCPv4 {
	want := addrOf(a.RequestedIPAddress())
	if !want.IsValid() {
		want = addrOf(a.ClientIPAddr)
	}
	server := addrOf(a.ServerIdentifier())
	serves := known || s.cfg.Pools > 0 && !s.cfg.Proxy
	switch t := a.MessageType(); t {
	case discover:
		if a.by == system && s.cfg.Proxy {
			return nil
		}
		if !serves {
			s.sayLocked(n, "dhcp: unknown node: not in ndb: not answered")
			return nil
		}
		n.state = "discover"
		return s.offer(a, n, p, known, offer, want, offerTime)
	case request:
		switch {
		case bound || s.cfg.Proxy:
			if !known || !bound && server != s.addr { // the offer of the other server is taken
				return nil
			}
			return s.offer(a, n, p, known, ack, want, 0)
		case server.IsValid() && server != s.addr:
			s.release(n)
			s.sayLocked(n, "dhcp: takes the offer of another server, %s", server)
			return nil
		case !serves:
			s.sayLocked(n, "dhcp: unknown node: not in ndb: not answered")
			return nil
		}
		r := s.offer(a, n, p, known, ack, want, leaseTime)
		if r != nil && addrOf(r.YourIPAddr) != want {
			s.sayLocked(n, "dhcp: wants %s, which is not its own: refused", want)
			r, _ = dhcpv4.NewReplyFromRequest(a.DHCPv4, dhcpv4.WithMessageType(nak), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(s.addr.AsSlice())))
		}
		return r
	case dhcpv4.MessageTypeInform:
		if !known || a.by == system && s.cfg.Proxy {
			return nil
		}
		return s.offer(a, n, p, known, ack, netip.Addr{}, 0)
	case dhcpv4.MessageTypeDecline:
		s.decline(n, want)
		s.sayLocked(n, "dhcp: duplicate address: another machine has %s", want)
	case dhcpv4.MessageTypeRelease:
		s.release(n)
		s.sayLocked(n, "dhcp: gives %s back", want)
	default:
		s.sayLocked(n, "dhcp: message of type %d: not answered", t)
	}
	return nil
}

// offer makes an offer, or the message that confirms it. Nothing is kept for keep 0.
func (s *Server) offer(a *asking, n *node, p plan, known bool, t dhcpv4.MessageType, want netip.Addr, keep time.Duration) *dhcpv4.DHCPv4 {
	mods := []dhcpv4.Modifier{dhcpv4.WithMessageType(t), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(s.addr.AsSlice()))}
	text := ""
	if !s.cfg.Proxy && keep > 0 {
		if !p.addr.IsValid() && addrOf(a.GatewayIPAddr).IsValid() {
			s.sayLocked(n, "dhcp: no address: ndb has none for it and the pool is for this network alone")
			return nil
		}
		addr := s.address(n, p, want, keep)
		if !addr.IsValid() {
			s.sayLocked(n, "dhcp: no address: ndb has none for it and the pool is used up")
			return nil
		}
		if t == ack && addr == want {
			n.addr = addr
		}
		mods, text = append(mods, s.addressing(p, addr)...), " "+addr.String()
	}
	r, err := dhcpv4.NewReplyFromRequest(a.DHCPv4, mods...)
	if err != nil {
		return nil
	}
	boots := ""
	if known {
		boots = s.bootOptions(a, n, p, r)
	}
	if s.cfg.Proxy && boots == "" {
		return nil
	}
	if t == offer || boots != "" || keep > 0 {
		s.sayLocked(n, "dhcp: %s%s%s", strings.ToLower(t.String()), text, boots)
	}
	if t == offer {
		s.count.offers++
	}
	return r
}

// addressing is what belongs to an address: the network's mask, and so on.
func (s *Server) addressing(p plan, addr netip.Addr) []dhcpv4.Modifier {
	n, ok := s.db.network(addr)
	if !ok {
		n = s.net
	}
	mods := []dhcpv4.Modifier{
		dhcpv4.WithYourIP(addr.AsSlice()),
		dhcpv4.WithNetmask(net.CIDRMask(n.Bits(), 32)),
		dhcpv4.WithOption(dhcpv4.OptIPAddressLeaseTime(leaseTime)),
	}
	for _, o := range []struct {
		attr string
		code dhcpv4.GenericOptionCode
	}{{"ipgw", 3}, {"dns", 6}, {"ntp", 42}} {
		var b []byte
		for i, a := range s.db.addrs(o.attr, p.sys, addr) {
			if i < 8 {
				b = append(b, a.AsSlice()...)
			}
		}
		if b != nil {
			mods = append(mods, dhcpv4.WithGeneric(o.code, b))
		}
	}
	if p.sys != "" && len(p.sys) < 64 {
		mods = append(mods, dhcpv4.WithOption(dhcpv4.OptHostName(p.sys)))
	}
	if d := s.db.attr("dnsdomain", p.sys, addr); len(d) > 0 && len(d[0]) < 256 {
		mods = append(mods, dhcpv4.WithOption(dhcpv4.OptDomainName(d[0])))
	}
	return mods
}

func addrOf(ip net.IP) netip.Addr {
	a, ok := netip.AddrFromSlice(ip.To4())
	if !ok || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}
