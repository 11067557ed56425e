package diskfs

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// Parked are the entries of an export that have no descriptor, by path, and the paths
// that are being changed. All is lot.mu's.
type parked struct {
	n        int
	by       map[string][]*entry
	changing []string
}

func (p *parked) add(e *entry) {
	if p.by == nil {
		p.by = map[string][]*entry{}
	}
	e.at = len(p.by[e.path])
	p.by[e.path] = append(p.by[e.path], e)
	p.n++
}

func (p *parked) remove(e *entry) {
	l := p.by[e.path]
	last := l[len(l)-1]
	l[e.at], last.at, l[len(l)-1] = last, e.at, nil
	if l = l[:len(l)-1]; len(l) == 0 {
		delete(p.by, e.path)
	} else {
		p.by[e.path] = l
	}
	p.n--
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
func (p *parked) move(from, to string, swap, tree bool) {
	path := func(old string) string {
		if rest, ok := under(old, from); ok {
			return to + rest
		}
		if rest, ok := under(old, to); ok && swap {
			return from + rest
		}
		return old
	}
	var moved []*entry
	if tree {
		for old, l := range p.by {
			if path(old) != old {
				moved = append(moved, l...)
			}
		}
	} else {
		moved = append(moved, p.by[from]...)
		if swap {
			moved = append(moved, p.by[to]...)
		}
	}
	for _, e := range moved {
		p.remove(e)
		e.path = path(e.path)
		p.add(e)
	}
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

// changing begins a change, after those that are under way of the same names or what is
// above or beneath them. The files of the last of the names have a descriptor then, for it
// may be the last that they have. On a goroutine that must not wait it returns
// srv.ErrAgain where it would have to.
func (x *export) changing(ctx context.Context, names ...named) (change, error) {
	if !lot.crowded.Load() {
		return change{}, nil
	}
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
		lot.changed.Wait()
	}
	c.both = len(c.paths) == len(names) && len(names) == 2
	var theirs []*entry
	if len(c.paths) > 0 {
		for _, e := range x.parked.by[c.paths[len(c.paths)-1]] {
			if srv.Nonblock(ctx) {
				return change{}, srv.ErrAgain
			}
			if len(theirs) < lot.most && e.hold() {
				theirs = append(theirs, e)
			}
		}
	}
	x.parked.changing = append(x.parked.changing, c.paths...)
	lot.mu.Unlock()
	for _, e := range theirs {
		if e.fetch(false) == nil {
			e.done()
		}
		e.Clunk()
	}
	lot.mu.Lock()
	return c, nil
}

// meets reports whether a path, or what is beneath it, is being changed.
func (p *parked) meets(path string) bool {
	return p.changes(path) || slices.ContainsFunc(p.changing, func(c string) bool { _, ok := under(c, path); return ok })
}

// moved says that what had the first name has the second, or with swap each the other's.
func (c change) moved(to named, swap bool) {
	if !c.both {
		return
	}
	tree := true
	var st unix.Stat_t
	if !swap && unix.Fstatat(to.dir.fd, to.name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
		tree = st.Mode&unix.S_IFMT == unix.S_IFDIR
	}
	lot.mu.Lock()
	defer lot.mu.Unlock()
	if c.x.parked.n > 0 {
		c.x.parked.move(c.paths[0], c.paths[1], swap, tree)
	}
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
