package ns

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// New groups: a thread has unshared its mount namespace and is given a tree in it,
// at /proc, which it makes its root.

// attachGroup does so for a thread of the host's. The host's directories are those of
// its own namespace.
func (h *host) attachGroup(g *Group, tid int) error {
	return h.visit(func(v *visitor) error {
		root, err := h.groupTree(g)
		if err != nil {
			return err
		}
		defer unix.Close(root)
		return v.in(tid, func() error {
			h.enters(g)
			var trees []int
			defer func() { closeTrees(trees) }()
			for _, t := range h.eng.bases() {
				fd, err := unix.OpenTree(unix.AT_FDCWD, t, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW|unix.AT_RECURSIVE)
				if err != nil {
					return fmt.Errorf("%s: %w", t, err)
				}
				trees = append(trees, fd)
			}
			if err := attachTree(root, "/proc"); err != nil {
				return fmt.Errorf("/proc: %w", err)
			}
			for i, t := range h.eng.bases() {
				if err := attachAt(trees[i], root, t); err != nil {
					return fmt.Errorf("%s: %w", t, err)
				}
			}
			return nil
		})
	})
}

// fork does so for a thread of group g, where the new group is n. The thread's
// namespace is a copy of the group's: what lies over its tree there is moved to the
// new one's. What shows a part of the group's tree itself is made anew.
func (h *host) fork(g, n *Group, pid int) error {
	if pid == 0 {
		return p9.ErrNotOwner
	}
	h.collect()
	have := slices.Clone(g.placed.list)
	for i, l := range have {
		// To move what lies over a top directory would leave that behind.
		if l.Host == "" || h.eng.isBase(l.Target[1:]) {
			have[i].Host = groupDir(g.id) // which none is
		}
	}
	undo, make := difference(have, n.placed.list)
	return h.visit(func(v *visitor) error {
		root, err := h.groupTree(n)
		if err != nil {
			return err
		}
		h.teach(n)
		defer unix.Close(root)
		trees, err := h.copies(n, make)
		defer closeTrees(trees)
		if err != nil {
			return err
		}
		return v.in(pid, func() error {
			if err := h.inside(g); err != nil {
				return err
			}
			h.enters(n)
			for _, u := range undo {
				if err := detach(u.Target); err != nil {
					return fmt.Errorf("%s: %w", u.Target, err)
				}
			}
			if err := h.move(n.roots(undo, have), root); err != nil {
				return err
			}
			for i, m := range make {
				if err := attachAt(trees[i], root, m.Target); err != nil {
					return fmt.Errorf("%s: %w", m.Target, err)
				}
			}
			return nil
		})
	})
}

// groupTree gives a detached tree of a group's directory. It is called in a visitor
// at home.
func (h *host) groupTree(g *Group) (int, error) {
	root, err := unix.OpenTree(h.engine, groupDir(g.id), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", groupDir(g.id), err)
	}
	return root, nil
}

// roots gives the mounts that lie right on the group's tree: the host's top
// directories, and those of have that are in none of them nor in each other. undo
// are gone.
func (g *Group) roots(undo, have []Graft) []string {
	tops := slices.Clone(g.eng.bases())
	at := map[string]bool{}
	for _, t := range tops {
		at[t] = true
	}
	gone := map[Graft]bool{}
	for _, u := range undo {
		gone[u] = true
	}
	for _, l := range have { // those nearer to the root first
		if gone[l] {
			continue
		}
		in := false
		ancestors(l.Target, func(dir string) bool {
			in = in || at[dir]
			return !in
		})
		if !in {
			tops = append(tops, l.Target)
		}
		at[l.Target] = true
	}
	return tops
}

// move moves mounts to the new root, which it attaches at /proc. As long as that is
// a mount itself, the new root is at /mnt, where there never is one.
func (h *host) move(tops []string, root int) error {
	if err := attachTree(root, "/mnt"); err != nil {
		return fmt.Errorf("/mnt: %w", err)
	}
	for _, t := range tops {
		fd, err := openName(unix.AT_FDCWD, t, 0)
		if err == nil {
			err = attachAt(fd, root, t)
			unix.Close(fd)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	if err := attachTree(root, "/proc"); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	return nil
}

// enters notes that the group has the visited mount namespace.
func (h *host) enters(g *Group) {
	ns := mountNamespace()
	h.eng.mu.Lock()
	defer h.eng.mu.Unlock()
	for _, o := range h.eng.groups {
		if o.mntns == ns { // the number of one that is gone serves again
			o.mntns = noNamespace
		}
	}
	g.mntns = ns
}
