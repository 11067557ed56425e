package ns

import (
	"time"

	"ninespace/ns/devfuse"
)

// What the engine tells the kernel without being asked.

// A toldName is a name that the kernel was told not long ago.
type toldName struct {
	dir  *node
	id   uint64
	name string
}

// changed has the kernel ask again for what a group's names mean that lead to a
// file on which something else is mounted now, or through it; for all where at is
// nil. Names that are about to be asked for anyway, by a request that is on its
// way in the same directory, are left out: the kernel has that directory locked,
// and a server that does not answer must not stop a bind.
func (f *fuseFS) changed(g *Group, at *Chan) {
	if !f.exp {
		return
	}
	f.mu.RLock()
	dirs, names := f.stale(g, at)
	f.mu.RUnlock()
	if len(dirs)+len(names) == 0 {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, id := range dirs {
			f.expireAttr(id)
		}
		for _, n := range names {
			if n.dir.busy.Load() == 0 {
				f.conn.ExpireName(n.id, n.name)
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(100 * time.Millisecond):
	}
}

// stale gives the directories and names of which the kernel may know what is true
// no more. f.mu is locked.
func (f *fuseFS) stale(g *Group, at *Chan) (dirs []uint64, names []toldName) {
	var all func(n *node)
	all = func(n *node) {
		if n.id != 0 {
			dirs = append(dirs, n.id)
			if time.Since(n.turn) < 2*nameTimeout {
				for _, m := range n.names {
					for name := range m {
						names = append(names, toldName{n, n.id, name})
					}
				}
			}
		}
		for _, k := range n.kids {
			all(k)
		}
	}
	// A directory is the file of its name itself, whatever is mounted on it, so
	// each name of the file that is mounted on is found here.
	var find func(n *node)
	find = func(n *node) {
		if n.ch != nil && n.ch.key() == at.key() {
			if n.parent != nil && n.parent.id != devfuse.RootId && n.parent.id != 0 {
				names = append(names, toldName{n.parent, n.parent.id, n.name})
			}
			all(n)
			return
		}
		for _, k := range n.kids {
			find(k)
		}
	}
	top := f.nodes[devfuse.RootId].kids[groupDir(g.id)]
	switch {
	case top == nil:
	case at == nil || !at.isDir(): // what names a file has is not kept
		all(top)
	default:
		find(top)
	}
	return dirs, names
}

// expireAttr has the kernel ask again for a file's attributes.
func (f *fuseFS) expireAttr(id uint64) { f.conn.ExpireAttr(id) }

// dropName has the kernel forget a name of the root, a group's that is gone, and
// all that is beneath.
func (f *fuseFS) dropName(name string) { f.conn.DropName(devfuse.RootId, name) }
