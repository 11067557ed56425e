package ns

import "testing"

// TestQuick has a server be quick until it takes long again and again, and be so once more
// when it has answered soon for a while; the host's disks are always.
func TestQuick(t *testing.T) {
	d, local := &Dev{}, &Dev{local: true}
	after := func(n int, long, want bool) {
		t.Helper()
		for range n {
			d.took(long)
			local.took(long)
		}
		if d.quick() != want || !local.quick() {
			t.Errorf("after %d more, long %v: quick %v, local %v", n, long, d.quick(), local.quick())
		}
	}
	after(0, false, true)
	after(2, true, true)
	after(slowOne, false, true)
	after(2, true, false)
	after(1000, true, false)
	after(slowMost-2*slowOne-1, false, false)
	after(1, false, true)
	for range 1000 { // one slow of many
		after(slowOne, false, true)
		after(1, true, true)
	}
}
