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
// something has, where the process has much, and more than it had.
func TestRestful(t *testing.T) {
	srvtest.CheckGoroutines(t)
	near, far := net.Pipe()
	var size, holds, collected atomic.Int64
	var rested atomic.Int32
	mem := hoard{size.Load, func() { size.Store(min(size.Load(), holds.Load())); collected.Add(1) }}
	size.Store(worthIt - 1)
	r := newRestful(far, mem, func() { rested.Add(1) })
	defer near.Close()
	defer r.Close()
	go io.Copy(io.Discard, r)
	asleep := func() bool { return !r.awake.Load() }
	if !srvtest.Until(asleep) {
		t.Fatal("it does not rest at first")
	}
	if collected.Load() != 0 {
		t.Error("little is collected")
	}
	for round, c := range []struct {
		size, holds int64 // then, and after it was collected
		much        bool
	}{
		{worthIt - 1, 0, false},
		{worthIt, 9 * more, true}, // it can't be less
		{worthIt, 0, false},
		{worthIt + more, 9 * more, true},
		{9 * more, 9 * more, true},
		{9 * more, 0, false},
		{10*more - 1, 0, false},
		{10 * more, 7 * more, true},
		{6 * more, 0, false}, // the least
		{7 * more, 0, true},
		{math.MaxInt64, math.MaxInt64, true}, // it can't be told
		{math.MaxInt64, math.MaxInt64, true},
	} {
		before := collected.Load()
		size.Store(c.size)
		holds.Store(c.holds)
		if _, err := near.Write([]byte("word")); err != nil {
			t.Fatal(err)
		}
		if !srvtest.Until(func() bool { return r.awake.Load() || rested.Load() > int32(round)+1 }) {
			t.Fatal("it sleeps while something comes")
		}
		if !srvtest.Until(asleep) {
			t.Fatal("it does not rest")
		}
		if much := collected.Load() > before; much != c.much || rested.Load() != int32(round)+2 {
			t.Errorf("%d: that much is collected of %d is %v, and %d rests", round, c.size, much, rested.Load())
		}
	}
}

// TestHoard has a process know what it has, and give back what it does not need.
func TestHoard(t *testing.T) {
	if n := own(); n < 1<<18 || n > 1<<34 {
		t.Errorf("%d bytes of its own", n)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	collect()
	runtime.ReadMemStats(&after)
	if n := after.NumForcedGC - before.NumForcedGC; n < 2 {
		t.Errorf("%d collections", n)
	}
}
