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
// session that has done little has less garbage than that, and 2 MiB in all.
const worthIt = 3 << 20

// A restful stream is one whose process gives memory back when nothing has come for a while.
type restful struct {
	io.ReadWriteCloser
	worth int64  // bytes from which on garbage is collected then
	rest  func() // does what else there is to do then
	timer *time.Timer
	awake atomic.Bool // the timer runs
	heard atomic.Bool // since it was set
}

func newRestful(c io.ReadWriteCloser, worth int64, rest func()) *restful {
	r := &restful{ReadWriteCloser: c, worth: worth, rest: rest}
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
	if own() >= r.worth {
		for range 2 { // the first one leaves what pools have for the second
			debug.FreeOSMemory()
		}
	}
	r.awake.Store(false)
	if r.heard.Load() && !r.awake.Swap(true) { // meanwhile
		r.timer.Reset(restAfter)
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
