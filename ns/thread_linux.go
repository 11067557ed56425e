package ns

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// in runs do on a thread of its own in the mount namespace of the thread tid.
// The thread is thrown away: it can't come back.
func in(tid int, do func() error) error {
	ns, err := openNamespace(tid)
	if err != nil {
		return err
	}
	defer unix.Close(ns)
	done := make(chan error, 1)
	go func() {
		if err := move(ns); err != nil {
			done <- fmt.Errorf("mount namespace of thread %d: %w", tid, err)
			return
		}
		done <- do()
	}()
	return <-done
}

func openNamespace(tid int) (int, error) {
	ns, err := unix.Open("/proc/"+strconv.Itoa(tid)+"/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("mount namespace of thread %d: %w", tid, err)
	}
	return ns, nil
}

// move moves the goroutine's thread to a mount namespace, for good.
func move(ns int) error {
	runtime.LockOSThread() // and never unlock
	// setns(2) is refused while the working directory is shared.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	return unix.Setns(ns, unix.CLONE_NEWNS)
}

// A thread that has come to a namespace stays there for a while: those who bind
// once do so again, and a new one costs more than the mounts. It keeps the
// namespace from going with its last process for so long.
const threadStays = time.Second

// threads are those that stay, by the number of their mount namespace.
type threads struct {
	mu sync.Mutex
	m  map[uint64]*thread
}

type thread struct {
	work   chan func(error)
	wanted int // by how many
}

// in runs do in the mount namespace of the thread tid, on a thread that others
// use after it.
func (t *threads) in(tid int, do func() error) error {
	ns, err := openNamespace(tid)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(ns, &st); err != nil {
		unix.Close(ns)
		return err
	}
	t.mu.Lock()
	th := t.m[st.Ino]
	if th == nil {
		th = &thread{work: make(chan func(error))}
		if t.m == nil {
			t.m = map[uint64]*thread{}
		}
		t.m[st.Ino] = th
		go t.run(th, st.Ino, ns)
	} else {
		unix.Close(ns)
	}
	th.wanted++
	t.mu.Unlock()
	done := make(chan error, 1)
	th.work <- func(err error) {
		if err != nil {
			done <- fmt.Errorf("mount namespace of thread %d: %w", tid, err)
			return
		}
		done <- do()
	}
	err = <-done
	t.mu.Lock()
	th.wanted--
	t.mu.Unlock()
	return err
}

// run is the thread. ns, which it closes, is a descriptor of its namespace.
func (t *threads) run(th *thread, number uint64, ns int) {
	defer unix.Close(ns)
	err := move(ns)
	idle := time.NewTimer(threadStays)
	defer idle.Stop()
	for {
		select {
		case do := <-th.work:
			do(err)
		case <-idle.C:
			t.mu.Lock()
			if th.wanted == 0 {
				delete(t.m, number)
				t.mu.Unlock()
				return
			}
			t.mu.Unlock()
		}
		idle.Reset(threadStays)
	}
}
