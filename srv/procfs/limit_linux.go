package procfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// rlimits are those of getrlimit(2), as they are called in /proc/N/limits and here.
var rlimits = []struct {
	linux, name string
	num         int
}{
	{"Max address space", "as", unix.RLIMIT_AS},
	{"Max core file size", "core", unix.RLIMIT_CORE},
	{"Max cpu time", "cputime", unix.RLIMIT_CPU},
	{"Max data size", "data", unix.RLIMIT_DATA},
	{"Max file size", "fsize", unix.RLIMIT_FSIZE},
	{"Max locked memory", "memlock", unix.RLIMIT_MEMLOCK},
	{"Max open files", "nofile", unix.RLIMIT_NOFILE},
	{"Max processes", "nproc", unix.RLIMIT_NPROC},
	{"Max stack size", "stack", unix.RLIMIT_STACK},
}

// group is the directory of the process's control group.
func (f *file) group() (string, error) {
	b, err := os.ReadFile(f.p.path("/cgroup"))
	if err != nil {
		return "", f.p.cause(err)
	}
	if path := srv.ParseGroup(string(b)); path != "" && f.r.groups != "" {
		return filepath.Join(f.r.groups, path), nil
	}
	return "", p9.NewError(syscall.EOPNOTSUPP, "no control groups (cgroup2)")
}

// openLimits reads lines that ctl's limit takes.
func openLimits(f *file, _ p9.Mode) (srv.Handle, error) {
	b, err := os.ReadFile(f.p.path("/limits"))
	if err != nil {
		return nil, f.p.cause(err)
	}
	var s strings.Builder
	for l := range strings.Lines(string(b)) {
		for _, r := range rlimits {
			if rest, ok := strings.CutPrefix(l, r.linux+" "); ok {
				if v := strings.Fields(rest); len(v) >= 2 {
					fmt.Fprintf(&s, "%s %s:%s\n", r.name, v[0], v[1])
				}
			}
		}
	}
	if dir, err := f.group(); err == nil {
		for _, name := range srv.GroupLimits() {
			if v, err := os.ReadFile(filepath.Join(dir, name+".max")); err == nil {
				fmt.Fprintf(&s, "%s %s\n", name, srv.GroupLimitText(name, string(v)))
			}
		}
	}
	return srv.Bytes(s.String()), nil
}

func (f *file) limit(ctx context.Context, args []string) error {
	name, value := args[0], args[1]
	for _, r := range rlimits {
		if r.name == name {
			return f.setRlimit(ctx, r.num, value)
		}
	}
	known := srv.GroupLimits()
	if slices.Contains(known, name) {
		text, err := srv.ParseGroupLimit(name, value)
		if err != nil {
			return err
		}
		return f.setGroup(ctx, name, text)
	}
	for _, r := range rlimits {
		known = append(known, r.name)
	}
	slices.Sort(known)
	return invalid("unknown limit %s: not one of %s", srv.Quote(name), strings.Join(known, ", "))
}

func (f *file) setRlimit(ctx context.Context, num int, value string) error {
	softText, hardText, both := strings.Cut(value, ":")
	if !both {
		hardText = softText
	}
	var lim [2]uint64
	for i, s := range []string{softText, hardText} {
		var err error
		if lim[i], err = srv.ParseLimit(s); err != nil {
			return err
		}
	}
	if lim[0] > lim[1] {
		return invalid("soft limit %s is above %s", softText, hardText)
	}
	var old unix.Rlimit
	if err := unix.Prlimit(f.p.pid, num, nil, &old); err != nil {
		return f.p.cause(err)
	}
	if err := f.p.check(); err != nil {
		return err
	}
	if lim[1] > old.Max && !srv.UserOf(ctx).Host() {
		return p9.ErrNotOwner
	}
	return f.p.cause(unix.Prlimit(f.p.pid, num, &unix.Rlimit{Cur: lim[0], Max: lim[1]}, nil))
}

// setGroup puts the process into a group of its own beside or, in the root, below its
// old one, where it is not there already, and sets a limit of that.
func (f *file) setGroup(ctx context.Context, name, text string) error {
	if !srv.UserOf(ctx).Host() {
		return p9.ErrPerm // he could leave the limits that he was given
	}
	old, err := f.group()
	if err != nil {
		return err
	}
	own := fmt.Sprintf("nine.%d.%x", f.p.pid, f.p.id)
	dir := old
	if filepath.Base(old) != own {
		up := filepath.Dir(old)
		if old == f.r.groups {
			up = old
		}
		dir = filepath.Join(up, own)
		// A parent that has the controllers on for others has them on for this; where
		// it has not and may not, the limit's file is missing.
		_ = os.WriteFile(filepath.Join(up, "cgroup.subtree_control"), []byte("+"+name), 0)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return f.p.cause(err)
		}
	}
	if err := writeGroup(dir, name+".max", text); err != nil {
		if dir != old {
			os.Remove(dir)
		}
		if errors.Is(err, os.ErrNotExist) {
			return p9.NewError(syscall.EOPNOTSUPP, "no controller "+name+" in "+dir)
		}
		return f.p.cause(err)
	}
	if dir == old {
		return nil
	}
	err = f.p.check()
	if err == nil {
		err = f.p.cause(writeGroup(dir, "cgroup.procs", strconv.Itoa(f.p.pid)))
	}
	if err != nil {
		os.Remove(dir)
		return err
	}
	f.whenEnded(func() { os.Remove(dir) })
	return nil
}

// writeGroup writes a control file that is there.
func writeGroup(dir, file, text string) error {
	w, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = w.WriteString(text)
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	return err
}
