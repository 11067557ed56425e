package ns

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"strconv"
	"strings"
	"syscall"
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
	gone, err := unused(known, h.strike)
	if err != nil { // the next look may see who is there
		return
	}
	for g := range gone {
		g.Close()
		go h.dropName(groupDir(g.id))
	}
}

// unused leaves of groups, with the numbers of their mount namespaces, those that nobody uses: strike
// takes out what it sees used. It looks a second time where there are any: a thread that executes a
// program gets its process's number, and one that has just begun another process may be gone, so that
// one look may come too early for the new number and too late for the old one.
func unused(known map[*Group]uint64, strike func(map[*Group]uint64) error) (map[*Group]uint64, error) {
	for n := 0; n < 2 && len(known) > 0; n++ {
		if err := strike(known); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// strike takes out of known the groups in whose mount namespaces a thread is, and those of which
// something is mounted in another one that a thread is in: a process may have left its group's
// namespace for a copy of its own. What is mounted it looks at only if any are left.
func (h *host) strike(known map[*Group]uint64) error {
	err := inUse(false, func(_ string, ns uint64) (bool, error) {
		maps.DeleteFunc(known, func(_ *Group, own uint64) bool { return own == ns })
		return len(known) > 0, nil
	})
	if err != nil || len(known) == 0 {
		return err
	}
	dev := deviceName(h.dev)
	return inUse(true, func(thread string, _ uint64) (bool, error) {
		if h.rooted(thread) { // in which group it does not say
			clear(known)
			return false, nil
		}
		lines, err := mountLines(thread)
		for m := range lines {
			if m.dev != dev {
				continue
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(m.root, "/"), "/")
			maps.DeleteFunc(known, func(g *Group, _ uint64) bool { return name == groupDir(g.id) })
		}
		return len(known) > 0, unseen(err)
	})
}

// rooted tells whether a thread has a root other than its mount namespace's, chroot(2), that is in
// the engine's file system: its list of mounts has none of what is not beneath that.
func (h *host) rooted(thread string) bool {
	if root, err := os.Readlink(thread + "/root"); err != nil || root == "/" {
		return false
	}
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, thread+"/root", unix.AT_STATX_DONT_SYNC, 0, &st)
	return err == nil && unix.Mkdev(st.Dev_major, st.Dev_minor) == h.dev
}

// inUse tells of the mount namespaces that threads of other processes are in: the directory of /proc
// of one of them, and the namespace's number; with roots, once for each root that threads have in
// it, as they see the mounts beneath that alone. It goes on as long as do says so. It fails where it
// could not see all that may be seen, as without a free descriptor.
func inUse(roots bool, do func(thread string, ns uint64) (more bool, err error)) error {
	type place struct {
		ino  uint64 // of the namespace, which costs less to get than its number
		root string
	}
	seen := map[place]bool{}
	own := strconv.Itoa(os.Getpid()) // whose threads visit groups
	processes, err := numbersIn("/proc")
	if err != nil {
		return err
	}
	for _, process := range processes {
		if process == own {
			continue
		}
		threads, err := numbersIn("/proc/" + process + "/task")
		if unseen(err) != nil {
			return err
		}
		for _, thread := range threads {
			thread = "/proc/" + process + "/task/" + thread
			var st unix.Stat_t
			var at place
			err := unix.Stat(thread+"/ns/mnt", &st)
			if at.ino = st.Ino; err == nil && roots {
				at.root, err = os.Readlink(thread + "/root")
			}
			if err == nil && seen[at] {
				continue
			}
			var ns uint64
			if err == nil {
				ns, err = namespaceOf(thread)
			}
			if unseen(err) != nil {
				return err
			}
			if err != nil {
				continue
			}
			seen[at] = true
			if more, err := do(thread, ns); !more || err != nil {
				return err
			}
		}
	}
	return nil
}

// unseen takes away an error that says that a process is gone, or is not to be seen; EINVAL says
// so of its mounts.
func unseen(err error) error {
	for _, is := range [...]syscall.Errno{unix.ENOENT, unix.ESRCH, unix.EACCES, unix.EPERM, unix.EINVAL} {
		if errors.Is(err, is) {
			return nil
		}
	}
	return err
}

// numbersIn gives the names in a directory of /proc that are numbers, with an error those that were
// read before it.
func numbersIn(dir string) (names []string, err error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var buf [2 << 10]byte
	for {
		n, err := unix.Getdents(fd, buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return names, err
		}
		for b := buf[:n]; len(b) > 0; b = b[direntSize(b):] {
			name, _, _ := bytes.Cut(b[unsafe.Offsetof(unix.Dirent{}.Name):direntSize(b)], []byte{0})
			if name[0] >= '0' && name[0] <= '9' {
				names = append(names, string(name))
			}
		}
	}
}

// direntSize is how long an entry is, getdents(2).
func direntSize(b []byte) uint16 {
	return binary.NativeEndian.Uint16(b[unsafe.Offsetof(unix.Dirent{}.Reclen):])
}

// mountNamespace gives the number of the calling thread's, 0 if there is none.
func mountNamespace() uint64 {
	ns, _ := namespaceOf("/proc/thread-self")
	return ns
}

// namespaceOf gives that of a thread with a directory of /proc. It never is another's again, but
// before Linux 6.11, which had no such numbers.
func namespaceOf(thread string) (uint64, error) {
	fd, err := unix.Open(thread+"/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var id uint64
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.NS_GET_MNTNS_ID, uintptr(unsafe.Pointer(&id))); errno == 0 {
		return id, nil
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	return st.Ino, err
}
