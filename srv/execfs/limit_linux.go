package execfs

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// What a command may take: the limits of a control group of its own (cgroups(7),
// version 2).

// usage are the files that tell what a group has taken, and the name of each in status.
var usage = []struct{ name, file string }{{"memory", "memory.current"}, {"pids", "pids.current"}}

// setLimit is the ctl command limit: before exec and while the command runs.
func (c *conv) setLimit(_ context.Context, args []string) error {
	if len(args) != 2 {
		return invalid("usage: limit " + strings.Join(srv.GroupLimits(), "|") + " value")
	}
	value, err := srv.ParseGroupLimit(args[0], args[1])
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.group == nil && c.state == "running":
		return p9.NewError(syscall.EBUSY, "the command was started without a limit")
	case c.state != "open" && c.state != "running":
		return p9.NewError(syscall.ESRCH, "no command is running")
	case c.group == nil:
		g, err := newGroup()
		if err != nil {
			return err
		}
		c.group = g
	}
	return c.group.set(args[0], value)
}

// A group is a control group, empty but for a command and what it starts.
type group struct {
	dir  string
	fd   *os.File
	said map[string]string // the limits that were set, by name
}

var (
	groupsMade  atomic.Int64 // numbers this process's
	groupsInUse sync.Map     // by directory: those of conversations
)

// newGroup makes a group beside the process's own, or within it where that is the
// root of all, the only one that may have both processes and groups with limits.
func newGroup() (*group, error) {
	mount, own, err := ownGroup()
	if err != nil {
		return nil, err
	}
	parent := filepath.Join(mount, filepath.Dir(own))
	sweep(parent)
	dir := filepath.Join(parent, fmt.Sprintf("%s%d.%d", groupPrefix, os.Getpid(), groupsMade.Add(1)))
	groupsInUse.Store(dir, true)
	if err := os.Mkdir(dir, 0o755); err != nil {
		groupsInUse.Delete(dir)
		return nil, fmt.Errorf("control group in %s: %w", parent, cause(err))
	}
	fd, err := os.Open(dir)
	if err != nil {
		groupsInUse.Delete(dir)
		syscall.Rmdir(dir)
		return nil, cause(err)
	}
	return &group{dir, fd, map[string]string{}}, nil
}

const groupPrefix = "nine.execfs."

// ownGroup gives where control groups are mounted and this process's own, absolute there.
func ownGroup() (mount, own string, err error) {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", "", cause(err)
	}
	mount, own = srv.GroupMount(), srv.ParseGroup(string(groups))
	if mount == "" || own == "" {
		return "", "", p9.NewError(syscall.EOPNOTSUPP, "this machine has no control groups of version 2")
	}
	return mount, own, nil
}

// sweep removes the groups that nobody will put a command into any more, this
// server's and those of servers that have ended; the kernel keeps one with processes.
func sweep(parent string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, groupPrefix+"*.*"))
	for _, d := range dirs {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(d), groupPrefix), ".")
		n, err := strconv.Atoi(pid)
		if _, ours := groupsInUse.Load(d); err == nil && !ours && (n == os.Getpid() || syscall.Kill(n, 0) == syscall.ESRCH) {
			syscall.Rmdir(d)
		}
	}
}

// set writes a limit, having had the parent hand on its controller.
func (g *group) set(name, value string) error {
	path := filepath.Join(g.dir, name+".max")
	if _, err := os.Stat(path); err != nil {
		parent := filepath.Join(filepath.Dir(g.dir), "cgroup.subtree_control")
		if err := os.WriteFile(parent, []byte("+"+name), 0); err != nil {
			return fmt.Errorf("limit %s: %s: %w", name, parent, cause(err))
		}
	}
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return fmt.Errorf("limit %s: %s: %w", name, path, cause(err))
	}
	g.said[name] = srv.GroupLimitText(name, value)
	return nil
}

// status gives a line for each limit and for what has been taken.
func (g *group) status(line func(name string, words ...string)) {
	for _, name := range slices.Sorted(maps.Keys(g.said)) {
		line("limit", name, g.said[name])
	}
	for _, u := range usage {
		if b, err := os.ReadFile(filepath.Join(g.dir, u.file)); err == nil {
			line("used", u.name, strings.TrimSpace(string(b)))
		}
	}
}

// kill ends every process of the group, also those that have left the command's
// process group and session, and waits, not for ever, until they are no more.
func (g *group) kill() {
	os.WriteFile(filepath.Join(g.dir, "cgroup.kill"), []byte("1"), 0)
	events, err := os.Open(filepath.Join(g.dir, "cgroup.events"))
	if err != nil {
		return
	}
	defer events.Close()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		b := make([]byte, 256)
		n, err := events.ReadAt(b, 0)
		if err != nil && err != io.EOF || strings.Contains(string(b[:n]), "populated 0") {
			return
		}
		unix.Poll([]unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}, 100)
	}
}

// close lets go of the group, which is removed now or, while processes are still in
// it, when the next one is made.
func (g *group) close() {
	g.fd.Close()
	groupsInUse.Delete(g.dir)
	syscall.Rmdir(g.dir)
}
