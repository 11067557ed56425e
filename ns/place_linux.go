package ns

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// A host is the kernel's side of an engine: the mounts that it makes in the
// mount namespaces of the groups.
type host struct {
	*fuseFS
	*home
	engine int    // O_PATH descriptor of the FUSE file system's root
	dir    int    // and of the directory in which it is mounted, and servers' trees are
	dev    uint64 // its device number

	serving serving

	collecting sync.Mutex
	collected  time.Time     // last
	pause      time.Duration // to the next look
	next       *time.Timer   // which does it
}

// bare takes the path off an error of package os.
func bare(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// inside checks, in a visitor, that this is a name space of group g: its root is
// the group's directory. The kernel mounts of a group go nowhere else.
func (h *host) inside(g *Group) error {
	var st unix.Statx_t
	// What the kernel knows of it is for good: the engine need not be asked.
	if err := unix.Statx(unix.AT_FDCWD, "/", unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st); err != nil {
		return err
	}
	if unix.Mkdev(st.Dev_major, st.Dev_minor) != h.dev || st.Ino != g.rootInode() {
		return fmt.Errorf("not from inside the name space: %w", p9.ErrNotOwner)
	}
	return nil
}

// place changes the kernel mounts over a group.
func (h *host) place(g *Group, pid int, undo, make []Graft) error {
	if pid == 0 {
		return fmt.Errorf("who asks is no process of this machine: %w", p9.ErrNotOwner)
	}
	undone := 0
	err := h.clone(g, pid, make, func(trees []int) (err error) {
		if err := h.inside(g); err != nil {
			return err
		}
		undone, err = swap(undo, make, trees)
		return err
	})
	if err != nil && undone > 0 {
		h.clone(g, pid, undo[:undone], func(trees []int) error {
			// Who asked may have been killed, and the thread's number be another's.
			if err := h.inside(g); err != nil {
				return err
			}
			for i, u := range slices.Backward(undo[:undone]) {
				attachTree(trees[i], u.Target)
			}
			return nil
		})
	}
	return err
}

// clone makes a detached copy of what each graft shows and then does something
// with them in the mount namespace of the thread pid.
func (h *host) clone(g *Group, pid int, grafts []Graft, do func(trees []int) error) error {
	return h.visit(func(v *visitor) error {
		trees, err := h.copies(g, grafts)
		defer closeTrees(trees)
		if err != nil {
			return err
		}
		return v.in(pid, func() error { return do(trees) })
	})
}

// copies makes them. It is called in a visitor at home, where the host's tree
// is as it was when the session began.
func (h *host) copies(g *Group, grafts []Graft) (trees []int, err error) {
	for _, w := range grafts {
		at, name := unix.AT_FDCWD, w.Host
		switch {
		case w.Host == "":
			at, name = h.engine, groupDir(g.id)+w.Target
		case w.Host[0] != '/':
			at = h.dir
		}
		fd, err := copyTree(at, name)
		if err != nil {
			return trees, fmt.Errorf("%s: %w", w.Target, err)
		}
		trees = append(trees, fd)
	}
	return trees, nil
}

func closeTrees(trees []int) {
	for _, fd := range trees {
		unix.Close(fd)
	}
}

// swap takes mounts away and puts others in place, in a visitor. If it fails, the
// first so many of undo are gone, and nothing else is changed.
func swap(undo, make []Graft, trees []int) (undone int, err error) {
	for i, u := range undo {
		if err := detach(u.Target); err != nil && err != unix.EINVAL && err != unix.ENOENT {
			return i, fmt.Errorf("%s: %w", u.Target, err)
		}
	}
	for i, w := range make {
		if err := attachTree(trees[i], w.Target); err != nil {
			for _, m := range slices.Backward(make[:i]) {
				detach(m.Target)
			}
			return len(undo), fmt.Errorf("%s: %w", w.Target, err)
		}
	}
	return 0, nil
}

// The kernel looks up anew what a name means that the engine has found. Who owns a directory on its
// way could meanwhile put a symbolic link there, and have a mount lie where the table has none. As
// the names have no links in them, one that is met is an error, ELOOP.

// openName gives an O_PATH descriptor of what a name, below at if it is relative, means.
func openName(at int, name string, flags uint64) (int, error) {
	return unix.Openat2(at, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | flags, Resolve: unix.RESOLVE_NO_SYMLINKS})
}

// copyTree makes a detached copy of all that is mounted at a name and beneath it.
func copyTree(at int, name string) (int, error) {
	fd, err := openName(at, name, unix.O_DIRECTORY) // with which an automount is made
	if err == unix.ENOTDIR {
		fd, err = openName(at, name, 0)
	}
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd)
	return unix.OpenTree(fd, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
}

// attachTree attaches a tree, or moves it to, where it is to be seen.
func attachTree(tree int, target string) error { return attachAt(tree, unix.AT_FDCWD, target) }

// attachAt does so at a name below root.
func attachAt(tree, root int, target string) error {
	if root != unix.AT_FDCWD {
		target = strings.TrimPrefix(target, "/")
	}
	at, err := openName(root, target, 0)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	return unix.MoveMount(tree, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// detach takes away what is mounted at a name. As umount2(2) takes nothing but names, it leaves the
// visitor in the directory of it.
func detach(target string) error {
	dir, name := path.Split(target)
	in, err := openName(unix.AT_FDCWD, dir, unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(in)
	if err := unix.Fchdir(in); err != nil {
		return err
	}
	return unix.Unmount(name, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
}

// hidden has the kernel forget servers that are mounted no more.
func (h *host) hidden(g *Group, devs []*Dev) { h.fuseFS.hidden(g, devs) }

// changed tells the kernel which names to ask for again.
func (h *host) changed(g *Group, at *Chan) { h.fuseFS.changed(g, at) }

// topDirs gives the directories of the host's root that are mounted in each
// group, those that only the kernel can make where there shall be no others.
func topDirs(noGraft bool) ([]string, error) {
	ents, err := os.ReadDir("/")
	if err != nil {
		return nil, err
	}
	var dirs []string
	var trees []int
	// The kernel lets a copy go after all its processors have been asked: nobody waits for that.
	defer func() { go closeTrees(trees) }()
	for _, e := range ents {
		name := path.Join("/", e.Name())
		switch name {
		case "/n", "/mnt", "/env", "/net", "/srv":
			continue // the engine's own
		}
		kernels := name == "/proc" || name == "/sys" || name == "/dev"
		if !e.IsDir() || noGraft && !kernels {
			continue
		}
		fd, err := unix.OpenTree(unix.AT_FDCWD, name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
		if err != nil {
			if err == syscall.ENOSYS {
				return nil, fmt.Errorf("open_tree: %w: Linux 5.2 is needed", err)
			}
			continue // the engine shows it
		}
		trees = append(trees, fd)
		dirs = append(dirs, name)
	}
	return dirs, nil
}
