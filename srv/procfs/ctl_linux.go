package procfs

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

func invalid(format string, args ...any) error {
	return p9.NewError(syscall.EINVAL, fmt.Sprintf(format, args...))
}

// number reads an argument that is a number from low to high.
func number(what, s string, low, high int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		return 0, invalid("%s %s is not from %d to %d", what, srv.Quote(s), low, high)
	}
	return n, nil
}

// verbs are what ctl accepts, each with its arguments, of which there are min to max.
var verbs = []struct {
	name, args string
	min, max   int
	do         func(f *file, ctx context.Context, args []string) error
}{
	{"close", "fd", 1, 1, (*file).closeFd},
	{"closefiles", "", 0, 0, (*file).closeFiles},
	{"event", "", 0, 0, (*file).event},
	{"hang", "", 0, 0, (*file).hang},
	{"kill", "", 0, 0, sends(syscall.SIGKILL)},
	{"limit", "name value", 2, 2, (*file).limit},
	{"nice", "n", 1, 1, (*file).nice},
	{"nohang", "", 0, 0, (*file).nohang},
	{"noswap", "", 0, 0, (*file).noswap},
	{"pri", "n", 1, 1, (*file).pri},
	{"private", "", 0, 0, (*file).private},
	{"start", "", 0, 0, sends(syscall.SIGCONT)},
	{"startstop", "", 0, 0, (*file).startstop},
	{"stop", "", 0, 0, (*file).stop},
	{"trace", "[0|1]", 0, 1, (*file).trace},
	{"waitstop", "", 0, 0, (*file).waitstop},
	{"wired", "cpus", 1, 1, (*file).wired},
}

func openCtl(f *file, mode p9.Mode) (srv.Handle, error) {
	cmds := make(map[string]func(context.Context, []string) error, len(verbs))
	for _, v := range verbs {
		cmds[v.name] = func(ctx context.Context, args []string) error {
			if len(args) < v.min || len(args) > v.max {
				return invalid("%s", strings.TrimSpace("usage: "+v.name+" "+v.args))
			}
			if err := f.allowed(ctx, p9.OWRITE); err != nil { // it may be another user's since the open
				return err
			}
			return v.do(f, ctx, args)
		}
	}
	read := func(context.Context) (string, error) { return fmt.Sprintf("%11d ", f.p.pid), nil }
	return srv.Open(context.Background(), srv.Cmds(0o600, read, cmds), mode)
}

func sends(sig syscall.Signal) func(*file, context.Context, []string) error {
	return func(f *file, _ context.Context, _ []string) error { return f.p.signal(sig) }
}

func (f *file) pri(ctx context.Context, args []string) error {
	n, err := number("priority", args[0], 0, 19)
	if err != nil {
		return err
	}
	return f.setNice(ctx, niceOf(n))
}

func (f *file) nice(ctx context.Context, args []string) error {
	n, err := number("nice value", args[0], -20, 19)
	if err != nil {
		return err
	}
	return f.setNice(ctx, n)
}

// setNice is for each thread, as Linux has a priority for each. Where the server acts for
// another user than its own, that one may only lower it.
func (f *file) setNice(ctx context.Context, nice int) error {
	return f.threads(func(tid int) error {
		if now, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err == nil && 20-now > nice && !srv.UserOf(ctx).Host() {
			return unix.EACCES
		}
		return unix.Setpriority(unix.PRIO_PROCESS, tid, nice)
	})
}

// threads does something for each thread; one that has ended meanwhile is no error.
func (f *file) threads(do func(tid int) error) error {
	tasks, err := os.ReadDir(f.p.path("/task"))
	if err != nil {
		return f.p.cause(err)
	}
	if err := f.p.check(); err != nil {
		return err
	}
	for _, t := range tasks {
		tid, _ := strconv.Atoi(t.Name())
		if err := do(tid); err != nil && err != unix.ESRCH {
			return f.p.cause(err)
		}
	}
	return nil
}

// wired has the process run on these processors alone.
func (f *file) wired(_ context.Context, args []string) error {
	set, err := parseCPUs(args[0])
	if err != nil {
		return err
	}
	return f.threads(func(tid int) error {
		err := unix.SchedSetaffinity(tid, &set)
		if err == unix.EINVAL {
			return invalid("no processor of %s may be used", srv.Quote(args[0]))
		}
		return err
	})
}

// parseCPUs reads a list of processors: numbers and ranges, with commas, as 0,2-3.
func parseCPUs(s string) (set unix.CPUSet, err error) {
	const most = len(set)*strconv.IntSize - 1
	for part := range strings.SplitSeq(s, ",") {
		low, high, ranged := strings.Cut(part, "-")
		a, err := number("processor", low, 0, most)
		if err != nil {
			return set, err
		}
		b := a
		if ranged {
			if b, err = number("processor", high, a, most); err != nil {
				return set, err
			}
		}
		for ; a <= b; a++ {
			set.Set(a)
		}
	}
	return set, nil
}

// priOf gives Plan 9's priority of a nice value, niceOf the reverse.
func priOf(nice int) int { return min(19, 10-(nice+1)>>1) }
func niceOf(pri int) int { return min(19, (10-pri)*2) }
