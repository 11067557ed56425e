package ns

import (
	"fmt"
	"iter"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// idMap reads a user namespace's map of ids: the ranges that exist inside. nil
// is what a machine without user namespaces has: all.
func idMap(file string) []idRange {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	m := []idRange{}
	for line := range strings.Lines(string(b)) {
		var r idRange
		var outside uint32
		if n, _ := fmt.Sscan(line, &r.first, &outside, &r.count); n == 3 {
			m = append(m, r)
		}
	}
	return m
}

// statusLines takes a thread's status in /proc apart, proc_pid_status(5): a name and what it has,
// a tab between several.
func statusLines(status []byte) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for line := range strings.Lines(string(status)) {
			name, v, _ := strings.Cut(line, ":")
			if !yield(name, strings.TrimSpace(v)) {
				return
			}
		}
	}
}

// wanted tells whether a thread has been killed, that is SIGKILL is pending, as the kernel makes
// it for each signal that ends a process, or is gone; and whether it has a signal to handle by which
// somebody asks it to end, or one of any kind while it ends: that is what ended it, or comes too
// late. Other signals ask nothing of what it waits for.
func wanted(tid int) (killed, asked bool) {
	if tid == 0 {
		return true, true
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(tid) + "/status")
	if err != nil {
		return true, true // gone
	}
	var blocked, pending uint64 // its own signals, and the process's: where it ends SIGKILL is left in these alone
	toEnd := uint64(1<<(unix.SIGHUP-1) | 1<<(unix.SIGINT-1) | 1<<(unix.SIGQUIT-1) | 1<<(unix.SIGTERM-1))
	for name, v := range statusLines(b) {
		set, _ := strconv.ParseUint(v, 16, 64)
		switch name {
		case "SigPnd", "ShdPnd":
			pending |= set
		case "SigBlk":
			blocked = set
		case "FDSize":
			if v == "0" { // it has let its files go, and waits for their closes
				toEnd = ^uint64(0)
			}
		}
	}
	return pending&(1<<(unix.SIGKILL-1)) != 0, pending&^blocked&toEnd != 0
}
