package ramfs

import (
	"math"
	"runtime/debug"
	"syscall"
	"time"
)

// Memory tells how many bytes of memory the machine has, sysinfo(2).
func Memory() int64 {
	var si syscall.Sysinfo_t
	if err := syscall.Sysinfo(&si); err != nil {
		return 1 << 30 // it fails for a bad address only
	}
	return int64(min(uint64(si.Totalram)*uint64(si.Unit), math.MaxInt64))
}

// Memory that files no longer take the machine gets back when there is much of it and
// the requests that freed it have ended, but not often: all memory is looked through
// for that. What is less, the runtime gives back in its own time.
const (
	muchFreed = 64 << 20
	giveAfter = time.Second
	giveEvery = 10 * time.Second
)

// free notes that n bytes are free.
func (t *tree) free(n int64) {
	if t.freed.Add(n) >= muchFreed && t.giving.CompareAndSwap(false, true) {
		time.AfterFunc(giveAfter, t.giveBack)
	}
}

func (t *tree) giveBack() {
	t.freed.Store(0)
	debug.FreeOSMemory()
	time.AfterFunc(giveEvery, func() {
		t.giving.Store(false)
		t.free(0)
	})
}
