package ns

import (
	"fmt"
	"os"
	"strconv"
	"strings"
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

// dying tells whether a thread has been killed: SIGKILL is pending, as the
// kernel makes it for each signal that ends a process.
func dying(tid int) bool {
	if tid == 0 {
		return true
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(tid) + "/status")
	if err != nil {
		return true // gone
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "SigPnd:"); ok {
			if set, err := strconv.ParseUint(strings.TrimSpace(v), 16, 64); err == nil {
				return set&(1<<(9-1)) != 0
			}
		}
	}
	return false
}
