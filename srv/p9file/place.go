package p9file

// Where the files of a Tree are. A p9.File may find its file by a path, and then
// has to be told (Renamed) when that changes.

// A place is one name in the tree, as far as Files are held below it. It moves
// with renames, and with it all that is there.
type place struct {
	up    *place // nil for the root
	name  string
	kids  map[string]*place
	nodes map[*node]bool
	gone  bool // what was here was removed or replaced
}

func (p *place) kid(name string) *place {
	k := p.kids[name]
	if k == nil {
		k = &place{up: p, name: name}
		p.adopt(k)
	}
	return k
}

func (p *place) adopt(k *place) {
	if p.kids == nil {
		p.kids = map[string]*place{}
	}
	k.up = p
	p.kids[k.name] = k
}

// leave takes the place out of the tree where nothing is held of it. Then
// nothing is held below either: each node holds the one of its directory.
func (p *place) leave(n *node) {
	delete(p.nodes, n)
	if len(p.nodes) == 0 && p.up != nil && p.up.kids[p.name] == p {
		delete(p.up.kids, p.name)
	}
}

func (p *place) lose() {
	p.gone = true
	for _, k := range p.kids {
		k.lose()
	}
}

// each calls f for all nodes from p down, a directory's before those in it.
func (p *place) each(f func(*node)) {
	for n := range p.nodes {
		f(n)
	}
	for _, k := range p.kids {
		k.each(f)
	}
}

// join puts a new node, with one reference, in its place; dir is the node of the
// directory that it is in, nil for a root.
func (t *tree) join(n *node, dir *node, at *place) *node {
	t.names.Lock()
	defer t.names.Unlock()
	return t.joinLocked(n, dir, at)
}

func (t *tree) joinLocked(n *node, dir *node, at *place) *node {
	n.t, n.dir, n.at, n.refs = t, dir, at, 1
	if dir != nil {
		dir.refs++
	}
	if at.nodes == nil {
		at.nodes = map[*node]bool{}
	}
	at.nodes[n] = true
	return n
}

// enter joins a new node to the place that name is in dir.
func (t *tree) enter(n *node, dir *node, name string) *node {
	t.names.Lock()
	defer t.names.Unlock()
	return t.joinLocked(n, dir, dir.at.kid(name))
}

// where gives a node's directory and place.
func (n *node) where() (dir *node, at *place, name string) {
	n.t.names.Lock()
	defer n.t.names.Unlock()
	return n.dir, n.at, n.at.name
}

// here says whether a node's name still leads to its file.
func (n *node) here() bool {
	n.t.names.Lock()
	defer n.t.names.Unlock()
	return !n.at.gone
}

func (n *node) ref() {
	n.t.names.Lock()
	n.refs++
	n.t.names.Unlock()
}

// unref lets a node go, and closes its file and lets its directory go where that
// was the last reference.
func (n *node) unref() {
	for n != nil { // no recursion: paths may be long
		t := n.t
		t.names.Lock()
		dir := n.dir
		n.refs--
		last := n.refs == 0
		if last {
			n.at.leave(n)
		}
		t.names.Unlock()
		if !last {
			return
		}
		safely(n.f.Close) // nobody is left to hear an error
		n = dir
	}
}

// removed notes that an entry of dir was removed. t.mu is held.
func (t *tree) removed(dir *node, name string) {
	t.names.Lock()
	defer t.names.Unlock()
	t.drop(dir.at, name)
}

func (t *tree) drop(p *place, name string) {
	if k := p.kids[name]; k != nil {
		delete(p.kids, name)
		k.lose()
	}
}

// renamed notes that dir's entry old is now name in to, and tells all files that
// are there. t.mu is held.
func (t *tree) renamed(dir *node, old string, to *node, name string) {
	type notice struct {
		n, dir *node
		name   string
	}
	var notices []notice
	var left []*node // references to let go
	t.names.Lock()
	t.drop(to.at, name)
	if p := dir.at.kids[old]; p != nil {
		delete(dir.at.kids, old)
		p.name = name
		to.at.adopt(p)
		for n := range p.nodes {
			left = append(left, n.dir)
			n.dir = to
			to.refs++
		}
		p.each(func(n *node) {
			n.refs++
			left = append(left, n)
			notices = append(notices, notice{n, n.dir, n.at.name})
		})
	}
	t.renames++
	t.names.Unlock()
	for _, o := range notices {
		safely(func() error { o.n.f.Renamed(o.dir.f, o.name); return nil })
	}
	for _, n := range left {
		n.unref()
	}
}
