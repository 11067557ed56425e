package osthread

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// first is whether what main started ran on the process's first thread: with go, and with Go.
var first [2]bool

func init() { runtime.LockOSThread() } // main's goroutine is on the first thread, and stays

func TestMain(m *testing.M) {
	runtime.UnlockOSThread()
	procs := runtime.GOMAXPROCS(1) // whatever main starts, and waits for, gets main's thread
	for i, start := range []func(func()){func(do func()) { go do() }, Go} {
		done := make(chan bool)
		start(func() { done <- syscall.Gettid() == syscall.Getpid() })
		first[i] = <-done
	}
	runtime.GOMAXPROCS(procs)
	os.Exit(m.Run())
}

// TestFirst has nothing run on the first thread.
func TestFirst(t *testing.T) {
	if !first[0] {
		t.Error("go did not run on the first thread, so this shows nothing")
	}
	if first[1] {
		t.Error("Go did")
	}
}

// TestGo has threads of many at once, each another's and none the first.
func TestGo(t *testing.T) {
	const n = 32
	ids, end := make(chan int), make(chan struct{})
	for range n {
		Go(func() {
			ids <- syscall.Gettid()
			<-end
		})
	}
	seen := map[int]bool{syscall.Getpid(): true}
	for range n {
		id := <-ids
		if seen[id] {
			t.Errorf("thread %d twice, or first", id)
		}
		seen[id] = true
	}
	close(end)
}
