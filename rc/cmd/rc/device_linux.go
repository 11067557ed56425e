package rc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ninespace/ns"
	"ninespace/rc"
)

// Names that begin with # are of the engine's devices (package ns), and lead to no file of
// the kernel's. For as long as one is used its device is bound to a mount point of its
// own in /n.

// isDevice tells whether a name is one: #s, #s/ram, #I1/tcp; but not #x.c#.
func isDevice(name string) bool {
	spec, _, _ := strings.Cut(name, "/")
	switch {
	case len(spec) == 0 || spec[0] != '#':
		return false
	case spec == "#":
		return len(name) > 1
	case spec[1] == 'I':
		return strings.Trim(spec[2:], "0123456789") == ""
	}
	return len(spec) == 2 && strings.Contains("Uscep|", spec[1:])
}

var points atomic.Int32

// reach gives a name by which the kernel has a device's file until done is called, on a
// thread of the same name space.
func reach(name string) (file string, done func(), err error) {
	if !isDevice(name) {
		return plan9Name(name), func() {}, nil
	}
	spec, rest, _ := strings.Cut(name, "/")
	point := fmt.Sprintf("/n/.%s.%d.%d", spec[1:], unix.Getpid(), points.Add(1))
	if err := ns.Do(context.Background(), ns.Op{Verb: "bind", New: spec, Old: point}); err != nil {
		return "", nil, errors.New(strings.TrimPrefix(err.Error(), "bind "+spec+" "+point+": "))
	}
	return point + "/" + rest, func() { ns.Do(context.Background(), ns.Op{Verb: "unmount", Old: point}) }, nil
}

// reached calls f with a name by which the kernel has the file.
func reached(name string, f func(name string) error) error {
	file, done, err := reach(name)
	if err == nil {
		err = f(file)
		done()
	}
	return err
}

// plan9Name gives the name that a file of Plan 9's has here: what Linux has not in /dev and
// /proc is devfs's and procfs's, which have their places in /mnt, and what it has not in
// /bin, as exportfs, which 9front's rimport calls so, is nine's.
func plan9Name(name string) string {
	if rest, ok := strings.CutPrefix(name, "/bin/"); ok && ns.Inside() {
		return elsewhere(name, "/mnt/bin/"+rest)
	}
	rest, ok := strings.CutPrefix(name, "/dev/")
	if ok && (rest == "cons" || rest == "consctl") {
		return elsewhere(name, "/mnt/dev/"+rest)
	}
	if rest, ok = strings.CutPrefix(name, "/proc/"); ok {
		if pid, file, _ := strings.Cut(rest, "/"); file == "note" || file == "notepg" {
			return elsewhere(name, "/mnt/proc/"+pid+"/"+file)
		}
	}
	return name
}

// elsewhere gives there where name is not and there is.
func elsewhere(name, there string) string {
	var st unix.Stat_t
	if unix.Lstat(name, &st) == unix.ENOENT && unix.Lstat(there, &st) == nil {
		return there
	}
	return name
}

// withDevices makes hooks that know devices of those that do not.
func withDevices(h rc.Hooks) rc.Hooks {
	d := h
	d.Device = isDevice
	d.Open = func(name string, flag int, perm uint32) (fd int, err error) {
		err = reached(name, func(name string) error {
			fd, err = h.Open(name, flag, perm)
			return err
		})
		return fd, err
	}
	d.Stat = func(name string) (mode fs.FileMode, err error) {
		err = reached(name, func(name string) error {
			mode, err = h.Stat(name)
			return err
		})
		return mode, err
	}
	d.ReadDir = func(name string) (names []string, err error) {
		err = reached(name, func(name string) error {
			names, err = h.ReadDir(name)
			return err
		})
		return names, err
	}
	d.OpenDir = func(name string) (string, func(), error) {
		file, done, err := reach(name)
		if err != nil {
			return "", nil, err
		}
		dir, close, err := h.OpenDir(file)
		if err != nil {
			done()
			return "", nil, err
		}
		return dir, func() {
			if close != nil {
				close()
			}
			done()
		}, nil
	}
	d.Start = func(c *rc.Command) (p rc.Process, err error) {
		err = reached(c.Path, func(name string) error {
			at := *c
			at.Path = name
			p, err = h.Start(&at)
			return err
		})
		return p, err
	}
	d.Replace = func(c *rc.Command) error {
		return reached(c.Path, func(name string) error {
			at := *c
			at.Path = name
			return h.Replace(&at)
		})
	}
	return d
}
