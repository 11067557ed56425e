package srv

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"ninespace/srv/p9"
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

// unlimited is how a limit that there is none of is written, as ulimit(1) has it.
const unlimited = "unlimited"

// ParseLimit reads the value of a limit: a number, in bytes where it is of those, with K,
// M, G or T behind it for a power of 1024; or unlimited, which is the largest number,
// RLIM_INFINITY.
func ParseLimit(s string) (uint64, error) {
	if s == unlimited {
		return math.MaxUint64, nil
	}
	digits, shift := s, 0
	if n := len(s); n > 0 {
		if i := strings.IndexByte("KMGT", s[n-1]); i >= 0 {
			digits, shift = s[:n-1], 10*(i+1)
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n<<shift>>shift != n || int64(n<<shift) < 0 {
		return 0, badLimit(s, "not a number, one with K, M, G or T, or "+unlimited)
	}
	return n << shift, nil
}

func badLimit(s, why string) error {
	return p9.NewError(syscall.EINVAL, fmt.Sprintf("bad value %s: %s", Quote(s), why))
}

// GroupLimits are the limits of a control group. Each is called as the kernel's
// controller is that keeps it, in the group's file NAME.max.
func GroupLimits() []string { return []string{"cpu", "memory", "pids"} }

const cpuPeriod = 100_000 // µs, the kernel's own

// ParseGroupLimit reads the value of a control group's limit, which is a percentage of one
// processor, of 1 and more, for cpu, as 150%, and as ParseLimit has it for the others; or
// unlimited. It gives what is written to the group's file NAME.max.
func ParseGroupLimit(name, s string) (string, error) {
	switch {
	case !slices.Contains(GroupLimits(), name):
		return "", p9.NewError(syscall.EINVAL, fmt.Sprintf("unknown limit %s: not one of %s", Quote(name), strings.Join(GroupLimits(), ", ")))
	case s == unlimited:
		return "max", nil
	case name != "cpu":
		n, err := ParseLimit(s)
		return strconv.FormatUint(n, 10), err
	}
	number, ok := strings.CutSuffix(s, "%")
	percent, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(percent >= 1 && percent <= 1e8) { // the kernel takes no less than 1 ms
		return "", badLimit(s, "not a percentage of one processor, as 50%, or "+unlimited)
	}
	return fmt.Sprintf("%.0f %d", percent*cpuPeriod/100, cpuPeriod), nil
}

// GroupLimitText gives what a control group's file NAME.max says as ParseGroupLimit reads it.
func GroupLimitText(name, text string) string {
	quota, period, _ := strings.Cut(strings.TrimSpace(text), " ")
	if quota == "max" {
		return unlimited
	}
	q, qerr := strconv.ParseFloat(quota, 64)
	p, perr := strconv.ParseFloat(period, 64)
	if name == "cpu" && qerr == nil && perr == nil && p > 0 {
		return strconv.FormatFloat(100*q/p, 'f', -1, 64) + "%"
	}
	return quota
}
