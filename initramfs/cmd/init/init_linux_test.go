package boot

import (
	"slices"
	"testing"
)

// TestHostKey: a node's cpud shows the key that init has made, whatever keys factotum is given.
func TestHostKey(t *testing.T) {
	for _, s := range config().Services {
		if s[0] != "cpud" {
			continue
		}
		if i := slices.Index(s, "-k"); i < 0 || s[i+1] != "/etc/ssh/ssh_host_ed25519_key" {
			t.Errorf("%q", s)
		}
		return
	}
	t.Error("no cpud")
}
