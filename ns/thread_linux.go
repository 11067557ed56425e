package ns

import (
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"ninespace/srv/osthread"
)

// Mounts are made in the mount namespaces of others by threads that visit these.
// What they name there leads through the engine's own file system, so they wait for
// the engine as every other process does; and were the engine killed meanwhile, the
// kernel would end their wait only when the last descriptor of /dev/fuse is closed. No
// mount surely does not wait: whoever lists a directory to memory of a file of the engine's has
// the directory locked until the engine answers.
// So a visitor has a table of descriptors of its own, with none of that in it.

// A visitor is such a thread. At home it is in the engine's own mount namespace.
type visitor struct {
	*home
	work chan func()
	lost bool // it can't come back
}

// A home is where visitors come from. All is open in their own tables too.
type home struct {
	ns, root int   // the mount namespace and the host's root in it
	keep     []int // descriptors of a visitor's, in order
	idle     chan *visitor
}

const idleVisitors = 4

// newHome makes the calling thread's namespace and root visitors' home. They keep
// the descriptors of also.
func newHome(also ...int) (*home, error) {
	h := &home{idle: make(chan *visitor, idleVisitors)}
	var err error
	if h.ns, err = unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("mount namespace: %w", err)
	}
	if h.root, err = unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("/: %w", err)
	}
	h.keep = append([]int{0, 1, 2, h.ns, h.root}, also...)
	// Go's runtime looks for what is ready on any thread: by those two.
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, bare(err)
	}
	for _, fd := range fds {
		switch to, _ := os.Readlink("/proc/self/fd/" + fd.Name()); to {
		case "anon_inode:[eventpoll]", "anon_inode:[eventfd]":
			if n, err := strconv.Atoi(fd.Name()); err == nil {
				h.keep = append(h.keep, n)
			}
		}
	}
	slices.Sort(h.keep)
	return h, nil
}

// visit runs do in a visitor at home. The descriptors there are others than here.
func (h *home) visit(do func(*visitor) error) error {
	var v *visitor
	select {
	case v = <-h.idle:
	default:
		v = &visitor{home: h, work: make(chan func())}
		started := make(chan error)
		osthread.Go(func() { v.live(started) })
		if err := <-started; err != nil {
			close(v.work)
			return err
		}
	}
	done := make(chan error, 1)
	v.work <- func() { done <- do(v) }
	err := <-done
	if !v.lost {
		select {
		case h.idle <- v:
			return err
		default:
		}
	}
	close(v.work)
	return err
}

// live is the thread.
func (v *visitor) live(started chan error) {
	err := v.part()
	if err == nil {
		err = v.back()
	}
	started <- err
	for do := range v.work {
		do()
	}
}

// part gives the thread a working directory and descriptors of its own.
func (v *visitor) part() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("visitor: %w", err)
	}
	next := v.keep[len(v.keep)-1] + 1
	if err := unix.CloseRange(uint(next), ^uint(0)>>32, unix.CLOSE_RANGE_UNSHARE); err != nil {
		return fmt.Errorf("visitor's descriptors: %w", err)
	}
	next = 0
	for _, fd := range v.keep {
		if fd > next {
			if err := unix.CloseRange(uint(next), uint(fd-1), 0); err != nil {
				return fmt.Errorf("visitor's descriptors: %w", err)
			}
		}
		next = fd + 1
	}
	return nil
}

// in runs do in the mount namespace of the thread tid, and comes back.
func (v *visitor) in(tid int, do func() error) error {
	ns, err := unix.Open("/proc/"+strconv.Itoa(tid)+"/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Setns(ns, unix.CLONE_NEWNS)
		unix.Close(ns)
	}
	if err != nil {
		return fmt.Errorf("mount namespace of thread %d: %w", tid, err)
	}
	defer func() { v.lost = v.back() != nil }()
	return do()
}

// back brings the thread home.
func (v *visitor) back() error {
	err := unix.Setns(v.ns, unix.CLONE_NEWNS)
	if err == nil {
		err = unix.Fchdir(v.root)
	}
	if err == nil {
		err = unix.Chroot(".")
	}
	if err != nil {
		return fmt.Errorf("visitor: %w", err)
	}
	return nil
}

// rest ends the visitors that nobody needs just now.
func (h *home) rest() {
	for {
		select {
		case v := <-h.idle:
			close(v.work)
		default:
			return
		}
	}
}

// end lets go of what is home, and of the visitors that nobody needs.
func (h *home) end() {
	h.rest()
	unix.Close(h.ns)
	unix.Close(h.root)
}
