package rc

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// patient makes a system call that may wait for others, where the shell's are made. Where a
// person types, an interrupt ends the waiting with EINTR: the other may never
// answer. What the call gives all the same, some day, is for undo, which may be nil.
func patient[T any](sh *shell, call func() (T, error), undo func(T)) (v T, err error) {
	if sh.interactive == 0 {
		sh.place.do(func() { v, err = call() })
		return v, err
	}
	type result struct {
		v   T
		err error
	}
	done, thread, place := make(chan result, 1), make(chan int, 1), sh.place
	place.retain()
	go func() {
		var r result
		place.do(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			thread <- unix.Gettid()
			r.v, r.err = call()
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
		if sh.r.interrupts.Load() == sh.interrupts {
			continue
		}
		select {
		case tid := <-thread:
			// A server is told by this that nobody waits; Go takes no notice.
			unix.Tgkill(unix.Getpid(), tid, unix.SIGURG)
		default:
		}
		go func() {
			if r := <-done; r.err == nil && undo != nil {
				undo(r.v)
			}
		}()
		return v, unix.EINTR
	}
}

// closed undoes what opens a descriptor.
func closed(fd int) { unix.Close(fd) }
