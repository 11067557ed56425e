package devfuse

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv/osthread"
)

// Some of what the kernel is told it waits with until requests are answered that hold what it
// needs, a page or a directory, in a sleep that nothing ends. If the process is killed then, the
// thread that sleeps keeps the process's descriptors open, and with them the device, whose end
// those requests wait for: nothing would ever end. So such threads have a table of descriptors
// of their own, with nothing of the device but a clone of it. Then the device is closed as the
// other threads end, and the requests that it had read with it; fuse_dev_release in Linux's
// fs/fuse/dev.c.
type aside struct {
	fd      int // the clone; -1: there is none
	most    int // how many may sleep so; what comes then waits
	work    chan func(fd int)
	threads sync.WaitGroup
	mu      sync.Mutex
	n       int // threads
	closed  bool
}

// What is told of directories and what is told of data do not wait for each other: one server that
// does not answer a request that has a directory locked is not to keep others' data from being
// dropped, nor the other way round.
const (
	namesMost = 64
	dataMost  = 1024 // those who drop data have few at once of each server
)

// init makes the descriptor for the threads, most of them. Without, they write to the device itself.
func (a *aside) init(fd, most int) {
	a.fd, a.most, a.work = -1, most, make(chan func(int))
	clone, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	of := uint32(fd)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(clone), devClone, uintptr(unsafe.Pointer(&of))); errno != 0 {
		unix.Close(clone)
		return
	}
	a.fd = clone
}

// devClone is FUSE_DEV_IOC_CLONE, _IOR(229, 0, uint32_t).
const devClone = 2<<30 | 4<<16 | 229<<8

// do has something done by a thread apart, with a descriptor to tell the kernel by, and waits for
// it. It is not done if the file system has ended.
func (a *aside) do(c *Conn, do func(fd int)) {
	select {
	case <-c.over:
		return
	default:
	}
	done := make(chan struct{})
	work := func(fd int) {
		defer close(done)
		do(fd)
	}
	select {
	case a.work <- work:
	default:
		a.more(c)
		select {
		case a.work <- work:
		case <-c.over:
			return
		}
	}
	<-done
}

// more has one thread more, if that may be.
func (a *aside) more(c *Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.n < a.most && !a.closed {
		a.n++
		a.threads.Add(1)
		osthread.Go(func() {
			defer a.threads.Done()
			a.loop(c)
		})
	}
}

// close waits for the threads, once the file system has ended.
func (a *aside) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.threads.Wait()
	if a.fd >= 0 {
		unix.Close(a.fd)
	}
}

// loop does what is to be done, on a thread that ends with it. One stays for later.
func (a *aside) loop(c *Conn) {
	if a.fd >= 0 {
		leave(a.fd)
	}
	for {
		select {
		case do := <-a.work:
			if a.fd >= 0 {
				do(a.fd)
			} else {
				c.used.RLock()
				do(c.fd)
				c.used.RUnlock()
			}
			if !a.spare(1) {
				continue
			}
		case <-c.over:
			a.spare(0)
		}
		return
	}
}

// spare reports whether more threads than so many are left, and then counts the caller out.
func (a *aside) spare(than int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.n <= than {
		return false
	}
	a.n--
	return true
}

// leave has the calling thread close all descriptors in a table of its own, but for one and
// those by which Go's scheduler wakes threads, which it may do from any.
func leave(but int) {
	if unix.Unshare(unix.CLONE_FILES) != nil {
		return
	}
	const dir = "/proc/thread-self/fd"
	ents, _ := os.ReadDir(dir)
	for _, e := range ents {
		to, _ := os.Readlink(filepath.Join(dir, e.Name()))
		fd, err := strconv.Atoi(e.Name())
		if err == nil && fd != but && !strings.HasPrefix(to, "anon_inode:[event") {
			unix.Close(fd)
		}
	}
}
