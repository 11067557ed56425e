package up

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// adopt makes this process the parent of what its descendants leave behind, so
// that reap finds all of it.
func adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("subreaper: %w", err)
	}
	return nil
}

// grace is how long what was left behind may take to end by itself.
const grace = 2 * time.Second

// reap ends every process that is below this one: each is asked first, as by a
// terminal's end, and killed if it is still there after a while.
func reap() {
	asked := map[int]bool{}
	limit := time.Now().Add(grace)
	for {
		kids := children()
		if len(kids) == 0 {
			return
		}
		for _, pid := range kids {
			switch {
			case time.Now().After(limit):
				unix.Kill(pid, unix.SIGKILL)
			case !asked[pid]:
				asked[pid] = true
				for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGTERM, unix.SIGCONT} {
					unix.Kill(pid, sig)
				}
			}
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
		unix.Poll(nil, 2) // nothing wakes us when a descendant of anybody's becomes ours
	}
}

// children gives the pids of this process's children, those of all its threads.
func children() []int {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil
	}
	var pids []int
	for _, t := range tasks {
		b, err := os.ReadFile("/proc/self/task/" + t.Name() + "/children")
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
