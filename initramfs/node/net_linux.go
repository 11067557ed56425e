package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/netfs"
	"ninespace/srv/p9"
)

// network configures the network as ip= says. All of it is written to files of a netfs.
func (n *node) network(ctx context.Context) error {
	files := netfs.New(netfs.Config{})
	lo, err := net.InterfaceByName("lo")
	if err == nil {
		err = tell(ctx, files, fmt.Sprintf("ipifc/%d/ctl", lo.Index), "up")
	}
	if err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	ip := n.params.IP
	if ip.Off {
		return nil
	}
	var six *six
	if ip.DHCP && n.six == nil {
		if six, err = listen6(files); err != nil {
			n.log.Printf("init: no IPv6: %v", err)
		} else {
			defer six.unused(n)
		}
	}
	cards, err := n.cards(ctx, files)
	if err != nil {
		return err
	}
	if !ip.DHCP {
		c := config{card: cards[0], addr: ip.Addr, gateway: ip.Gateway, dns: ip.DNS, name: ip.Name, ntp: ip.NTP}
		return n.configure(ctx, files, c, "")
	}
	if six != nil {
		n.six = six
		go n.watch6(ctx, six, cards)
	}
	return n.automatic(ctx, files, cards)
}

// automatic asks for an address of IPv4 and waits for one of IPv6, whichever comes first. The
// other is for later.
func (n *node) automatic(ctx context.Context, files srv.File, cards []net.Interface) error {
	got := make(chan error, 1)
	go func() { got <- n.dhcp(ctx, files, cards) }()
	var ready chan struct{} // never, without IPv6
	if n.six != nil {
		ready = n.six.ready
	}
	select {
	case err := <-got:
		select {
		case <-ready:
			got <- err
		default:
			return err
		}
	case <-ready:
	}
	go func() {
		for <-got != nil && ctx.Err() == nil {
			select {
			case <-time.After(dhcpAgain):
			case <-ctx.Done():
				return
			}
			got <- n.dhcp(ctx, files, cards)
		}
	}()
	return nil
}

// dhcpAgain is how long after no answer of DHCP a node that has another address asks again.
const dhcpAgain = 30 * time.Second

// addAddr has a card have an address with its mask, which it may have already. That it is not known for
// long whether another has it too is nothing to wait for.
func addAddr(ctx context.Context, files srv.File, card net.Interface, addr string) error {
	err := tell(ctx, files, fmt.Sprintf("ipifc/%d/ctl", card.Index), "add "+addr)
	if errors.Is(err, os.ErrExist) || errors.Is(err, unix.ETIMEDOUT) {
		return nil
	}
	return err
}

// tell writes a line to a file of a tree.
func tell(ctx context.Context, root srv.File, name, line string) error {
	f := root
	for _, elem := range strings.Split(name, "/") {
		w, ok := f.(srv.Walker)
		if !ok {
			return fmt.Errorf("%s: %w", name, p9.ErrNotDir)
		}
		var err error
		if f, err = w.Walk(ctx, elem); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	h, err := f.(srv.Opener).Open(ctx, p9.OWRITE)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if c, ok := h.(srv.Clunker); ok {
		defer c.Clunk()
	}
	if _, err := h.(srv.Writer).Write(ctx, []byte(line), 0); err != nil {
		return fmt.Errorf("%s: %s: %w", name, line, err)
	}
	return nil
}

// cards gives the network cards that may be the one, all of them up.
func (n *node) cards(ctx context.Context, files srv.File) ([]net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var cards []net.Interface
	for _, i := range all {
		_, err := os.Stat(filepath.Join("/sys/class/net", i.Name, "device"))
		switch want := n.params.IP.Device; {
		case want != "" && i.Name != want && i.HardwareAddr.String() != strings.ToLower(want):
		case want == "" && (err != nil || len(i.HardwareAddr) != 6):
		default:
			if err := tell(ctx, files, fmt.Sprintf("ipifc/%d/ctl", i.Index), "up"); err != nil {
				return nil, fmt.Errorf("%s: %w", i.Name, err)
			}
			cards = append(cards, i)
		}
	}
	if len(cards) == 0 {
		if n.params.IP.Device != "" {
			return nil, errAgain{fmt.Errorf("%s: no such network card", n.params.IP.Device)}
		}
		return nil, errAgain{errors.New("no network card; the module for one may not be in the image")}
	}
	return cards, nil
}

// A lease is one of DHCP and the client that keeps it.
type lease struct {
	client *nclient4.Client
	lease  *nclient4.Lease
	card   net.Interface
}

// dhcp asks on each card for an address, RFC 2131, and takes the first answer.
func (n *node) dhcp(ctx context.Context, files srv.File, cards []net.Interface) error {
	ctx1, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		lease
		err error
	}
	got := make(chan answer, len(cards))
	for _, card := range cards {
		go func() {
			l, err := n.discover(ctx1, card)
			got <- answer{l, err}
		}()
	}
	var failed error
	for i := range cards {
		a := <-got
		if a.err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", a.card.Name, a.err))
			continue
		}
		cancel()
		go func() { // those that come too late
			for range cards[i+1:] {
				if late := <-got; late.err == nil {
					late.client.Release(late.lease.lease)
					late.client.Close()
				}
			}
		}()
		if err := n.configure(ctx, files, a.config(), "by DHCP from "+a.lease.lease.ACK.ServerIdentifier().String()); err != nil {
			a.client.Close()
			return err
		}
		go n.keep(context.WithoutCancel(ctx), files, a.lease)
		return nil
	}
	return errAgain{failed}
}

// dhcpFirst is how long after the first request there is a second one; then it doubles.
var dhcpFirst = time.Second

// discover asks on one card.
func (n *node) discover(ctx context.Context, card net.Interface) (lease, error) {
	l := lease{card: card}
	// A request has a number at random. The kernel of a machine without a source of
	// chance makes some of its own while somebody waits for it, which the client,
	// asking without waiting, does not.
	var b [1]byte
	if _, err := unix.Getrandom(b[:], 0); err != nil {
		return l, err
	}
	c, err := nclient4.New(card.Name, nclient4.WithTimeout(dhcpFirst), nclient4.WithRetry(4))
	if err != nil {
		return l, err
	}
	if l.lease, err = c.Request(ctx, n.asks()...); err != nil {
		c.Close()
		return l, fmt.Errorf("no answer to DHCP: %w", err)
	}
	l.client = c
	return l, nil
}

// asks are the options of each request.
func (n *node) asks() []dhcpv4.Modifier {
	mods := []dhcpv4.Modifier{dhcpv4.WithRequestedOptions(dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer,
		dhcpv4.OptionDomainName, dhcpv4.OptionHostName, dhcpv4.OptionNTPServers)}
	if n.params.Name != "" {
		mods = append(mods, dhcpv4.WithOption(dhcpv4.OptHostName(n.params.Name)))
	}
	return mods
}

// config is what the server has said.
func (l lease) config() config {
	ack := l.lease.ACK
	c := config{card: l.card, domain: ack.DomainName(), name: ack.HostName()}
	a, _ := netip.AddrFromSlice(ack.YourIPAddr.To4())
	bits, size := ack.SubnetMask().Size()
	if size == 0 {
		bits = 32
	}
	c.addr = netip.PrefixFrom(a, bits)
	if r := ack.Router(); len(r) > 0 {
		c.gateway, _ = netip.AddrFromSlice(r[0].To4())
	}
	for _, d := range ack.NTPServers() {
		c.ntp = append(c.ntp, d.String())
	}
	for _, d := range ack.DNS() {
		if a, ok := netip.AddrFromSlice(d.To4()); ok {
			c.dns = append(c.dns, a)
		}
	}
	return c
}

// keep renews a lease for as long as the node runs. A server that does not answer is asked
// again until the lease has run out, and then any server is.
func (n *node) keep(ctx context.Context, files srv.File, l lease) {
	for {
		ack := l.lease.ACK
		whole := ack.IPAddressLeaseTime(time.Hour)
		wait := ack.IPAddressRenewalTime(whole / 2)
		for {
			time.Sleep(max(wait, 10*time.Second))
			renewed, err := l.client.Renew(ctx, l.lease, n.asks()...)
			if err != nil {
				renewed, err = l.client.Request(ctx, n.asks()...)
			}
			if err == nil {
				l.lease = renewed
				break
			}
			n.log.Printf("init: %s: lease not renewed: %v", l.card.Name, err)
			wait = whole / 8
		}
		if c := l.config(); !c.addr.Addr().IsUnspecified() && l.lease.ACK.YourIPAddr.String() != ack.YourIPAddr.String() {
			if err := n.configure(ctx, files, c, "by DHCP, anew"); err != nil {
				n.log.Printf("init: %v", err)
			}
		}
	}
}
