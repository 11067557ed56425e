package door

import (
	"errors"
	"net"
	"net/netip"
	"sync"
)

// How many may be about to say who they are, and how many of them from one address, which of
// IPv6 is a network of 64 bits.
const (
	maxStrangers = 100
	maxOfSource  = 25
)

var (
	errStrangers = errors.New("too many callers who have not said who they are")
	errSource    = errors.New("too many callers of one address who have not said who they are")
)

// places are those of callers who have not yet said who they are. The zero places are ready.
type places struct {
	mu sync.Mutex
	n  int
	of map[netip.Prefix]int
}

// enter takes one for a caller from addr, until leave is called.
func (p *places) enter(addr net.Addr) (leave func(), err error) {
	from, known := source(addr)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.n >= maxStrangers:
		return nil, errStrangers
	case known && p.of[from] >= maxOfSource:
		return nil, errSource
	}
	if p.of == nil {
		p.of = map[netip.Prefix]int{}
	}
	p.n++
	p.of[from]++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.n--
		if p.of[from]--; p.of[from] == 0 {
			delete(p.of, from)
		}
	}), nil
}

// source is where somebody calls from; not known of a Unix socket.
func source(addr net.Addr) (_ netip.Prefix, known bool) {
	a, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Prefix{}, false
	}
	ip := a.Addr().Unmap().WithZone("")
	bits := min(ip.BitLen(), 64)
	p, err := ip.Prefix(bits)
	return p, err == nil
}
