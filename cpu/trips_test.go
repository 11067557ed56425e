package cpu

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
)

// TestCounted: requests that came together are one round trip, one behind an answer is another.
func TestCounted(t *testing.T) {
	far, near := net.Pipe()
	defer far.Close()
	defer near.Close()
	var trips atomic.Uint64
	c := &counted{Conn: near, trips: &trips}
	b := make([]byte, 1)
	for i, step := range []struct {
		asks string
		want uint64
	}{{"", 0}, {"ab", 1}, {"c", 2}, {"def", 3}} {
		if i > 1 {
			go io.ReadFull(far, make([]byte, 1))
			if _, err := c.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if step.asks != "" { // a pipe has somebody read of nothing, too
			go io.WriteString(far, step.asks)
		}
		for range step.asks {
			if _, err := c.Read(b); err != nil {
				t.Fatal(err)
			}
		}
		if n := trips.Load(); n != step.want {
			t.Errorf("%q: %d round trips, not %d", step.asks, n, step.want)
		}
	}
}
