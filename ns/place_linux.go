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
	engine int    // O_PATH descriptor of the FUSE file system's root
	dev    uint64 // its device number

	threads    threads
	collecting sync.Mutex
	collected  time.Time
}

// bare takes the path off an error of package os.
func bare(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// home checks, in the thread of in, that this is a name space of group g: its
// root is the group's directory. The kernel mounts of a group go nowhere else.
func (h *host) home(g *Group) error {
	var st unix.Stat_t
	if err := unix.Stat("/", &st); err != nil {
		return err
	}
	if st.Dev != h.dev || st.Ino != g.rootInode() {
		return fmt.Errorf("not from inside the name space: %w", p9.ErrNotOwner)
	}
	return nil
}

// place changes the kernel mounts over a group.
func (h *host) place(g *Group, pid int, undo, make []Graft) error {
	if pid == 0 {
		return fmt.Errorf("who asks is no process of this machine: %w", p9.ErrNotOwner)
	}
	trees, err := h.clone(g, make)
	if err != nil {
		return err
	}
	defer closeTrees(trees)
	return h.threads.in(pid, func() error {
		if err := h.home(g); err != nil {
			return err
		}
		return h.swap(g, undo, make, trees)
	})
}

// clone makes a detached copy of what each graft shows. Here is the host's tree
// as it was when the session began.
func (h *host) clone(g *Group, grafts []Graft) ([]int, error) {
	var trees []int
	for _, w := range grafts {
		at, name, flags := unix.AT_FDCWD, w.Host, uint(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE|unix.AT_SYMLINK_NOFOLLOW)
		if w.Host == "" {
			at, name = h.engine, groupDir(g.id)+w.Target
		}
		fd, err := unix.OpenTree(at, name, flags)
		if err != nil {
			closeTrees(trees)
			return nil, fmt.Errorf("%s: %w", w.Target, err)
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

// swap takes mounts away and puts others in place, in the namespace of the
// thread that it runs on, or changes nothing.
func (h *host) swap(g *Group, undo, make []Graft, trees []int) error {
	for i, u := range undo {
		if err := unix.Unmount(u.Target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && err != unix.EINVAL && err != unix.ENOENT {
			h.again(g, undo[:i])
			return fmt.Errorf("%s: %w", u.Target, err)
		}
	}
	for i, w := range make {
		if err := attachTree(trees[i], w.Target); err != nil {
			for _, m := range slices.Backward(make[:i]) {
				unix.Unmount(m.Target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
			}
			h.again(g, undo)
			return fmt.Errorf("%s: %w", w.Target, err)
		}
	}
	return nil
}

// again puts back what swap took away.
func (h *host) again(g *Group, undone []Graft) {
	for _, u := range slices.Backward(undone) {
		if trees, err := h.clone(g, []Graft{u}); err == nil {
			attachTree(trees[0], u.Target)
			closeTrees(trees)
		}
	}
}

func attachTree(tree int, target string) error {
	return unix.MoveMount(tree, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// changed tells the kernel which names to ask for again.
func (h *host) changed(g *Group, at *Chan) { h.fuseFS.changed(g, at) }

// fork gives the thread pid of group g, which has unshared its mount namespace,
// the tree of the new group n at /proc.
func (h *host) fork(g, n *Group, pid int) error {
	if pid == 0 {
		return p9.ErrNotOwner
	}
	h.collect()
	n.placed = placing{list: n.grafts(n.hidden())}
	return h.enter(n, pid, g.placed.list, func() error { return h.home(g) })
}

// enter attaches a group's tree, with the mounts that lie over it, at /proc in
// the mount namespace of the thread pid, which makes it its root. The host's
// directories are copied from that namespace, where the parent group has them, and
// over them what theirs are.
func (h *host) enter(g *Group, pid int, theirs []Graft, check func() error) error {
	root, err := unix.OpenTree(h.engine, groupDir(g.id), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("%s: %w", groupDir(g.id), err)
	}
	defer unix.Close(root)
	placed, err := h.clone(g, g.placed.list)
	if err != nil {
		return err
	}
	defer closeTrees(placed)
	return in(pid, func() error {
		if err := check(); err != nil {
			return err
		}
		ns := mountNamespace()
		defer func() { h.numbered(g, ns) }()
		// What the parent group has over the host's directories is a mount of its
		// own here, and would otherwise come with them a second time.
		for _, p := range slices.Backward(theirs) {
			unix.Unmount(p.Target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		}
		bases := h.eng.bases()
		trees := make([]int, 0, len(bases))
		defer func() { closeTrees(trees) }()
		for _, t := range bases {
			fd, err := unix.OpenTree(unix.AT_FDCWD, t, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW|unix.AT_RECURSIVE)
			if err != nil {
				return fmt.Errorf("%s: %w", t, err)
			}
			trees = append(trees, fd)
		}
		if err := attachTree(root, "/proc"); err != nil {
			return fmt.Errorf("/proc: %w", err)
		}
		for i, t := range bases {
			if err := attachAt(trees[i], root, t); err != nil {
				return fmt.Errorf("%s: %w", t, err)
			}
		}
		for i, p := range g.placed.list {
			if err := attachAt(placed[i], root, p.Target); err != nil {
				return fmt.Errorf("%s: %w", p.Target, err)
			}
		}
		return nil
	})
}

// attachAt attaches a tree at a name below root.
func attachAt(tree, root int, target string) error {
	return unix.MoveMount(tree, "", root, strings.TrimPrefix(target, "/"), unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// topDirs gives the directories of the host's root that are mounted in each
// group, those that only the kernel can make where there shall be no others.
func topDirs(noGraft bool) ([]string, error) {
	ents, err := os.ReadDir("/")
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range ents {
		name := path.Join("/", e.Name())
		switch name {
		case "/n", "/mnt", "/env":
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
		unix.Close(fd)
		dirs = append(dirs, name)
	}
	return dirs, nil
}
