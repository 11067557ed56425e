package cpu

import (
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"

	"ninespace/srv/srvtest"
)

// TestRestful has a stream give memory back when nothing comes any more, and again after
// something has, where the heap has much.
func TestRestful(t *testing.T) {
	srvtest.CheckGoroutines(t)
	near, far := net.Pipe()
	var rested atomic.Int32
	r := newRestful(far, func() { rested.Add(1) })
	defer near.Close()
	defer r.Close()
	go io.Copy(io.Discard, r)
	asleep := func() bool { return !r.awake.Load() }
	if !srvtest.Until(asleep) {
		t.Fatal("it does not rest at first")
	}
	for round, much := range []bool{true, false, true} {
		var before, after runtime.MemStats
		if garbage = nil; much {
			garbage = make([]byte, worthIt+1)
		} else {
			debug.FreeOSMemory() // what the tests before left
		}
		runtime.ReadMemStats(&before)
		if _, err := near.Write([]byte("word")); err != nil {
			t.Fatal(err)
		}
		if !srvtest.Until(func() bool { return r.awake.Load() || rested.Load() > int32(round)+1 }) {
			t.Fatal("it sleeps while something comes")
		}
		if !srvtest.Until(asleep) {
			t.Fatal("it does not rest")
		}
		runtime.ReadMemStats(&after)
		if n := after.NumForcedGC - before.NumForcedGC; n > 0 != much || rested.Load() != int32(round)+2 {
			t.Errorf("%d collections after much is %v, %d rests", n, much, rested.Load())
		}
	}
}

var garbage []byte
