package ns

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Adopt makes this process the parent of what its descendants leave behind, so
// that Reap finds all of it.
func Adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("subreaper: %w", err)
	}
	return nil
}

// Reap ends every process that is below this one, but for those children, and
// theirs, that spare, if given, is true of: each is asked first, as by a terminal's
// end, and killed if it is still there after the grace.
func Reap(grace time.Duration, spare func(pid int) bool) {
	asked := map[int]bool{}
	limit := time.Now().Add(grace)
	for {
		left := false
		for _, pid := range Children() {
			if spare != nil && spare(pid) {
				continue
			}
			left = true
			switch {
			case !time.Now().Before(limit):
				unix.Kill(pid, unix.SIGKILL)
			case !asked[pid]:
				asked[pid] = true
				for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGTERM, unix.SIGCONT} {
					unix.Kill(pid, sig)
				}
			}
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
		if !left {
			return
		}
		unix.Poll(nil, 2) // nothing wakes us when a descendant of anybody's becomes ours
	}
}

// Kill kills the children that spare is not true of. What they leave are children in turn: it is for
// the caller to come again.
func Kill(spare func(pid int) bool) {
	for _, pid := range Children() {
		if !spare(pid) {
			unix.Kill(pid, unix.SIGKILL)
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

// Children gives the pids of this process's children, those of all its threads.
func Children() []int {
	const dir = "/proc/self/task/"
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var pids []int
	for _, t := range tasks {
		b, err := os.ReadFile(dir + t.Name() + "/children")
		if err != nil {
			continue
		}
		for f := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
