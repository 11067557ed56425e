package netboot

import (
	"net/netip"
	"time"
)

// The bounds. A network of a thousand machines that are switched on at once is well
// within them; a flood is not.
const (
	maxNodes     = 4096 // remembered; ndb's own stay, of the others the oldest goes
	maxPackets   = 200  // of DHCP in a second, and twice that at once
	maxPackets1  = 10   // of one machine
	maxLines     = 4096 // of the log
	maxLine      = 300  // bytes of one
	maxSays      = 20   // lines in a second about one machine, or about all strangers
	maxTransfers = 64   // of TFTP
	maxFrom      = 16   // transfers by TFTP, or connections by HTTP, of one address
	maxConns     = 512  // of HTTP
	maxHead      = 8 << 10
	maxBody      = 8 << 10
)

// A bucket lets things through at a rate, and twice as many as in a second at once.
type bucket struct {
	left float64
	last time.Time
}

func (b *bucket) take(rate float64) bool {
	t := now()
	if b.last.IsZero() {
		b.left = 2 * rate
	} else {
		b.left = min(b.left+t.Sub(b.last).Seconds()*rate, 2*rate)
	}
	b.last = t
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// serves tells whether files are for who has an address. Of IPv6 anybody may reach ours, each with more
// addresses of his own than there are transfers, and can have what is sent to him by UDP go to another:
// there they are for the network, and for those that ndb has, alone.
func (s *Server) serves(a netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Is4() || a.IsLinkLocalUnicast() || s.net6.Contains(a) || s.db.fixed[a] != "" {
		return true
	}
	_, ok := s.db.network(a)
	return ok
}

// sources counts what each address has under way.
type sources struct {
	from map[netip.Addr]int
	all  int
}

// enter counts one more, unless that would be too many.
func (c *sources) enter(a netip.Addr, most int) bool {
	if c.all >= most || c.from[a] >= maxFrom {
		return false
	}
	c.all++
	c.from[a]++
	return true
}

func (c *sources) leave(a netip.Addr) {
	c.all--
	if c.from[a]--; c.from[a] == 0 {
		delete(c.from, a)
	}
}

// A ring holds the last lines of the log.
type ring struct {
	lines []line
	next  int
	lost  int // lines that were not kept since the last one
}

type line struct{ ether, text string }

func (r *ring) add(l line) {
	if len(r.lines) < maxLines {
		r.lines = append(r.lines, l)
		return
	}
	r.lines[r.next] = l
	r.next = (r.next + 1) % maxLines
}

// each gives the lines, the oldest first.
func (r *ring) each(f func(line)) {
	for i := range r.lines {
		f(r.lines[(r.next+i)%len(r.lines)])
	}
}
