package ns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A group's mounts are shared among the mount namespaces of those of its processes that
// have variables of their own: what is bound in one is so in all. Only what is over /env
// is not: so there is a mount of its own there, from the beginning, to lie on.

// shareMounts does so for the calling process, in its new group.
func shareMounts() error {
	err := unix.Mount(envName, envName, "", unix.MS_BIND, "")
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
	}
	if err == nil {
		err = unix.Mount("", envName, "", unix.MS_PRIVATE, "")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", envName, err)
	}
	return nil
}

// joinEnv gives the calling process variables of its own in the group that it is in. One
// that may not mount keeps the group's.
func (e *Entry) joinEnv() error {
	if !capable(unix.CAP_SYS_ADMIN) {
		return nil
	}
	dir, _ := os.Getwd()
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("new mount namespace: %w", err)
	}
	if err := ctl(context.Background(), "rfork "+(e.Rfork&(RFENVG|RFCENVG)).String()); err != nil {
		return err
	}
	if dir == envName {
		return os.Chdir(dir) // it is another one now
	}
	return nil
}

// envOf gives the group whose /env a thread of g sees. A list of mounts is long to write, so
// none is asked for where nobody sees another's.
func (h *host) envOf(g *Group, pid int) *Group {
	if !g.varied {
		return g
	}
	dev := deviceName(h.dev)
	found := g
	lines, _ := mountLines("/proc/" + strconv.Itoa(pid))
	for m := range lines {
		if m.dev != dev || m.at != envName {
			continue
		}
		name, ok := strings.CutSuffix(strings.TrimPrefix(m.root, "/"), envName)
		if o := h.eng.groupNamed(name); ok && o != nil {
			found = o
		}
	}
	return found
}

// showEnv puts the /env of n over that of the thread pid, of group g.
func (h *host) showEnv(g, n *Group, pid int) error {
	if pid == 0 {
		return errors.New("who asks is no process of this machine")
	}
	g.varied = true
	h.collect()
	return h.visit(func(v *visitor) error {
		tree, err := unix.OpenTree(h.engine, groupDir(n.id)+envName, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return fmt.Errorf("%s: %w", envName, err)
		}
		defer unix.Close(tree)
		return v.in(pid, func() error {
			if err := h.inside(g); err != nil {
				return err
			}
			h.enters(n)
			return attachTree(tree, envName)
		})
	})
}
