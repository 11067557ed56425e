// Package osthread runs what changes a thread of the operating system for good, as its
// descriptors, directory, name space or rights, on a thread that ends with it.
package osthread

import (
	"runtime"
	"syscall"
)

// Go calls do on a thread of its own, which ends when do has returned. It is never the
// process's first thread: that one stays when its goroutine ends, and what it has is what
// /proc/self and others who look at /proc/PID are shown as the process's.
func Go(do func()) {
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with this
		if syscall.Gettid() != syscall.Getpid() {
			do()
			return
		}
		begun := make(chan struct{})
		Go(func() { // another one, while the first is held here
			close(begun)
			do()
		})
		<-begun
		runtime.UnlockOSThread()
	}()
}
