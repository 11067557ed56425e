package ns

import (
	"context"
	"io/fs"
	"sync/atomic"
	"time"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// A fileKey is a file's identity in the node table.
type fileKey struct {
	key
	group *Group // of a device whose files differ from group to group
	typ   fs.FileMode
	vers  uint64 // of a symbolic link, whose target the kernel keeps
}

// A dirKey is a directory of a group, by whatever names.
type dirKey struct {
	group *Group
	key   key
}

var lastLink atomic.Uint64

// A node is what the kernel knows by a number. ch is, for a directory, the file
// of that name itself, what is mounted on it being looked up at each use; for a
// file it is what is mounted on it.
type node struct {
	fs     *fuseFS
	id     uint64
	lookup uint64 // the kernel's count
	group  *Group
	dir    bool
	ch     *Chan
	vers   atomic.Uint64 // a file's version at its last open, plus 1
	attrs  atomic.Uint64 // and that of the attributes that the kernel was told last
	length atomic.Uint64 // and how long it takes the file to be
	wrote  atomic.Uint64 // fuseFS.writes at its last write
	bare   atomic.Int64  // when, in ns, it was last written to, which takes its capabilities away; 0: never
	asked  atomic.Bool   // a name of it was looked up since it was last opened
	opened atomic.Pointer[openedStat]
	busy   atomic.Int32 // requests that hold the directory's lock in the kernel
	taking atomic.Int32 // those by which something is locked now, see doubtDirs
	held   atomic.Bool  // there are names in it by which something is locked
	backing
	locks atomic.Pointer[lockState]

	drop, dropping *dropped // what is to begin, and what is under way; fuseFS.drops.mu

	key    fileKey // a file's
	parent *node   // a directory's
	name   string
	kids   map[string]*node
	names  [2]map[string]struct{} // names told since turn, and before that
	turn   time.Time
	late   <-chan struct{} // open: names in it are to be dropped still; fuseFS.mu
}

// numbered finds a node, nil where there is none.
func (f *fuseFS) numbered(id uint64) *node {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.nodes[id]
}

// node finds a node and holds its Chan, which the caller closes.
func (f *fuseFS) node(id uint64) (*node, *Chan) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	n := f.nodes[id]
	if n == nil || n.ch == nil {
		return nil, nil
	}
	return n, n.ch.hold()
}

// enter gives the node of a name that was looked up in a directory, counted once
// more. c is the name's file itself; it is taken over.
func (f *fuseFS) enter(parent *node, name string, c *Chan) *node {
	var n *node
	if c.isDir() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if n = parent.kids[name]; n == nil {
			n = &node{fs: f, dir: true, group: parent.group, parent: parent, name: name, kids: map[string]*node{}}
			parent.kids[name] = n
		}
	} else {
		t := parent.group.pg.top(c)
		c.close()
		c = t
		k := fileKey{key: c.key(), typ: c.mode}
		if c.mode == fs.ModeSymlink {
			if k.vers = uint64(c.qid.Vers); k.vers == 0 && !c.fixed() { // it may be another at each look
				k.vers = 1<<32 + lastLink.Add(1)
			}
		}
		if c.dev.byGroup {
			k.group = parent.group
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if n = f.files[k]; n == nil {
			n = &node{fs: f, group: parent.group, key: k}
			f.files[k] = n
		}
	}
	if n.id == 0 {
		f.last++
		n.id = f.last
		f.nodes[n.id] = n
	}
	n.lookup++
	was := n.ch
	f.is(n, c)
	was.close()
	if parent.dir && parent.id != devfuse.RootId {
		parent.told(name)
	}
	return n
}

// is sets what a node stands for.
func (f *fuseFS) is(n *node, c *Chan) {
	if n.dir && n.group != nil {
		if n.ch != nil {
			k := dirKey{n.group, n.ch.key()}
			if delete(f.dirs[k], n); len(f.dirs[k]) == 0 {
				delete(f.dirs, k)
			}
		}
		if c != nil {
			k := dirKey{n.group, c.key()}
			if f.dirs[k] == nil {
				f.dirs[k] = map[*node]struct{}{}
			}
			f.dirs[k][n] = struct{}{}
		}
	}
	n.ch = c
}

// told remembers a name for as long as the kernel may trust it.
func (n *node) told(name string) {
	now := time.Now()
	if d := now.Sub(n.turn); d > nameTimeout {
		n.names[1] = n.names[0]
		if d > 2*nameTimeout {
			n.names[1] = nil
		}
		n.names[0], n.turn = map[string]struct{}{}, now
	}
	n.names[0][name] = struct{}{}
}

func (f *fuseFS) Forget(id, count uint64) {
	f.mu.Lock()
	n := f.nodes[id]
	if n == nil || id == devfuse.RootId {
		f.mu.Unlock()
		return
	}
	n.lookup -= min(count, n.lookup)
	var c *Chan
	if n.lookup == 0 {
		delete(f.nodes, id)
		c = n.ch
		f.is(n, nil)
		if n.dir {
			n.id = 0
			f.prune(n)
		} else {
			delete(f.files, n.key)
		}
	}
	f.mu.Unlock()
	c.close()
}

// prune drops directories that the kernel has forgotten and that are on no
// other's way.
func (f *fuseFS) prune(n *node) {
	for n.parent != nil && n.lookup == 0 && len(n.kids) == 0 {
		if n.parent.kids[n.name] == n {
			delete(n.parent.kids, n.name)
		}
		n = n.parent
	}
}

// moved follows a rename of a directory, or an exchange of two names.
func (f *fuseFS) moved(from *node, old string, to *node, name string, exchange bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, other := from.kids[old], to.kids[name]
	if n == other {
		return
	}
	delete(from.kids, old)
	delete(to.kids, name) // what was there is gone, though it may still be in use
	if n != nil {
		n.parent, n.name = to, name
		to.kids[name] = n
	}
	if exchange && other != nil {
		other.parent, other.name = from, old
		from.kids[old] = other
	}
}

// removed follows the removal of a directory.
func (f *fuseFS) removed(dir *node, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(dir.kids, name)
}

// An openedStat is what a snapshot's opening told of it, and until when that is good.
type openedStat struct {
	p9.Stat
	until time.Time
}

// stat gives a file's attributes. The kernel asks for those of a snapshot right after
// each opening, for having been read changes a file's times: then they are the opening's.
func (n *node) stat(ctx context.Context, file srv.File) (p9.Stat, error) {
	if o := n.opened.Load(); o != nil && time.Now().Before(o.until) {
		return o.Stat, nil
	}
	return file.Stat(ctx)
}

// tell remembers what the kernel is told of a file. Like the kernel it does not take a
// length for the present one that was asked for before the file was written.
func (n *node) tell(ctx *reqCtx, st *p9.Stat) {
	n.attrs.Store(uint64(st.Qid.Vers) + 1)
	if was := n.length.Load(); n.wrote.Load() <= ctx.writes {
		n.length.CompareAndSwap(was, st.Length)
	}
}

// grew follows a write, by which the kernel takes the file to have an end at least there.
func (f *fuseFS) grew(n *node, end uint64) {
	n.wrote.Store(f.writes.Add(1))
	for was := n.length.Load(); was < end && !n.length.CompareAndSwap(was, end); was = n.length.Load() {
	}
}

// path gives a directory's name in its group. fuseFS.mu is held.
func (n *node) path() string {
	name := ""
	for ; n.parent != nil && !n.isRoot(); n = n.parent {
		name = "/" + n.name + name
	}
	return name
}
