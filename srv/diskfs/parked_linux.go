package diskfs

import (
	"context"
	"slices"
	"strings"

	"ninespace/srv"
)

// Parked are the entries of an export that have no descriptor, and the paths that are being
// changed. All is lot.mu's.
type parked struct {
	spot     // the tree's root
	changing []string
}

// A spot is a name on the way to parked entries. So a directory takes along what is beneath
// it, however much that is, as it is renamed.
type spot struct {
	up   *spot // nil: it is the tree's root
	name string
	kids map[string]*spot
	here []*entry
}

// find gives what a path leads to, nil if nothing is there.
func (s *spot) find(path string) *spot {
	for name := range strings.SplitSeq(path, "/") {
		if s = s.kids[name]; s == nil {
			break
		}
	}
	return s
}

// at gives what a path leads to, which is made if it is not there.
func (s *spot) at(path string) *spot {
	for name := range strings.SplitSeq(path, "/") {
		k := s.kids[name]
		if k == nil {
			k = &spot{name: name}
			s.put(k)
		}
		s = k
	}
	return s
}

func (s *spot) put(k *spot) {
	if s.kids == nil {
		s.kids = map[string]*spot{}
	}
	s.kids[k.name], k.up = k, s
}

// path gives what leads to a spot.
func (s *spot) path() string {
	if s.up.up == nil {
		return s.name
	}
	return s.up.path() + "/" + s.name
}

// prune takes away a spot that leads to nothing.
func (s *spot) prune() {
	for ; s.up != nil && len(s.here)+len(s.kids) == 0; s = s.up {
		delete(s.up.kids, s.name)
	}
}

func (s *spot) add(e *entry) {
	e.spot, e.nth = s, len(s.here)
	s.here = append(s.here, e)
}

// unpark takes an entry away from where it is.
func (e *entry) unpark() {
	s, l := e.spot, e.spot.here
	last := l[len(l)-1]
	l[e.nth], last.nth, l[len(l)-1] = last, e.nth, nil
	e.spot, s.here = nil, l[:len(l)-1]
	s.prune()
}

// take takes what a path leads to out of the tree, nil if nothing is there.
func (s *spot) take(path string) *spot {
	k := s.find(path)
	if k != nil {
		delete(k.up.kids, k.name)
		k.up.prune()
	}
	return k
}

// give puts what was taken, if anything was, at a path.
func (s *spot) give(path string, k *spot) {
	if k == nil {
		return
	}
	t := s.at(path)
	if len(t.here)+len(t.kids) > 0 {
		t.join(k)
		return
	}
	k.name = t.name
	t.up.put(k)
}

// join takes in what another one has.
func (s *spot) join(o *spot) {
	for _, e := range o.here {
		s.add(e)
	}
	for name, k := range o.kids {
		if mine := s.kids[name]; mine != nil {
			mine.join(k)
		} else {
			s.put(k)
		}
	}
}

// under gives what follows dir in a path at it or beneath it.
func under(path, dir string) (string, bool) {
	rest, ok := strings.CutPrefix(path, dir)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// changes reports whether a path is being changed.
func (p *parked) changes(path string) bool {
	return slices.ContainsFunc(p.changing, func(c string) bool { _, ok := under(path, c); return ok })
}

// move has what is at a path and beneath it be at another; with swap, each at the other's.
func (p *parked) move(from, to string, swap bool) {
	k := p.take(from)
	if swap {
		p.give(from, p.take(to))
	}
	p.give(to, k)
}

// A change is one of names through the server. Meanwhile none of the files that have
// them, or are beneath, is parked, and for those that are not found it is waited.
type change struct {
	x     *export
	paths []string
	both  bool // it is a rename, and both its names have a path
}

// A named is a name of a directory that is in use.
type named struct {
	dir  *node
	name string
}

// rename calls f, which changes names, with the authority of the tree's user. The files of the last
// of the names have a descriptor then, for it may be the last that they have. What had the first
// has the second afterwards, if there are two, or with swap each the other's.
func (n *node) rename(ctx context.Context, swap bool, f func() error, names ...named) error {
	if !lot.crowded.Load() {
		return n.run(ctx, f)
	}
	do := func() error {
		c, err := n.t.changing(ctx, names)
		if err != nil {
			return err
		}
		defer c.end()
		if err = n.t.here(f); err == nil {
			c.moved(swap)
		}
		return err
	}
	if srv.Nonblock(ctx) {
		return n.timed(ctx, do)
	}
	return srv.InKernel(ctx, do)
}

// changing begins a change, after those that are under way of the same names or what is
// above or beneath them. On a goroutine that must not wait it returns srv.ErrAgain where it
// would have to. Others wait for its end, and so it is called with a thread.
func (x *export) changing(ctx context.Context, names []named) (change, error) {
	lot.mu.Lock()
	defer lot.mu.Unlock()
	c := change{x: x}
	for {
		c.paths = c.paths[:0]
		for _, n := range names {
			path, ok := n.dir.way()
			if !ok { // the directory has no path, and nothing in it has
				continue
			}
			if path != "" {
				path += "/"
			}
			c.paths = append(c.paths, path+n.name)
		}
		if !slices.ContainsFunc(c.paths, x.parked.meets) {
			break
		}
		if srv.Nonblock(ctx) {
			return change{}, srv.ErrAgain
		}
		if err := lot.await(ctx); err != nil {
			return change{}, err
		}
	}
	c.both = len(c.paths) == len(names) && len(names) == 2
	var theirs []*entry
	if len(c.paths) > 0 {
		if s := x.parked.find(c.paths[len(c.paths)-1]); s != nil {
			for _, e := range s.here {
				if srv.Nonblock(ctx) {
					return change{}, srv.ErrAgain
				}
				if len(theirs) < lot.most && e.hold() {
					theirs = append(theirs, e)
				}
			}
		}
	}
	x.parked.changing = append(x.parked.changing, c.paths...)
	lot.mu.Unlock()
	for _, e := range theirs {
		if e.fetch(ctx, false) == nil {
			e.done()
		}
		e.Clunk()
	}
	err := ctx.Err() // then not all may have been opened
	if err != nil {
		c.end()
		c = change{}
	}
	lot.mu.Lock()
	return c, err
}

// meets reports whether a path, or what is beneath it, is being changed.
func (p *parked) meets(path string) bool {
	return p.changes(path) || slices.ContainsFunc(p.changing, func(c string) bool { _, ok := under(c, path); return ok })
}

// moved says that what had the first name has the second, or with swap each the other's.
func (c change) moved(swap bool) {
	if !c.both {
		return
	}
	lot.mu.Lock()
	defer lot.mu.Unlock()
	c.x.parked.move(c.paths[0], c.paths[1], swap)
}

// end ends it.
func (c change) end() {
	if len(c.paths) == 0 {
		return
	}
	lot.mu.Lock()
	defer lot.mu.Unlock()
	for _, path := range c.paths {
		i := slices.Index(c.x.parked.changing, path)
		c.x.parked.changing = slices.Delete(c.x.parked.changing, i, i+1)
	}
	lot.ended++
	lot.changed.Broadcast()
}
