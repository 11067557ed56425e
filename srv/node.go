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
	file  File
	place atomic.Pointer[place]
	ref   atomic.Int32
}

// A place is where a node is. A rename gives a node a new one.
type place struct {
	name   string
	parent *node // nil for the root
}

// places is held to change a place, and to keep the parent that one has.
var places sync.Mutex

func newNode(f File, name string, parent *node) *node {
	n := &node{file: f}
	n.ref.Store(1)
	if parent != nil {
		parent.ref.Add(1)
	}
	n.place.Store(&place{name, parent})
	return n
}

// at gives the node's place. The caller has to unref its parent.
func (n *node) at() *place {
	places.Lock()
	defer places.Unlock()
	p := n.place.Load()
	if p.parent != nil {
		p.parent.ref.Add(1)
	}
	return p
}

// move gives the node a new place, unless its new parent was walked to through
// it: where others have moved files since, a node may be its own ancestor, and
// would keep itself. Its old place then is as stale as theirs.
func (n *node) move(name string, parent *node) {
	places.Lock()
	for a := parent; a != nil; a = a.place.Load().parent {
		if a == n {
			places.Unlock()
			return
		}
	}
	parent.ref.Add(1)
	old := n.place.Swap(&place{name, parent})
	places.Unlock()
	old.parent.unref()
}

func (n *node) name() string { return n.place.Load().name }

func (n *node) unref() {
	for n != nil && n.ref.Add(-1) == 0 { // no recursion: paths may be long
		parent := n.place.Load().parent
		Clunk(n.file)
		n = parent
	}
}

func (n *node) remove(ctx context.Context) error {
	p := n.at()
	defer p.parent.unref()
	if p.parent == nil {
		return Remove(ctx, nil, n.file, p.name)
	}
	return Remove(ctx, p.parent.file, n.file, p.name)
}
