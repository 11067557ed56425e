package ns

import (
	"slices"
	"strings"
)

// A placing is the kernel mounts that lie over a group, those nearer to the root
// first, as grafts gives them.
type placing struct {
	list []Graft
	at   map[string]string          // what is mounted, by target; nil: not made yet
	show map[string]map[string]bool // and where, by what
}

// index makes the maps.
func (p *placing) index() {
	if p.at != nil {
		return
	}
	p.at, p.show = map[string]string{}, map[string]map[string]bool{}
	for _, l := range p.list {
		p.note(l)
	}
}

func (p *placing) note(l Graft) {
	p.at[l.Target] = l.Host
	if p.show[l.Host] == nil {
		p.show[l.Host] = map[string]bool{}
	}
	p.show[l.Host][l.Target] = true
}

// change takes mounts away and adds others.
func (p *placing) change(undo, make []Graft) {
	p.index()
	for _, u := range undo {
		if i := slices.Index(p.list, u); i >= 0 {
			p.list = slices.Delete(p.list, i, i+1)
		}
		delete(p.at, u.Target)
		delete(p.show[u.Host], u.Target)
	}
	for _, m := range make {
		n := strings.Count(m.Target, "/")
		i, _ := slices.BinarySearchFunc(p.list, n+1, func(l Graft, n int) int { return strings.Count(l.Target, "/") - n })
		p.list = slices.Insert(p.list, i, m)
		p.note(m)
	}
}

// place brings the kernel's mounts into line with the table, in which what is
// mounted at k has changed from was.
func (g *Group) place(pid int, k key, was *Mhead) error {
	undo, make, ok := g.alone(k, was)
	if !ok {
		return g.placeAll(pid)
	}
	if err := g.swap(pid, undo, make); err != nil {
		return err
	}
	g.placed.change(undo, make)
	return nil
}

// placeAll does so by the whole table.
func (g *Group) placeAll(pid int) error {
	want := g.grafts(g.hidden())
	if slices.Equal(g.placed.list, want) {
		return nil
	}
	undo, make := difference(g.placed.list, want)
	if err := g.swap(pid, undo, make); err != nil {
		return err
	}
	g.placed = placing{list: want}
	return nil
}

func (g *Group) swap(pid int, undo, make []Graft) error {
	if g.eng.kernel == nil || len(undo)+len(make) == 0 {
		return nil
	}
	return g.eng.kernel.place(g, pid, undo, make)
}

// source gives what stands for a place alone and the kernel can mount: a host's
// file, or the whole tree of a server in which nothing is mounted. "": there is none.
// The table is locked.
func (g *Group) source(h *Mhead) string {
	if len(h.mount) != 1 {
		return ""
	}
	switch to := h.mount[0].to; {
	case to.dev.host && g.eng.native(to.rel):
		return to.rel
	case to.rel == "/" && g.pg.devs[to.dev.id] == 0:
		return to.dev.kernels
	}
	return ""
}

// alone gives the mounts to undo and to make for a change at one place, if that
// has to do with no other one: the place is a file of the host's that no other
// place is beneath, nor beneath what it shows or showed. Most are. What that
// costs does not grow with the table.
func (g *Group) alone(k key, was *Mhead) (undo, make []Graft, ok bool) {
	g.pg.mu.RLock()
	defer g.pg.mu.RUnlock()
	h := g.pg.heads[k]
	n, any := 0, was
	if h != nil {
		n, any = 1, h
	}
	rel := any.from.rel
	if !any.from.dev.host || rel == "/" || g.eng.isBase(rel[1:]) || g.pg.below[rel] != n {
		return nil, nil, false
	}
	for _, x := range []*Mhead{was, h} {
		if x != nil && g.source(x) != "" && g.pg.below[g.source(x)] > 0 {
			return nil, nil, false
		}
	}
	p := &g.placed
	p.index()
	// in tells whether a name lies in the mount at dir, and in none that is nearer.
	in := func(target, dir string) (in bool) {
		ancestors(parent(target), func(d string) bool {
			_, placed := p.at[d]
			in = d == dir
			return !in && !placed && !g.eng.isBase(d[1:])
		})
		return in
	}
	put := func(target, dir string) {
		if !in(target, dir) {
			return
		}
		host, is := p.at[target]
		if is && (h == nil || host != g.source(h)) {
			undo = append(undo, Graft{target, host})
			is = false
		}
		if h != nil && !is {
			make = append(make, Graft{target, g.source(h)})
		}
	}
	ancestors(parent(rel), func(d string) bool {
		if _, placed := p.at[d]; !placed && g.eng.isBase(d[1:]) {
			put(rel, d)
		}
		for target := range p.show[d] {
			put(beneath(rel, d, target), target)
		}
		return true
	})
	return undo, make, true
}

// mountedBy tells whether the kernel has mounts at a name or beneath it. g.change is locked.
func (g *Group) mountedBy(name string) bool {
	at := func(target string) bool { return within(target, name) }
	return slices.ContainsFunc(g.eng.bases(), at) || slices.ContainsFunc(g.placed.list, func(l Graft) bool { return at(l.Target) })
}

// foreign tells whether what the kernel has mounted at a name is from others than the engine;
// engines tells whether it is of the engine's tree. What came with a directory of the host's does
// not count: it goes with that, and is where it was still. g.change is locked.
func (g *Group) foreign(name string, engines bool) bool {
	p := &g.placed
	p.index()
	if host, placed := p.at[name]; placed {
		return host == "" && !engines
	}
	theirs := name != "/" && name != envName
	ancestors(name, func(d string) bool {
		host, placed := p.at[d]
		theirs = theirs && !g.eng.isBase(d[1:]) && !strings.HasPrefix(host, "/")
		return theirs && !placed
	})
	return theirs
}

// parent gives the directory that a name is in.
func parent(name string) string {
	if i := strings.LastIndexByte(name, '/'); i > 0 {
		return name[:i]
	}
	return "/"
}
