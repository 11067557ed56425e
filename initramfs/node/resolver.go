package node

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// resolver writes which servers of names there are: those of IPv4 (which 0) or 6 (1) are
// now these.
func (n *node) resolver(which int, dns []netip.Addr, domains []string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[which] = names{dns, domains}
	var b strings.Builder
	if all := slices.Concat(n.names[0].domains, n.names[1].domains); len(all) > 0 {
		fmt.Fprintln(&b, "search", strings.Join(all, " "))
	}
	for _, r := range n.names {
		for _, d := range r.dns {
			fmt.Fprintln(&b, "nameserver", d)
		}
	}
	// Routers say the same every few seconds, and somebody may just be reading it.
	if old, err := os.ReadFile(resolvConf); b.Len() == 0 || err == nil && string(old) == b.String() {
		return nil
	}
	if err := os.WriteFile(resolvConf+".new", []byte(b.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(resolvConf+".new", resolvConf)
}

// names are servers of names, and where to look for one that is short.
type names struct {
	dns     []netip.Addr
	domains []string
}

// resolvConf is where programs look for them.
var resolvConf = "/etc/resolv.conf"
