package auth

import (
	"net/netip"
	"strings"

	"ninespace/factotum/sshkey"
)

// listed matches a list of patterns, parted by commas: one of them has to match, and
// none of those with ! in front. addr, if valid, is matched by networks, a/n.
func listed(list, name string, addr netip.Addr) bool {
	found := false
	for p := range strings.SplitSeq(strings.ToLower(list), ",") {
		p, not := strings.CutPrefix(strings.TrimSpace(p), "!")
		match := false
		if net, err := netip.ParsePrefix(p); err == nil {
			match = addr.IsValid() && net.Contains(addr.Unmap())
		} else {
			match = len(p) < 256 && sshkey.Match(p, strings.ToLower(name))
		}
		if match && not {
			return false
		}
		found = found || match
	}
	return found
}
