package imp

import (
	"testing"

	"ninespace/ns"
)

// TestOnly: a mount takes a lost one's place at once where nothing else is lost by that.
func TestOnly(t *testing.T) {
	for text, want := range map[string]bool{
		"":                     false, // it was unmounted
		"mount #s/host /n/y\n": false,
		"mount #s/host /n/x\n": true,
		"mount #s/host /n/x\nmount #s/host /n/y\n": true,
		"mount #s/host /n/x\nbind -a /tmp /n/x\n":  false,
		"mount #s/other /n/x\n":                    false,
	} {
		ops, err := ns.ParseText(text+"cd /n/x\n", "ns")
		if err != nil {
			t.Fatal(err)
		}
		for flag, want := range map[ns.Flag]bool{ns.MREPL | ns.MCREATE: want, ns.MAFTER: false} {
			if got := only(ops, "#s/host", ns.Op{Verb: "mount", Flag: flag, New: "/srv/host", Old: "/n/x"}); got != want {
				t.Errorf("%q %v: %v", text, flag, got)
			}
		}
	}
}
