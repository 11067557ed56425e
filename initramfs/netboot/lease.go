package netboot

import (
	"net/netip"
	"time"
)

const (
	leaseTime = time.Hour
	offerTime = 30 * time.Second // an offer that is not taken
	badTime   = 10 * time.Minute // an address that another machine has
)

// A lease is who has an address of the pool, until when.
type lease struct {
	ether string // "" is another machine, which nobody gave it to
	until time.Time
}

// address gives a node the address that ndb has for it, or that it has or wants of
// the pool, for a time. It is not valid if there is none. s.mu is held.
func (s *Server) address(n *node, p plan, want netip.Addr, keep time.Duration) netip.Addr {
	if p.addr.IsValid() {
		return p.addr
	}
	var mine, free netip.Addr
	a := s.cfg.Pool
	for range s.cfg.Pools {
		if s.db.fixed[a] == "" && a != s.addr {
			l := s.leases[a]
			switch {
			case l != nil && l.ether == n.ether:
				mine = a
			case l != nil && now().Before(l.until):
			case a == want || !free.IsValid():
				free = a
			}
		}
		a = a.Next()
	}
	if !mine.IsValid() {
		mine = free
	}
	if mine.IsValid() {
		s.leases[mine] = &lease{n.ether, now().Add(keep)}
	}
	return mine
}

// release gives an address of the pool back. s.mu is held.
func (s *Server) release(n *node) {
	for a, l := range s.leases {
		if l.ether == n.ether {
			delete(s.leases, a)
		}
	}
}

// decline notes that another machine uses an address. s.mu is held.
func (s *Server) decline(n *node, a netip.Addr) {
	if l := s.leases[a]; l != nil && l.ether == n.ether {
		s.leases[a] = &lease{"", now().Add(badTime)}
	}
}
