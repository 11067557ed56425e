package auth

import (
	"net/netip"
	"strings"
)

// wild matches a name against a pattern with * and ?, as ssh_config(5) has it.
func wild(pattern, name string) bool {
	for len(pattern) > 0 {
		switch {
		case pattern[0] == '*':
			for strings.HasPrefix(pattern, "*") {
				pattern = pattern[1:]
			}
			if pattern == "" {
				return true
			}
			for i := range len(name) + 1 {
				if wild(pattern, name[i:]) {
					return true
				}
			}
			return false
		case name == "", pattern[0] != '?' && pattern[0] != name[0]:
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	return name == ""
}

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
			match = len(p) < 256 && wild(p, strings.ToLower(name))
		}
		if match && not {
			return false
		}
		found = found || match
	}
	return found
}
