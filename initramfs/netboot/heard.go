package netboot

import "net/netip"

// What DHCP of both kinds does with each message, before that is looked at and then.

// flooded counts a message, and tells whether there are too many. s.mu is held.
func (s *Server) flooded(from netip.Addr) bool {
	s.count.dhcp++
	if s.packets.take(maxPackets) {
		return false
	}
	if s.count.dropped++; s.count.dropped%maxPackets == 1 {
		s.sayLocked(nil, "dhcp: flood: packets are dropped, the last from %s", from)
	}
	return true
}

// heard notes that a machine asks, and gives it and its plan; nil where it is not to be
// answered. s.mu is held.
func (s *Server) heard(m machine) (*node, plan) {
	n := s.node(m.ether)
	if n == nil {
		s.sayLocked(nil, "dhcp: too many nodes: %s is not answered", m.ether)
		return nil, plan{}
	}
	if !n.packets.take(maxPackets1) {
		if s.count.dropped++; s.count.dropped%maxPackets1 == 1 {
			s.sayLocked(n, "dhcp: flood: packets are dropped")
		}
		return nil, plan{}
	}
	if m.uuid != "" && n.uuid != "" && m.uuid != n.uuid && now().Sub(n.last) < badTime {
		s.sayLocked(n, "dhcp: duplicate address: the machine %s has it and %s asks: not answered", n.uuid, m.uuid)
		return nil, plan{}
	}
	if n.last = now(); n.state == "" {
		n.first = n.last
	}
	if m.uuid != "" {
		n.uuid = m.uuid
	}
	if m.arch != "" {
		n.arch, n.efi = m.arch, m.efi
	}
	p, known := s.db.find(n.machine)
	n.known = known
	return n, p
}
