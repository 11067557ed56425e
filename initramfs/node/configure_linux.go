package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"ninespace/srv"
)

// A config is what a card gets.
type config struct {
	card    net.Interface
	addr    netip.Prefix
	gateway netip.Addr
	dns     []netip.Addr
	ntp     []string
	domain  string
	name    string
}

// configure gives a card its address, and the system what goes with it.
func (n *node) configure(ctx context.Context, files srv.File, c config, how string) error {
	if !c.addr.IsValid() || c.addr.Addr().IsUnspecified() {
		return errAgain{fmt.Errorf("%s: no address %s", c.card.Name, how)}
	}
	if err := addAddr(ctx, files, c.card, fmt.Sprintf("%s /%d", c.addr.Addr(), mask(c.addr))); err != nil {
		return err
	}
	if err := n.route(ctx, files, c); err != nil { // its own network it has
		n.log.Printf("init: %s: %v", c.card.Name, err)
	}
	if err := n.resolver(0, c.dns, strings.Fields(c.domain)); err != nil {
		return err
	}
	if n.params.Name == "" && c.name != "" {
		if err := setName(c.name); err != nil { // it has the one that it had
			n.log.Printf("init: %s: %v", c.card.Name, err)
		}
	}
	n.mu.Lock()
	n.ntp, n.ether = c.ntp, c.card.HardwareAddr.String()
	n.mu.Unlock()
	n.log.Printf("init: %s is %v %s", c.card.Name, c.addr, how)
	return nil
}

// route leads what is for others to the router. Where that is in no network of the card's, as clouds have
// it, it is on the wire all the same.
func (n *node) route(ctx context.Context, files srv.File, c config) error {
	if !c.gateway.IsValid() {
		return nil
	}
	add := func(line string) error {
		if err := tell(ctx, files, "iproute", line); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		return nil
	}
	if !c.addr.Masked().Contains(c.gateway) {
		if err := add(fmt.Sprintf("add %s /128 0.0.0.0 %d", c.gateway, c.card.Index)); err != nil {
			return err
		}
	}
	return add("add default 0 " + c.gateway.String())
}

// card is the address of the card that the node has its own on.
func (n *node) card() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ether
}

// mask is a prefix's length as netfs takes it: of the 128 bits that all addresses have.
func mask(p netip.Prefix) int {
	if p.Addr().Is4() {
		return 96 + p.Bits()
	}
	return p.Bits()
}
