package srv

import (
	"context"
	"sync"
	"sync/atomic"
)

// A node is a file as one connection reached it: with the name that it was
// walked by and its parent, for "..". It is shared by the fids that were cloned
// from each other and by its children.
type node struct {
	c      *conn
	file   File
	inline bool
	path   uint64 // of its qid, as it was when it was found
	ref    atomic.Int32

	// Where it is; a rename changes that, under c.places. The reference that a
	// node has to its parent is its own.
	name   string
	parent *node // nil for the root
}

var nodes = sync.Pool{New: func() any { return new(node) }}

// newNode makes a node with one reference; parent is held by the caller.
func (c *conn) newNode(f File, path uint64, name string, parent *node) *node {
	n := nodes.Get().(*node)
	n.c, n.file, n.inline, n.path, n.name, n.parent = c, f, isInline(f), path, name, parent
	n.ref.Store(1)
	if parent != nil {
		parent.ref.Add(1)
	}
	c.count(1)
	c.describe(f, 1)
	return n
}

// at gives the node's place. The caller has to unref the parent.
func (n *node) at() (name string, parent *node) {
	n.c.places.Lock()
	defer n.c.places.Unlock()
	if n.parent != nil {
		n.parent.ref.Add(1)
	}
	return n.name, n.parent
}

// move gives the node a new place, unless its new parent was walked to through
// it: where others have moved files since, a node may be its own ancestor, and
// would keep itself. Its old place then is as stale as theirs.
func (n *node) move(name string, parent *node) {
	n.c.places.Lock()
	for a := parent; a != nil; a = a.parent {
		if a == n {
			n.c.places.Unlock()
			return
		}
	}
	parent.ref.Add(1)
	old := n.parent
	n.name, n.parent = name, parent
	n.c.places.Unlock()
	old.unref()
}

// unref lets a reference go and, with the last one, the file.
func (n *node) unref() {
	for n != nil && n.ref.Add(-1) == 0 { // no recursion: paths may be long
		parent := n.parent
		Clunk(n.file)
		n.c.describe(n.file, -1)
		n.c.count(-1)
		n.c, n.file, n.name, n.parent = nil, nil, "", nil
		nodes.Put(n)
		n = parent
	}
}

func (n *node) remove(ctx context.Context) error {
	name, parent := n.at()
	defer parent.unref()
	if parent == nil {
		return Remove(ctx, nil, n.file, name)
	}
	return Remove(ctx, parent.file, n.file, name)
}
