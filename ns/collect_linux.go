package ns

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Groups go when their last process has. Nothing tells the engine of that: a
// descriptor of a group's mount namespace would keep it, and so would every file
// of it. So now and then it looks through /proc for the mount namespaces that are
// in use and what is mounted in them: when a new group is made and some time after,
// ever more rarely while none is, for a look costs what the machine has processes.

const (
	collectEvery = 5 * time.Second // at least, between two looks
	collectMost  = 5 * time.Minute // and at most, while there are groups
)

// noNamespace is the number of a mount namespace that is no more.
const noNamespace = ^uint64(0)

// collect looks for groups to close as a new one is made, and from now on. It does not wait for that.
func (h *host) collect() {
	if !h.collecting.TryLock() {
		return // somebody looks
	}
	if h.pause = collectEvery; time.Since(h.collected) < h.pause {
		h.later()
		h.collecting.Unlock()
		return
	}
	go func() {
		defer h.collecting.Unlock()
		h.look()
	}()
}

// later has the next look after the pause.
func (h *host) later() {
	if h.next == nil {
		h.next = time.AfterFunc(h.pause, h.again)
	} else {
		h.next.Reset(h.pause)
	}
}

// again looks when some time has passed.
func (h *host) again() {
	h.collecting.Lock()
	defer h.collecting.Unlock()
	h.pause = min(2*h.pause, collectMost)
	h.look()
}

// look closes the groups that no process is in any more. While there are groups,
// there is a next look.
func (h *host) look() {
	h.collected = time.Now()
	known := map[*Group]uint64{} // before the look, so that none is missed that comes later
	h.eng.mu.Lock()
	for _, g := range h.eng.groups {
		if g.mntns != 0 {
			known[g] = g.mntns
		}
	}
	h.eng.mu.Unlock()
	if len(known) == 0 { // of a machine with many processes the look is long
		return
	}
	h.later()
	for g := range unused(known, h.used) {
		g.Close()
		go h.dropName(groupDir(g.id))
	}
}

// unused leaves of groups, with the numbers of their mount namespaces, those that nobody uses. It
// looks a second time where there are any: a thread that executes a program gets its process's
// number, and one that has just begun another process may be gone, so that one look may
// come too early for the new number and too late for the old one.
func unused(known map[*Group]uint64, used func() (map[uint64]bool, map[int]bool)) map[*Group]uint64 {
	for n := 0; n < 2 && len(known) > 0; n++ {
		namespaces, groups := used()
		maps.DeleteFunc(known, func(g *Group, ns uint64) bool { return namespaces[ns] || groups[g.id] })
	}
	return known
}

// used gives the numbers of the mount namespaces that a thread is in, and of the
// groups of which something is mounted in one of them: a process may have left
// its group's namespace for a copy of its own.
func (h *host) used() (namespaces map[uint64]bool, groups map[int]bool) {
	namespaces, groups = map[uint64]bool{}, map[int]bool{}
	seen := map[uint64]bool{} // inodes, which cost less to get
	tasks, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*")
	own := fmt.Sprintf("/proc/%d/", os.Getpid()) // whose threads visit groups
	dev := deviceName(h.dev)
	for _, t := range tasks {
		if strings.HasPrefix(t, own) {
			continue
		}
		var st unix.Stat_t
		if unix.Stat(t+"/ns/mnt", &st) != nil || seen[st.Ino] {
			continue
		}
		id := namespaceOf(t)
		if id == 0 { // the thread is gone
			continue
		}
		seen[st.Ino], namespaces[id] = true, true
		for m := range mountLines(t) {
			if m.dev != dev {
				continue
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(m.root, "/"), "/")
			if id, err := strconv.Atoi(strings.TrimPrefix(name, "g")); err == nil {
				groups[id] = true
			}
		}
	}
	return namespaces, groups
}

// mountNamespace gives the number of the calling thread's, 0 if there is none.
func mountNamespace() uint64 { return namespaceOf("/proc/thread-self") }

// namespaceOf gives that of a thread with a directory of /proc. It never is another's again, but
// before Linux 6.11, which had no such numbers.
func namespaceOf(thread string) uint64 {
	fd, err := unix.Open(thread+"/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var id uint64
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.NS_GET_MNTNS_ID, uintptr(unsafe.Pointer(&id))); errno == 0 {
		return id
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Ino
}
