//go:build linux

package cpu

import (
	"io"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// restAfter is how long a session hears nothing before it gives back the memory that it does
// not need: there may be many that wait for their users.
const restAfter = 300 * time.Millisecond

// worthIt is from how many bytes on that the heap has, garbage and what is free among them, it
// is collected then. The first collections cost about 700 KiB for good, as Go's runtime keeps lists
// for each size of what it allocates; a session that has done little has less garbage than that.
const worthIt = 2 << 20

// A restful stream is one whose process gives memory back when nothing has come for a while.
type restful struct {
	io.ReadWriteCloser
	rest  func() // does what else there is to do then
	timer *time.Timer
	awake atomic.Bool // the timer runs
	heard atomic.Bool // since it was set
}

func newRestful(c io.ReadWriteCloser, rest func()) *restful {
	r := &restful{ReadWriteCloser: c, rest: rest}
	r.awake.Store(true)
	r.timer = time.AfterFunc(restAfter, r.look)
	return r
}

func (r *restful) Read(p []byte) (int, error) {
	n, err := r.ReadWriteCloser.Read(p)
	r.heard.Store(true)
	if !r.awake.Load() && !r.awake.Swap(true) {
		r.timer.Reset(restAfter)
	}
	return n, err
}

// look is called by the timer.
func (r *restful) look() {
	if r.heard.Swap(false) {
		r.timer.Reset(restAfter)
		return
	}
	r.rest()
	if heap() > worthIt {
		for range 2 { // the first one leaves what pools have for the second
			debug.FreeOSMemory()
		}
	}
	r.awake.Store(false)
	if r.heard.Load() && !r.awake.Swap(true) { // meanwhile
		r.timer.Reset(restAfter)
	}
}

// heap is how many bytes it has. It is no runtime.ReadMemStats, which sorts all that is in memory
// into those lists.
func heap() uint64 {
	all := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(all)
	return all[0].Value.Uint64() + all[1].Value.Uint64()
}

func (r *restful) Close() error {
	r.timer.Stop()
	return r.ReadWriteCloser.Close()
}
