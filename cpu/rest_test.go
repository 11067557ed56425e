package cpu

import (
	"io"
	"math"
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"ninespace/srv/srvtest"
)

// TestRestful has a stream give memory back when nothing comes any more, and again after
// something has, where the process has much.
func TestRestful(t *testing.T) {
	srvtest.CheckGoroutines(t)
	if n := own(); n < 1<<18 || n > 1<<34 {
		t.Errorf("%d bytes of its own", n)
	}
	for worth, much := range map[int64]bool{0: true, math.MaxInt64: false} {
		near, far := net.Pipe()
		var rested atomic.Int32
		r := newRestful(far, worth, func() { rested.Add(1) })
		defer near.Close()
		defer r.Close()
		go io.Copy(io.Discard, r)
		asleep := func() bool { return !r.awake.Load() }
		if !srvtest.Until(asleep) {
			t.Fatal("it does not rest at first")
		}
		for round := range int32(2) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := near.Write([]byte("word")); err != nil {
				t.Fatal(err)
			}
			if !srvtest.Until(func() bool { return r.awake.Load() || rested.Load() > round+1 }) {
				t.Fatal("it sleeps while something comes")
			}
			if !srvtest.Until(asleep) {
				t.Fatal("it does not rest")
			}
			runtime.ReadMemStats(&after)
			if n := after.NumForcedGC - before.NumForcedGC; n > 0 != much || rested.Load() != round+2 {
				t.Errorf("%d collections, of which much is %v, and %d rests", n, much, rested.Load())
			}
		}
	}
}
