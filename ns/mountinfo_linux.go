package ns

import (
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A mountLine is what Linux tells of a mount: the device, major:minor, the name in it of what is
// mounted, and where.
type mountLine struct{ dev, root, at string }

// mountLines gives the mounts in the namespace of a thread, whose directory of /proc it is, as far
// as it may be seen; of those at one place the one on top is last. See proc_pid_mountinfo(5).
func mountLines(proc string) (iter.Seq[mountLine], error) {
	info, err := os.ReadFile(proc + "/mountinfo")
	return func(yield func(mountLine) bool) {
		for line := range strings.Lines(string(info)) {
			f := strings.Fields(line) // id parent dev root mountpoint ...
			if len(f) >= 5 && !yield(mountLine{f[2], plainName(f[3]), plainName(f[4])}) {
				return
			}
		}
	}, err
}

// plainName undoes how Linux writes blanks in a name, as a backslash and three octal digits.
func plainName(s string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, `\`)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		c := uint64('\\')
		if n, err := strconv.ParseUint(after[:min(3, len(after))], 8, 8); err == nil && len(after) >= 3 {
			c, after = n, after[3:]
		}
		b.WriteByte(byte(c))
		s = after
	}
}

// deviceName is how Linux writes a device's number there.
func deviceName(dev uint64) string { return fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)) }

// over gives the name of a mount that others have made at a directory of g or beneath it, in the
// mount namespace of the thread pid; "" if there is none.
func (h *host) over(g *Group, pid int, at *Chan, beneath bool) string {
	var names []string
	h.mu.RLock()
	for n := range h.dirs[dirKey{g, at.key()}] {
		if n.id != 0 && (!beneath || len(n.kids) > 0) {
			names = append(names, n.path())
		}
	}
	h.mu.RUnlock()
	if len(names) == 0 { // what the kernel has mounted something on it knows
		return ""
	}
	top := map[string]string{} // of each place: what is on top there
	lines, _ := mountLines(fmt.Sprint("/proc/", pid))
	for m := range lines {
		if slices.ContainsFunc(names, func(name string) bool { return within(m.at, name) }) {
			top[m.at] = m.dev
		}
	}
	engines := deviceName(h.dev)
	for _, name := range slices.Sorted(maps.Keys(top)) {
		if g.foreign(name, top[name] == engines) {
			return name
		}
	}
	return ""
}
