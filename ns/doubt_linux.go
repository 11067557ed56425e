package ns

// Who gets a lock is to find what was done under the one before, also to directories: where they
// are, and their attributes, the kernel believes for longer than those of files. So the engine
// remembers which it has told the kernel of, and has it ask again about those when a lock is got: once
// for each time that it was told, which takes less than that did. It does not about those of whose
// changes the server is bound to tell.

// telling remembers that the kernel is told of a directory of d, with what is mounted on it, of top, and
// reports whether it may believe that: not if a lock was got since it asked.
func (f *fuseFS) telling(ctx *reqCtx, n *node, d, top *Dev) bool {
	d.told.add(n.id, nameTimeout)
	if top != d {
		top.told.add(n.id, nameTimeout)
	}
	return f.lockings.Load() == ctx.locks
}

// doubtDirs has the kernel ask again about the directories of a device. To doubt a name the kernel
// takes the lock of the directory that it is in. That of taken, where it is not nil, it holds until the
// caller's request is answered: so names in it stay, of which it is asked each time from the second such
// request on (node.held), and so do those where another makes such a request, which would wait for
// this one. Where there is a rename that has another directory locked and waits for taken, this ends
// when what was told is believed no more in any case.
func (f *fuseFS) doubtDirs(d *Dev, taken *node) {
	if f.conn == nil {
		return
	}
	f.lockings.Add(1) // what is on its way is told to be believed for no time
	if taken != nil {
		taken.taking.Add(1)
		defer taken.taking.Add(-1)
	}
	told := d.told.all(nameTimeout)
	for id := range told {
		n, c := f.node(id)
		if n == nil || c.dev == d && c.assured() {
			delete(told, id)
		}
		c.close()
	}
	if len(told) == 0 {
		return
	}
	wait(nameTimeout, func() {
		for id := range told {
			f.expireAttr(id)
		}
		for id, telling := range told {
			if dir, name := f.nameOf(id); dir == nil || f.doubtName(dir, name) {
				d.told.done(id, telling)
			}
		}
	})
}

// doubtName has the kernel ask again for a name. It reports false where it can't.
func (f *fuseFS) doubtName(dir *node, name string) bool {
	if !f.exp || dir.taking.Load() > 0 {
		return false
	}
	f.conn.ExpireName(dir.id, name)
	return true
}

// nameOf gives a directory's name and what it is in; nil if the kernel knows it by none.
func (f *fuseFS) nameOf(id uint64) (dir *node, name string) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	n := f.nodes[id]
	if n == nil || n.parent == nil || n.isRoot() || n.parent.id == 0 {
		return nil, ""
	}
	return n.parent, n.name
}
