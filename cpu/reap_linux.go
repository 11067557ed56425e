package cpu

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Adopt makes this process the parent of what its descendants leave behind, so
// that children has it.
func Adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("subreaper: %w", err)
	}
	return nil
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

// Reap kills those children that spare is not true of, and what they leave behind.
func Reap(spare func(pid int) bool) {
	for {
		killed := false
		for _, pid := range children() {
			if !spare(pid) && unix.Kill(pid, unix.SIGKILL) == nil {
				unix.Wait4(pid, nil, 0, nil)
				killed = true
			}
		}
		if !killed {
			return
		}
	}
}
