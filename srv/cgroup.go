package srv

import (
	"os"
	"strings"
)

// GroupMount tells where control groups of version 2 are mounted, cgroups(7); "" for
// nowhere.
func GroupMount() string {
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for l := range strings.Lines(string(b)) {
		mount, what, _ := strings.Cut(l, " - ")
		if f := strings.Fields(mount); strings.HasPrefix(what, "cgroup2 ") && len(f) > 4 {
			return f[4]
		}
	}
	return ""
}

// ParseGroup gives the control group of version 2 in the text of /proc/N/cgroup, as a
// path below where they are mounted; "" if there is none.
func ParseGroup(text string) string {
	for l := range strings.Lines(text) {
		if path, ok := strings.CutPrefix(l, "0::"); ok {
			return strings.TrimSuffix(path, "\n")
		}
	}
	return ""
}
