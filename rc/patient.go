package rc

import (
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// patient makes a system call that may wait for others, where the shell's are made. Where a
// person types, an interrupt ends the waiting with EINTR, as the end of the terminal does: the
// other may never answer. The call is told by left that nobody waits any more. What it gives all the same,
// some day, is for undo, which may be nil.
func patient[T any](sh *shell, call func(left *gone) (T, error), undo func(T)) (v T, err error) {
	if sh.interactive == 0 {
		sh.place.do(func() { v, err = call(nil) })
		return v, err
	}
	type result struct {
		v   T
		err error
	}
	done, thread, place, left := make(chan result, 1), make(chan int, 1), sh.place, new(gone)
	place.retain()
	go func() {
		var r result
		place.do(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			thread <- unix.Gettid()
			r.v, r.err = call(left)
		})
		place.release()
		done <- r
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case r := <-done:
			return r.v, r.err
		case <-tick.C:
		}
		sh.r.hangup()
		if sh.r.interrupts.Load() == sh.interrupts {
			continue
		}
		left.Store(true)
		go func() {
			tid := <-thread
			for n := 0; ; n++ {
				var next <-chan time.Time
				if n < signals {
					// A server is told by this that nobody waits; Go takes no notice.
					unix.Tgkill(unix.Getpid(), tid, unix.SIGURG)
					next = time.After(20 * time.Millisecond)
				}
				select {
				case r := <-done:
					if r.err == nil && undo != nil {
						undo(r.v)
					}
					return
				case <-next:
				}
			}
		}()
		return v, unix.EINTR
	}
}

// signals are sent at most: one may come before the call waits, and not every call ends.
const signals = 50

// A gone says whether a call is one that nobody waits for any more. A nil one is somebody's.
type gone struct{ atomic.Bool }

func (g *gone) is() bool { return g != nil && g.Load() }

// again makes a call until no signal, Go's own among them, ends it, or nobody waits.
func again(left *gone, call func() error) error {
	for {
		if err := call(); err != unix.EINTR || left.is() {
			return err
		}
	}
}

// closed undoes what opens a descriptor.
func closed(fd int) { unix.Close(fd) }
