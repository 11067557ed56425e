package netboot

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
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

// maxDHCP is the longest message that is looked at: what one Ethernet frame carries.
const maxDHCP = 1472

// A firmware is the kind of program that asks.
type firmware int

const (
	system firmware = iota // wants an address alone
	pxe                    // firmware, by TFTP
	uefi                   // firmware, by HTTP
	ipxe
)

// An asking is a message, taken apart.
type asking struct {
	*dhcpv4.DHCPv4
	machine
	by   firmware
	code uint16 // the architecture, RFC 4578
}

var (
	errShape = errors.New("not a request of an Ethernet machine")
	errLong  = errors.New("oversized")
)

// parseDHCP takes a message apart. What is no request of a machine is an error.
func parseDHCP(p []byte) (*asking, error) {
	if len(p) > maxDHCP {
		return nil, errLong
	}
	m, err := dhcpv4.FromBytes(p)
	if err != nil {
		return nil, err
	}
	if m.OpCode != dhcpv4.OpcodeBootRequest || m.HWType != 1 || len(m.ClientHWAddr) != 6 ||
		m.ClientHWAddr[0]&1 != 0 || bytes.Equal(m.ClientHWAddr, make([]byte, 6)) {
		return nil, errShape
	}
	a := &asking{DHCPv4: m, machine: machine{ether: hex.EncodeToString(m.ClientHWAddr)}}
	if id := m.Options.Get(dhcpv4.OptionClientMachineIdentifier); len(id) == 17 && id[0] == 0 {
		a.uuid = uuidText(id[1:])
	}
	class := m.ClassIdentifier()
	switch {
	case bytes.Contains(m.Options.Get(dhcpv4.OptionUserClassInformation), []byte("iPXE")):
		a.by = ipxe
	case strings.HasPrefix(class, "HTTPClient"):
		a.by = uefi
	case strings.HasPrefix(class, "PXEClient"):
		a.by = pxe
	}
	if b := m.Options.Get(dhcpv4.OptionClientSystemArchitectureType); len(b) >= 2 {
		a.code = uint16(b[0])<<8 | uint16(b[1])
		if a.by != system {
			a.arch, a.efi = archOf(a.code)
		}
	}
	return a, nil
}

// archOf names an architecture as iPXE's buildarch does, and says whether its firmware
// is UEFI: IANA's processor architecture types.
func archOf(code uint16) (name string, efi bool) {
	switch code {
	case 0, 20:
		return "i386", false
	case 6, 15:
		return "i386", true
	case 7, 9, 16, 17:
		return "x86_64", true
	case 10, 18:
		return "arm32", true
	case 11, 19:
		return "arm64", true
	case 25, 26:
		return "riscv32", true
	case 27, 28:
		return "riscv64", true
	}
	return fmt.Sprint("arch", code), false
}

// loaderOf is the name of iPXE's program for firmware.
func loaderOf(m machine) string {
	switch {
	case !m.efi && m.arch == "i386":
		return "undionly.kpxe"
	case m.efi && m.arch == "x86_64":
		return "ipxe.efi"
	}
	return "ipxe-" + m.arch + ".efi"
}

// uuidText writes a machine's identifier as SMBIOS has it: the first three fields are in
// little endian. One of all the same bytes is nobody's.
func uuidText(b []byte) string {
	if bytes.Equal(b, bytes.Repeat(b[:1], 16)) {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", []byte{b[3], b[2], b[1], b[0]}, []byte{b[5], b[4]}, []byte{b[7], b[6]}, b[8:10], b[10:])
}

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
	s.count.dhcp++
	if !s.packets.take(maxPackets) {
		if s.count.dropped++; s.count.dropped%maxPackets == 1 {
			s.sayLocked(nil, "dhcp: flood: packets are dropped, the last from %s", from.Addr())
		}
		return nil
	}
	a, err := parseDHCP(p)
	if err != nil {
		s.sayLocked(nil, "dhcp: from %s: %v: %d bytes", from.Addr(), err, len(p))
		return nil
	}
	n := s.node(a.ether)
	if n == nil {
		s.sayLocked(nil, "dhcp: too many nodes: %s is not answered", a.ether)
		return nil
	}
	if !n.packets.take(maxPackets1) {
		if s.count.dropped++; s.count.dropped%maxPackets1 == 1 {
			s.sayLocked(n, "dhcp: flood: packets are dropped")
		}
		return nil
	}
	if a.uuid != "" && n.uuid != "" && a.uuid != n.uuid && now().Sub(n.last) < badTime {
		s.sayLocked(n, "dhcp: duplicate address: the machine %s has it and %s asks: not answered", n.uuid, a.uuid)
		return nil
	}
	if n.last = now(); n.state == "" {
		n.first = n.last
	}
	if a.uuid != "" {
		n.uuid = a.uuid
	}
	if a.arch != "" {
		n.arch, n.efi = a.arch, a.efi
	}
	plan, known := s.db.find(n.machine)
	n.known = known
	if a.GatewayIPAddr != nil && !a.GatewayIPAddr.IsUnspecified() {
		relay, _ := netip.AddrFromSlice(a.GatewayIPAddr.To4())
		if _, ok := s.db.network(relay); !ok {
			s.sayLocked(n, "dhcp: by the relay %s, which is in no ipnet= of ndb: not answered", relay)
			return nil
		}
		from = netip.AddrPortFrom(relay, 67)
	}
	r := s.act(a, n, plan, known, bound)
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
