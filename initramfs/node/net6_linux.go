package node

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/initramfs/dhcp6"
	"ninespace/srv"
)

// A six is what is known of the network by IPv6, whose addresses the kernel makes: it asks
// for routers on each card that is up.
type six struct {
	heard  *os.File      // netlink's messages about it
	ready  chan struct{} // closed when a card has an address
	files  srv.File      // a netfs
	asking sync.Mutex    // one at a time has the port of DHCPv6
}

// listen6 begins to listen; it is to be done before the cards are up.
func listen6(files srv.File) (*six, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("netlink", err)
	}
	f := os.NewFile(uintptr(fd), "netlink")
	var groups uint32
	for _, g := range []int{unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_IFINFO, unix.RTNLGRP_ND_USEROPT} {
		groups |= 1 << (g - 1)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		f.Close()
		return nil, os.NewSyscallError("netlink", err)
	}
	return &six{heard: f, ready: make(chan struct{}), files: files}, nil
}

// unused lets go of it where nobody watches.
func (s *six) unused(n *node) {
	if n.six != s {
		s.heard.Close()
	}
}

// settle is how long after a card's address there may come what else its router has said.
const settle = 100 * time.Millisecond

// watch6 waits until one of the cards has an address, and keeps what goes with it, until ctx
// ends.
func (n *node) watch6(ctx context.Context, s *six, cards []net.Interface) {
	defer s.heard.Close()
	defer context.AfterFunc(ctx, func() { s.heard.Close() })()
	news, asks, leased := map[int]*news6{}, map[int]bool{}, map[int]bool{}
	for _, c := range cards {
		news[c.Index] = new(news6)
	}
	configured := false
	b := make([]byte, 64<<10)
	for {
		card, addr := address6(cards)
		if !configured && addr.IsValid() {
			s.heard.SetReadDeadline(time.Now().Add(settle))
		}
		k, err := s.heard.Read(b)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.heard.SetReadDeadline(time.Time{})
			w := news[card.Index]
			if asks[card.Index] {
				w.ask(ctx, n, card)
			}
			n.configure6(card, addr, *w)
			configured = true
			close(s.ready)
		case errors.Is(err, unix.ENOBUFS):
		case err != nil:
			return
		}
		for _, m := range messages(b[:max(k, 0)]) {
			if index, flags, ok := m.routerFlags(); ok {
				asks[index] = flags&(ifManaged|ifOther) != 0
				i := slices.IndexFunc(cards, func(c net.Interface) bool { return c.Index == index })
				if flags&ifManaged != 0 && i >= 0 && !leased[index] {
					leased[index] = true
					go n.lease6(ctx, s, cards[i])
				}
			}
			if index, opts := m.routerOptions(); news[index] != nil {
				news[index].routerOptions(opts)
				if configured && card.Index == index {
					n.resolver(1, news[index].dns, news[index].domains)
				}
			}
		}
	}
}

// ask asks by DHCPv6 for what the router has not said.
func (w *news6) ask(ctx context.Context, n *node, card net.Interface) {
	more, err := n.six.exchange(ctx, card, dhcp6.Inform, nil)
	if err != nil {
		n.log.Printf("init: %s: DHCPv6: %v", card.Name, err)
		return
	}
	if len(w.dns) == 0 {
		w.dns = more.dns
	}
	if len(w.domains) == 0 {
		w.domains = more.domains
	}
	w.ntp = more.ntp
}

// configure6 says to the system what goes with an address.
func (n *node) configure6(c net.Interface, addr netip.Prefix, w news6) {
	if err := n.resolver(1, w.dns, w.domains); err != nil {
		n.log.Printf("init: %v", err)
	}
	n.mu.Lock()
	if n.ether == "" {
		n.ether = c.HardwareAddr.String()
	}
	if len(n.ntp) == 0 {
		n.ntp = w.ntp
	}
	n.mu.Unlock()
	how := "by router advertisement"
	if addr.IsSingleIP() {
		how = "by DHCPv6"
	}
	n.log.Printf("init: %s is %v %s", c.Name, addr, how)
}

// address6 gives the first address of one of the cards that others may know and that is
// nobody else's.
func address6(cards []net.Interface) (card net.Interface, addr netip.Prefix) {
	const tentative, failed = 0x40, 0x08 // if_addr.h
	b, _ := os.ReadFile("/proc/net/if_inet6")
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line) // address, index, length of the prefix, scope, flags, name
		if len(f) != 6 || f[3] != "00" {
			continue
		}
		i := slices.IndexFunc(cards, func(c net.Interface) bool { return c.Name == f[5] })
		text, err := hex.DecodeString(f[0])
		bits, err1 := strconv.ParseUint(f[2], 16, 8)
		flags, err2 := strconv.ParseUint(f[4], 16, 32)
		a, ok := netip.AddrFromSlice(text)
		if err := errors.Join(err, err1, err2); i >= 0 && ok && err == nil && flags&(tentative|failed) == 0 {
			return cards[i], netip.PrefixFrom(a, int(bits))
		}
	}
	return card, addr
}
