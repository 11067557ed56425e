package ns

import (
	"bytes"
	"encoding/binary"
	"iter"
	"maps"
	"os"
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
	for g := range unused(known, h.strike) {
		g.Close()
		go h.dropName(groupDir(g.id))
	}
}

// unused leaves of groups, with the numbers of their mount namespaces, those that nobody uses: strike
// takes out what it sees used. It looks a second time where there are any: a thread that executes a
// program gets its process's number, and one that has just begun another process may be gone, so that
// one look may come too early for the new number and too late for the old one.
func unused(known map[*Group]uint64, strike func(map[*Group]uint64)) map[*Group]uint64 {
	for n := 0; n < 2 && len(known) > 0; n++ {
		strike(known)
	}
	return known
}

// strike takes out of known the groups in whose mount namespaces a thread is, and those of which
// something is mounted in another one that a thread is in: a process may have left its group's
// namespace for a copy of its own. What is mounted it looks at only if any are left.
func (h *host) strike(known map[*Group]uint64) {
	for _, ns := range inUse {
		if maps.DeleteFunc(known, func(_ *Group, own uint64) bool { return own == ns }); len(known) == 0 {
			return
		}
	}
	dev := deviceName(h.dev)
	for thread := range inUse {
		for m := range mountLines(thread) {
			if m.dev != dev {
				continue
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(m.root, "/"), "/")
			maps.DeleteFunc(known, func(g *Group, _ uint64) bool { return name == groupDir(g.id) })
		}
		if len(known) == 0 {
			return
		}
	}
}

// inUse gives the mount namespaces that threads of other processes are in: the directory of /proc of
// one of them, and the namespace's number.
func inUse(yield func(thread string, ns uint64) bool) {
	seen := map[uint64]bool{}        // inodes, which cost less to get
	own := strconv.Itoa(os.Getpid()) // whose threads visit groups
	for process := range numbersIn("/proc") {
		if process == own {
			continue
		}
		for thread := range numbersIn("/proc/" + process + "/task") {
			thread = "/proc/" + process + "/task/" + thread
			var st unix.Stat_t
			if unix.Stat(thread+"/ns/mnt", &st) != nil || seen[st.Ino] {
				continue
			}
			ns := namespaceOf(thread)
			if ns == 0 { // the thread is gone
				continue
			}
			seen[st.Ino] = true
			if !yield(thread, ns) {
				return
			}
		}
	}
}

// numbersIn gives the names in a directory of /proc that are numbers.
func numbersIn(dir string) iter.Seq[string] {
	return func(yield func(string) bool) {
		fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		defer unix.Close(fd)
		var buf [2 << 10]byte
		for {
			n, err := unix.Getdents(fd, buf[:])
			if err == unix.EINTR {
				continue
			}
			if err != nil || n == 0 {
				return
			}
			for b := buf[:n]; len(b) > 0; b = b[direntSize(b):] {
				name, _, _ := bytes.Cut(b[unsafe.Offsetof(unix.Dirent{}.Name):direntSize(b)], []byte{0})
				if name[0] >= '0' && name[0] <= '9' && !yield(string(name)) {
					return
				}
			}
		}
	}
}

// direntSize is how long an entry is, getdents(2).
func direntSize(b []byte) uint16 {
	return binary.NativeEndian.Uint16(b[unsafe.Offsetof(unix.Dirent{}.Reclen):])
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
