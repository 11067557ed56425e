package netboot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"ninespace/initramfs/dhcp6"
)

// DHCPv6, RFC 8415, with the URL of what to boot of RFC 5970. Whose address is not in ndb has
// the one that its Ethernet address makes in our network: nothing is kept of who has which.

// answer6 is what a message is answered, nil for nothing.
func (s *Server) answer6(p []byte, from netip.AddrPort) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flooded(from.Addr()) {
		return nil
	}
	a, err := parse6(p, from.Addr())
	if err != nil {
		s.sayLocked(nil, "dhcp: from %s: %v: %d bytes", from.Addr().WithZone(""), err, len(p))
		return nil
	}
	n, plan := s.heard(a.machine)
	if n == nil {
		return nil
	}
	if !n.known && s.cfg.Pools == 0 {
		s.sayLocked(n, "dhcp: unknown node: not in ndb: not answered")
		return nil
	}
	named := bytes.Equal(a.server, s.duid)
	switch a.kind { // RFC 8415, 16: what does not name its server, or does, is not answered
	case dhcp6.Solicit, dhcp6.Rebind, dhcp6.Confirm:
		if a.server != nil {
			return nil
		}
	case dhcp6.Request:
		if a.server != nil && !named {
			s.sayLocked(n, "dhcp: takes the offer of another server, %x", a.server)
		}
		fallthrough
	default:
		if !named && !(a.kind == dhcp6.Inform && a.server == nil) {
			return nil
		}
	}
	return s.act6(a, n, plan)
}

// act6 does what a message asks for. s.mu is held.
func (s *Server) act6(a *asking6, n *node, p plan) []byte {
	addr, kind, word := s.address6(n, p), byte(dhcp6.Reply), "ack"
	switch a.kind {
	case dhcp6.Solicit:
		kind, word, n.state = dhcp6.Advertise, "offer", "discover"
		s.count.offers++
	case dhcp6.Request, dhcp6.Renew, dhcp6.Rebind:
		if len(a.wants) > 0 {
			n.addr6 = addr
		}
	case dhcp6.Inform:
		a.wants = nil
	case dhcp6.Confirm:
		state := byte(dhcp6.Success)
		for _, w := range a.wants {
			for _, has := range w.addrs {
				if has != addr {
					state = dhcp6.NotOnLink
				}
			}
		}
		return s.state6(a, state)
	case dhcp6.Release:
		s.sayLocked(n, "dhcp: gives %s back", addr)
		return s.state6(a, dhcp6.Success)
	case dhcp6.Decline:
		s.sayLocked(n, "dhcp: duplicate address: another machine has %s", addr)
		return s.state6(a, dhcp6.Success)
	}
	b := s.begin6(a, kind)
	for i, w := range a.wants {
		if i > 0 { // one machine has one
			b = w.append(b, netip.Addr{})
		} else {
			b = w.append(b, addr)
			word += " " + addr.String()
		}
	}
	b = s.network6(b, p, addr)
	boots := ""
	if n.known {
		b, boots = s.boot6(b, a, n, p)
	}
	s.sayLocked(n, "dhcp: %s%s", word, boots)
	return b
}

// address6 is a machine's address, not valid if there is none for it. s.mu is held.
func (s *Server) address6(n *node, p plan) netip.Addr {
	if p.addr6.IsValid() {
		return p.addr6
	}
	if a := withEther(s.net6, n.ether); a != s.addr6 && s.db.fixed[a] == "" {
		return a
	}
	return netip.Addr{}
}

// begin6 begins an answer: by whom, and whose question it is.
func (s *Server) begin6(a *asking6, kind byte) []byte {
	b := append([]byte{kind}, a.number...)
	b = dhcp6.Append(b, dhcp6.OptServer, s.duid)
	if a.client != nil {
		b = dhcp6.Append(b, dhcp6.OptClient, a.client)
	}
	return b
}

// state6 is an answer that says no more than how it is.
func (s *Server) state6(a *asking6, state byte) []byte {
	return dhcp6.Append(s.begin6(a, dhcp6.Reply), dhcp6.OptStatus, []byte{0, state})
}

// append puts an association behind b, with the address. Any other that it had is to be used no
// longer: it is good for no time.
func (w wanting6) append(b []byte, addr netip.Addr) []byte {
	seconds := func(b []byte, d time.Duration) []byte { return binary.BigEndian.AppendUint32(b, uint32(d/time.Second)) }
	all := seconds(seconds(bytes.Clone(w.number), leaseTime/2), leaseTime*4/5)
	if !addr.IsValid() {
		all = dhcp6.Append(all, dhcp6.OptStatus, []byte{0, dhcp6.NoAddress})
	} else {
		all = dhcp6.Append(all, dhcp6.OptAddress, seconds(seconds(addr.AsSlice(), leaseTime), leaseTime))
	}
	for _, has := range w.addrs {
		if has != addr {
			all = dhcp6.Append(all, dhcp6.OptAddress, append(has.AsSlice(), make([]byte, 8)...))
		}
	}
	return dhcp6.Append(b, dhcp6.OptAddresses, all)
}

// network6 puts what ndb has of the network of an address behind b.
func (s *Server) network6(b []byte, p plan, addr netip.Addr) []byte {
	if !addr.IsValid() {
		addr = s.addr6
	}
	for attr, code := range map[string]uint16{"dns": dhcp6.OptDNS, "ntp": dhcp6.OptSNTP} {
		var all []byte
		for i, a := range s.db.addrs(attr, p.sys, addr) {
			if i < 8 {
				all = append(all, a.AsSlice()...)
			}
		}
		if all != nil {
			b = dhcp6.Append(b, code, all)
		}
	}
	if d := s.db.attr("dnsdomain", p.sys, addr); len(d) > 0 {
		if name := dhcp6.AppendDomain(nil, d[0]); name != nil {
			b = dhcp6.Append(b, dhcp6.OptDomains, name)
		}
	}
	return b
}

// boot6 tells firmware what to load, and gives that for the log. It is nothing for who does not
// boot. s.mu is held.
func (s *Server) boot6(b []byte, a *asking6, n *node, p plan) (_ []byte, boots string) {
	var url, class string
	switch a.by {
	case ipxe: // has what is next told by a script
		url = s.url(s.addr6, false) + "/boot/" + n.ether
	case uefi:
		url, class = s.url(s.addr6, true)+"/f/"+escape(s.firstFile(n, p)), "HTTPClient"
	case pxe:
		url, class = fmt.Sprintf("tftp://[%s]/%s", s.addr6, escape(s.firstFile(n, p))), "PXEClient"
	default:
		return b, ""
	}
	if len(url) > 255 {
		s.sayLocked(n, "dhcp: the boot file's name is longer than 255 bytes: not sent")
		return b, ""
	}
	if class != "" { // firmware takes an answer for its own kind of boot alone
		b = dhcp6.Append(b, dhcp6.OptVendor, append(append(bytes.Clone(a.vendor), 0, byte(len(class))), class...))
	}
	return dhcp6.Append(b, dhcp6.OptBootFile, []byte(url)), " boot " + url
}
