package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// leftovers reports what tests left behind: processes of the binary nine,
// ninespace mounts that were not there before, and files in tmp. A process on
// its way out gets a moment. Processes are then ended: they are the tests'.
func leftovers(nine, tmp string, before []mount) []string {
	look := func() (left []string, pids []int) {
		pids = processes(nine)
		for _, pid := range pids {
			args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			left = append(left, fmt.Sprintf("process %d: %s", pid, strings.ReplaceAll(string(args), "\x00", " ")))
		}
		for _, m := range mounts() {
			ours := strings.HasPrefix(m.fstype, "fuse.nine") || within(m.dir, tmp)
			if ours && !slices.Contains(before, m) {
				left = append(left, fmt.Sprintf("mount %s (%s)", m.dir, m.fstype))
			}
		}
		entries, err := os.ReadDir(tmp)
		if err != nil {
			left = append(left, err.Error())
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), "go-build") { // go's own
				left = append(left, "file "+filepath.Join(tmp, e.Name()))
			}
		}
		return left, pids
	}
	left, pids := look()
	for end := time.Now().Add(3 * time.Second); len(left) > 0 && time.Now().Before(end); left, pids = look() {
		time.Sleep(50 * time.Millisecond)
	}
	for _, pid := range pids {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	return left
}

// processes returns the ids of the processes that run the program exe.
func processes(exe string) []int {
	var pids []int
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == exe {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// A mount is a line of /proc/self/mountinfo.
type mount struct{ id, dir, fstype string }

func mounts() []mount {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var all []mount
	for line := range strings.Lines(string(info)) {
		// id parent dev root dir options [optional ...] - fstype ...
		left, right, _ := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if len(l) > 4 && len(r) > 0 {
			all = append(all, mount{l[0], unescape.Replace(l[4]), r[0]})
		}
	}
	return all
}

func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// removeTree removes dir and all in it, but never through a mount: a bind of
// the host's root that a failed test left there must not cost the host. It
// unmounts what is mounted there, and that something was is an error.
func removeTree(dir string) error {
	var errs []error
	for _, m := range slices.Backward(mounts()) {
		if !within(m.dir, dir) {
			continue
		}
		errs = append(errs, fmt.Errorf("%s: left mounted", m.dir))
		if err := syscall.Unmount(m.dir, syscall.MNT_DETACH); err != nil {
			return fmt.Errorf("%s: not removed: unmount %s: %w", dir, m.dir, err)
		}
	}
	return errors.Join(append(errs, os.RemoveAll(dir))...)
}
