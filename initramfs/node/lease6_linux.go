package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"ninespace/initramfs/dhcp6"
)

// lease6 has a card have an address that a server of DHCPv6 gives, where the router says that
// addresses are had so, until ctx ends.
func (n *node) lease6(ctx context.Context, s *six, card net.Interface) {
	for ctx.Err() == nil {
		offer, err := s.exchange(ctx, card, dhcp6.Solicit, new(lease6))
		if err == nil {
			offer, err = s.exchange(ctx, card, dhcp6.Request, &offer.lease)
		}
		if err == nil {
			err = n.keep6(ctx, s, card, offer.lease)
		}
		if ctx.Err() != nil {
			return
		}
		n.log.Printf("init: %s: DHCPv6: %v; again in %v", card.Name, err, dhcpAgain)
		sleep(ctx, dhcpAgain)
	}
}

// keep6 gives the card the address and has it renewed until that fails for as long as the address is
// good.
func (n *node) keep6(ctx context.Context, s *six, card net.Interface, l lease6) error {
	ctl := fmt.Sprintf("ipifc/%d/ctl", card.Index)
	if err := addAddr(ctx, s.files, card, fmt.Sprintf("%s /128", l.addr)); err != nil {
		return err
	}
	for begun, wait := time.Now(), l.renew; ; {
		sleep(ctx, max(wait, time.Second))
		kind, of := byte(dhcp6.Renew), l
		if time.Since(begun) >= l.rebind {
			kind, of.server = dhcp6.Rebind, nil
		}
		news, err := s.exchange(ctx, card, kind, &of)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && news.lease.addr == l.addr:
			l, begun = news.lease, time.Now()
			wait = l.renew
		case err == nil || errors.Is(err, errRefused) || time.Since(begun) >= l.ends:
			tell(ctx, s.files, ctl, fmt.Sprintf("remove %s /128", l.addr))
			return fmt.Errorf("%s is no longer to be had", l.addr)
		default:
			wait = min(l.ends/8, l.ends-time.Since(begun))
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// dhcp6First is how long after the first message there is a second one; then it doubles.
var dhcp6First = time.Second

// exchange sends a message to all servers of DHCPv6 at a card, a few times at most, and gives the
// first answer. With l it is about an address.
func (s *six) exchange(ctx context.Context, card net.Interface, kind byte, l *lease6) (news news6, err error) {
	s.asking.Lock()
	defer s.asking.Unlock()
	c, err := net.ListenUDP("udp6", &net.UDPAddr{Port: 546, Zone: card.Name})
	if err != nil {
		return news, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	var number [3]byte
	rand.Read(number[:])
	ask, want := ask6(kind, number, card.HardwareAddr, l), byte(dhcp6.Reply)
	if kind == dhcp6.Solicit {
		want = dhcp6.Advertise
	}
	why, tries := errors.New("no answer"), 3
	if l == nil { // an address is there, and somebody waits for it
		tries = 2
	}
	b := make([]byte, 2048)
	for try := range tries {
		// At first the card may not know yet whether it may use its own address.
		if _, err := c.WriteTo(ask, &net.UDPAddr{IP: net.ParseIP("ff02::1:2"), Port: 547, Zone: card.Name}); err != nil {
			why = err
		}
		c.SetReadDeadline(time.Now().Add(dhcp6First << try))
		for {
			k, from, err := c.ReadFromUDPAddrPort(b)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return news, err
			}
			if !from.Addr().IsLinkLocalUnicast() {
				continue // nobody of this network: a server or its relay answers as it was asked
			}
			news, ok, err := answer6(b[:k], want, number, dhcp6.DUID(card.HardwareAddr), l != nil)
			if ok && (err == nil || l != nil && l.server != nil) {
				return news, err
			}
			if ok { // another server may have more
				why = err
			}
		}
	}
	return news, why
}
