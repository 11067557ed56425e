package netboot

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// An advertiser sends router advertisements, RFC 4861, that say there is no router here. iPXE
// waits for one, for seconds, before it uses what DHCP gave it; and with a network of IPv6 they
// say that its addresses are had by DHCPv6, which nobody asks for otherwise.
type advertiser struct {
	c   *net.IPConn
	to  *net.IPAddr
	msg []byte

	mu   sync.Mutex
	last time.Time
}

const (
	raLeast = time.Second / 4 // between two
	raMost  = 5 * time.Minute
	raValid = time.Hour // what one says is good for that
)

// newAdvertiser makes one for an interface, whose network may be not valid.
func newAdvertiser(ifc *net.Interface, prefix netip.Prefix) (*advertiser, error) {
	routers := netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 15: 2}) // ff02::2
	cfg := onLink(ifc, routers, func(fd int) error {
		filter := unix.ICMPv6Filter{Data: [8]uint32{^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0)}}
		filter.Data[solicitation>>5] &^= 1 << (solicitation & 31)
		if err := unix.SetsockoptICMPv6Filter(fd, unix.IPPROTO_ICMPV6, 1, &filter); err != nil {
			return err
		}
		for _, o := range []struct{ opt, val int }{{unix.IPV6_MULTICAST_HOPS, 255}, {unix.IPV6_MULTICAST_IF, ifc.Index}, {unix.IPV6_MULTICAST_LOOP, 0}, {unix.IPV6_RECVHOPLIMIT, 1}} {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, o.opt, o.val); err != nil {
				return err
			}
		}
		return nil
	})
	c, err := cfg.ListenPacket(context.Background(), "ip6:ipv6-icmp", "::")
	if err != nil {
		return nil, err
	}
	// All of the link; the checksum is the kernel's.
	return &advertiser{c: c.(*net.IPConn), to: &net.IPAddr{IP: net.IPv6linklocalallnodes, Zone: ifc.Name}, msg: advertisement(prefix)}, nil
}

// Types of ICMPv6.
const solicitation, advertised = 133, 134

// advertisement is the message: its lifetime as a router is 0.
func advertisement(prefix netip.Prefix) []byte {
	const managed, other, onLink = 0x80, 0x40, 0x80
	b := make([]byte, 16)
	b[0], b[4] = advertised, 64 // hop limit
	if !prefix.IsValid() {
		return b
	}
	b[5] = managed | other
	b = append(b, 3, 4, byte(prefix.Bits()), onLink) // who is in the network is on the link; no addresses are to be made of it
	for range 2 {                                    // valid, and preferred
		b = binary.BigEndian.AppendUint32(b, uint32(raValid/time.Second))
	}
	a := prefix.Masked().Addr().As16()
	return append(append(b, 0, 0, 0, 0), a[:]...)
}

// send sends one to all, unless there was one just now.
func (a *advertiser) send() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.last) < raLeast {
		return
	}
	a.last = time.Now()
	a.c.WriteTo(a.msg, a.to)
}

// serve sends one to who asks for it, and from time to time, until the socket is closed.
func (a *advertiser) serve(ctx context.Context) {
	p, oob := make([]byte, 128), make([]byte, unix.CmsgSpace(4))
	for ctx.Err() == nil {
		a.mu.Lock()
		wait := raLeast - time.Since(a.last)
		a.mu.Unlock()
		if wait > 0 { // who asks now is answered then
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return
			}
		}
		a.send()
		a.c.SetReadDeadline(time.Now().Add(raMost))
		for !a.asked(p, oob) {
		}
	}
}

// asked waits for a message and tells whether it is to be answered, or none is to be waited for any more.
func (a *advertiser) asked(p, oob []byte) bool {
	_, n, _, _, err := a.c.ReadMsgIP(p, oob)
	if err != nil {
		return true
	}
	all, _ := unix.ParseSocketControlMessage(oob[:n])
	for _, m := range all {
		if m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_HOPLIMIT && len(m.Data) >= 4 {
			return binary.NativeEndian.Uint32(m.Data) == 255 // else a router has sent it on: RFC 4861, 6.1.1
		}
	}
	return false
}
