package ns

import (
	"time"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
)

// Who gets a lock is to find what was done under the one before, also to directories: where they
// are, and their attributes, the kernel believes for longer than those of files. So the engine
// remembers which it has told the kernel of, and has it ask again about those when a lock is got: once
// for each time that it was told, which takes less than that did. It does not about those of whose
// changes the server is bound to tell.

// telling remembers that the kernel is told of a directory of d, with what is mounted on it, of top, and
// of its name too if named. It reports whether the kernel may believe that: not if a lock was got since
// it asked.
func (f *fuseFS) telling(ctx *reqCtx, n *node, named bool, d, top *Dev) bool {
	d.told.add(n.id, named, nameBelieved)
	if top != d {
		top.told.add(n.id, named, nameBelieved)
	}
	return f.doubts.Load() == ctx.doubts
}

// answered is called last by who answers with a name, which the kernel then has not yet been told. If
// it leads to a directory nobody who gets a lock doubts that until it is told, and it is told
// to be believed for no time where somebody did before. Other answers with names the kernel waits for
// with the directory locked that they are in, so who doubts them waits for them, but not a look at a
// name that it knows already.
func (f *fuseFS) answered(cancel *devfuse.Cancel, r *dirReq, out *devfuse.EntryOut) {
	if out.Mode&unix.S_IFMT != unix.S_IFDIR {
		return
	}
	cancel.Hold(f.answering.RLocker())
	if f.doubts.Load() != r.doubts {
		out.SetEntryTimeout(0)
		out.SetAttrTimeout(0)
	}
}

// doubtDirs has the kernel ask again about the directories of a device: for their attributes at once,
// and by a thread apart for their names, where it was told one since the last time. To doubt a name it
// takes the lock of the directory that it is in. That of taken, where it is not nil, it holds until the
// caller's request is answered: so names in it stay, of which it is asked each time from the second such
// request on (node.held), and so do those where another makes such a request, which would wait for
// this one.
func (f *fuseFS) doubtDirs(d *Dev, taken *node) {
	if f.conn == nil {
		return
	}
	f.doubtAnswers()
	if taken != nil {
		taken.taking.Add(1)
		defer taken.taking.Add(-1)
	}
	var unnamed, named []toldDir
	for _, x := range d.told.all(nameBelieved) {
		n, c := f.node(x.node)
		switch {
		case n == nil || c.dev == d && c.assured():
		case x.named && f.exp:
			named = append(named, x)
		default:
			unnamed = append(unnamed, x)
		}
		c.close()
	}
	for _, list := range [...][]toldDir{unnamed, named} {
		for _, x := range list {
			f.expireAttr(x.node)
		}
	}
	if f.exp {
		d.told.done(unnamed)
	}
	if len(named) > 0 {
		f.doubtNames(d, taken, named)
	}
}

// doubtAnswers has what is on its way to the kernel be believed for no time, or be known to it.
func (f *fuseFS) doubtAnswers() {
	f.doubts.Add(1)
	f.answering.Lock()
	//lint:ignore SA2001 what is being told just now is waited for
	f.answering.Unlock()
}

// doubtNames has the kernel ask again for the names of directories, whose attributes it doubts
// already. It ends when what was told is believed no more in any case: some directory may be locked
// by a request that its server does not answer, or by a rename that waits for taken.
func (f *fuseFS) doubtNames(d *Dev, taken *node, named []toldDir) {
	over := time.NewTimer(nameBelieved)
	defer over.Stop()
	at := uint64(0)
	if taken != nil {
		at = taken.id
	}
	for len(named) > 0 {
		through := d.doubted.enter(at)
		ours := through == nil
		if ours {
			through = begin(func() {
				defer d.doubted.leave(at)
				f.expireNames(d, named)
			})
		}
		select {
		case <-through:
		case <-over.C:
			return
		}
		if ours {
			return
		}
		named = d.told.left(named)
	}
}

// expireNames does so, but for names that stay.
func (f *fuseFS) expireNames(d *Dev, named []toldDir) {
	done := make([]toldDir, 0, len(named))
	f.conn.ExpireNames(func(yield func(uint64, string) bool) {
		for _, x := range named {
			dir, name := f.nameOf(x.node)
			if dir != nil && dir.taking.Load() > 0 {
				continue
			}
			if dir != nil && !yield(dir.id, name) {
				return
			}
			done = append(done, x)
		}
	})
	d.told.done(done)
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
