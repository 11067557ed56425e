//go:build linux

package cpu

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// restAfter is how long a session hears nothing before it gives back the memory that it does
// not need: there may be many that wait for their users.
const restAfter = 300 * time.Millisecond

// worthIt is from how many bytes of its own on a process collects garbage then. The first collections
// cost about 700 KiB for good, as Go's runtime keeps lists for each size of what it allocates; a
// session that has done little has less garbage than that, and 2 MiB in all. After that it does so
// when it has so many more than the least since: what it holds it would hold at each rest.
const (
	worthIt = 3 << 20
	more    = 1 << 20
)

// A hoard is memory of which some may be garbage.
type hoard struct {
	size    func() int64 // in bytes; math.MaxInt64: it can't be told
	collect func()
}

// A restful stream is one whose process gives memory back when nothing has come for a while.
type restful struct {
	io.ReadWriteCloser
	mem   hoard
	least int64  // bytes there since garbage was collected; 0: it was not, or it can't be told
	rest  func() // does what else there is to do then
	timer *time.Timer
	awake atomic.Bool // the timer runs
	heard atomic.Bool // since it was set
}

func newRestful(c io.ReadWriteCloser, mem hoard, rest func()) *restful {
	r := &restful{ReadWriteCloser: c, mem: mem, rest: rest}
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
	r.thin()
	r.awake.Store(false)
	if r.heard.Load() && !r.awake.Swap(true) { // meanwhile
		r.timer.Reset(restAfter)
	}
}

// thin collects garbage if there may be enough of it.
func (r *restful) thin() {
	n := r.mem.size()
	if n < worthIt || n-r.least < more {
		r.least = min(r.least, n)
		return
	}
	r.mem.collect()
	if r.least = r.mem.size(); r.least == math.MaxInt64 {
		r.least = 0
	}
}

// collect gives back what this process does not need.
func collect() {
	for range 2 { // the first one leaves what pools have for the second
		debug.FreeOSMemory()
	}
}

// own is how many bytes this process has that are of no file, see proc_pid_statm(5). It is no
// runtime.ReadMemStats, which sorts all that is in memory into those lists.
func own() int64 {
	text, _ := os.ReadFile("/proc/self/statm")
	var size, resident, shared int64
	if _, err := fmt.Sscan(string(text), &size, &resident, &shared); err != nil {
		return math.MaxInt64 // it can't be told
	}
	return (resident - shared) * int64(os.Getpagesize())
}

func (r *restful) Close() error {
	r.timer.Stop()
	return r.ReadWriteCloser.Close()
}
