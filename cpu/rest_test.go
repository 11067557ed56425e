package cpu

import (
	"io"
	"net"
	"runtime"
	"testing"

	"ninespace/srv/srvtest"
)

// TestRestful has a stream give memory back when nothing comes any more, and again after
// something has.
func TestRestful(t *testing.T) {
	srvtest.CheckGoroutines(t)
	near, far := net.Pipe()
	r := newRestful(far, func() {})
	defer near.Close()
	defer r.Close()
	go io.Copy(io.Discard, r)
	for range 2 {
		if _, err := near.Write([]byte("word")); err != nil {
			t.Fatal(err)
		}
		if !srvtest.Until(r.awake.Load) {
			t.Fatal("it sleeps while something comes")
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if !srvtest.Until(func() bool { return !r.awake.Load() }) {
			t.Fatal("it does not rest")
		}
		if runtime.ReadMemStats(&after); after.NumForcedGC < before.NumForcedGC+2 {
			t.Errorf("%d collections", after.NumForcedGC-before.NumForcedGC)
		}
	}
}
