package ns

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv/osthread"
)

// An engine that is killed may not end. If a thread of it waits just then for what requests hold,
// a page that is being read, the kernel waits with the end of the file system for that thread, and
// that for what nobody answers any more. So who starts an engine ends its file system.

// guard waits for the end of alive, a pipe that the engine's process holds, and from then on, until
// done is closed, which is when that process has ended, calls free now and then.
func guard(alive *os.File, done <-chan struct{}, free func()) {
	defer alive.Close()
	alive.Read(make([]byte, 1))
	for {
		select {
		case <-done:
			return
		case <-time.After(100 * time.Millisecond): // for threads that take their time
		}
		free()
	}
}

// guard sees to it that an engine which is killed ends.
func (s *Session) guard(alive *os.File) {
	mounts, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", s.cmd.Process.Pid))
	if err != nil {
		alive.Close()
		return
	}
	go func() {
		defer mounts.Close()
		guard(alive, s.done, func() { abortIn(mounts, engineDir) })
	}()
}

// Guard sees to it that the process pid, which has an engine in it (see StartHere), ends when it is
// killed, and all that is below it, in its name spaces. It is called by the parent, which has given
// the process the other end of the pipe alive, and returns when done is closed: the parent has
// waited for it. Only root can do that for others than itself.
func Guard(pid int, alive *os.File, done <-chan struct{}) {
	guard(alive, done, func() {
		pids := below(pid)
		select {
		case <-done: // and the number may be another's
			return
		default:
		}
		for _, p := range pids {
			unix.Kill(p, unix.SIGKILL)
			if !inside(p) {
				continue
			}
			if mounts, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", p)); err == nil {
				abortIn(mounts, "/")
				mounts.Close()
			}
		}
	})
}

// inside tells whether a process is in a name space of an engine's.
func inside(pid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == "/" && strings.Contains(line, " - fuse.nine ") {
			return true
		}
	}
	return false
}

// below gives the descendants of a process.
func below(pid int) (pids []int) {
	for _, p := range childrenOf(strconv.Itoa(pid)) {
		pids = append(append(pids, p), below(p)...)
	}
	return pids
}

// abortIn ends the file system that is mounted at dir in a mount namespace: each request of it,
// and whatever is asked later, gets an error.
func abortIn(mounts *os.File, dir string) {
	tried := make(chan struct{})
	osthread.Go(func() {
		defer close(tried)
		if unix.Unshare(unix.CLONE_FS) == nil && unix.Setns(int(mounts.Fd()), unix.CLONE_NEWNS) == nil {
			unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH)
		}
	})
	<-tried
}
