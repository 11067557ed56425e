package ns

import (
	"cmp"
	"slices"
	"strings"
)

// A Graft is a kernel mount over the group's tree: of a file or directory of the
// host's or of a server, for speed, or of the engine's own tree, where the kernel would
// otherwise show what a host's directory has there.
type Graft struct {
	Target string // where, in the name space
	Host   string // the host's name of what is mounted, or a Dev's kernels; "" for the engine's tree
}

// within tells whether name is dir or beneath it.
func within(name, dir string) bool {
	return name == dir || dir == "/" || strings.HasPrefix(name, dir+"/")
}

// beneath gives the name in the tree at target for one that is in the tree dir.
func beneath(name, dir, target string) string {
	return strings.TrimSuffix(target, "/") + strings.TrimPrefix(name, strings.TrimSuffix(dir, "/"))
}

// grafts gives the kernel mounts that the group's table asks for, those nearer
// to the root first, beside those of the host's top directories (bases), which
// are made once and stay. hidden are those of them that others hide.
//
// The kernel does not ask the engine about names under a mount of a host's
// directory. So each place of the table that is a host's file is placed in every
// such mount that reaches it. A place where one host's file or directory stands
// for it alone, gets that; any other one gets the engine's tree of the same name.
func (g *Group) grafts(hidden []string) []Graft {
	type todo struct {
		Graft
		parent int  // index of the mount that it lies in, -1 for none
		way    *way // here: a mount in itself ends
	}
	g.pg.mu.RLock()
	defer g.pg.mu.RUnlock()
	heads := g.pg.hostHeads()
	var done []todo // by depth
	at := map[string]int{}
	add := func(d todo) {
		at[d.Target] = len(done)
		done = append(done, d)
	}
	var wait [][]todo // by depth
	later := func(d todo) {
		n := strings.Count(d.Target, "/")
		for len(wait) <= n {
			wait = append(wait, nil)
		}
		wait[n] = append(wait[n], d)
	}
	// reach puts on the list what the table has in the host's tree that done[i] shows.
	reach := func(i int, root bool) {
		d := done[i]
		if d.Host == "" {
			return
		}
		if d.way.in(d.Host) {
			// A directory within itself has no end, which the kernel's mounts
			// can't show.
			done[i].Host = ""
			return
		}
		for _, h := range heads.within(d.Host) {
			if root || h.from.rel != d.Host {
				later(todo{Graft{beneath(h.from.rel, d.Host, d.Target), g.source(h)}, i, &way{h, d.way}})
			}
		}
	}
	for _, b := range g.eng.bases() {
		add(todo{Graft{b, b}, -1, nil})
	}
	nbase := len(done)
	for i := range nbase {
		if slices.Contains(hidden, done[i].Target) { // the union has another of the name first
			later(todo{Graft{Target: done[i].Target}, i, nil})
			continue
		}
		reach(i, true)
	}
	for _, h := range g.pg.pointHeads() {
		if g.source(h) != "" {
			later(todo{Graft{h.name, g.source(h)}, -1, &way{h, nil}})
		}
	}
	for n := 0; n < len(wait); n++ {
		for i := 0; i < len(wait[n]); i++ { // what is reached is deeper
			w := wait[n][i]
			// The deepest mount on the way must be the one through which it was
			// reached, or else something else lies over it there.
			over := -1
			ancestors(w.Target, func(dir string) bool {
				j, ok := at[dir]
				if ok {
					over = j
				}
				return !ok
			})
			if over == w.parent {
				add(w)
				reach(len(done)-1, false)
			}
		}
	}
	out := make([]Graft, 0, len(done)-nbase)
	for _, d := range done[nbase:] {
		out = append(out, d.Graft)
	}
	return out
}

// A way is the places of the table that lead to a mount, the last first.
type way struct {
	*Mhead
	up *way
}

// in tells whether a place on the way lies beneath a directory of the host's.
func (p *way) in(dir string) bool {
	for ; p != nil; p = p.up {
		if p.from.dev.host && p.from.rel != dir && within(p.from.rel, dir) {
			return true
		}
	}
	return false
}

// hostHeads are the places of a table that are files of the host's, but for its
// root, by name.
type hostHeads []*Mhead

// hostHeads gives them; the caller has the table locked.
func (pg *Pgrp) hostHeads() hostHeads {
	var heads hostHeads
	for _, h := range pg.heads {
		if h.from.dev.host && h.from.rel != "/" {
			heads = append(heads, h)
		}
	}
	slices.SortFunc(heads, func(a, b *Mhead) int {
		return cmp.Or(strings.Compare(a.from.rel, b.from.rel), byMount(a, b))
	})
	return heads
}

// pointHeads gives the places that are mount points of our own, in the order of
// their mounts. They have one name each, so the kernel can mount there too.
func (pg *Pgrp) pointHeads() []*Mhead {
	var heads []*Mhead
	for _, h := range pg.heads {
		if _, ok := h.from.file.(*point); ok {
			heads = append(heads, h)
		}
	}
	slices.SortFunc(heads, byMount)
	return heads
}

func byMount(a, b *Mhead) int { return cmp.Compare(a.mount[0].id, b.mount[0].id) }

// within gives those that are a file or beneath it, in the order of their mounts.
func (heads hostHeads) within(dir string) hostHeads {
	if dir == "/" {
		dir = ""
	}
	from := func(name string) int {
		i, _ := slices.BinarySearchFunc(heads, name, func(h *Mhead, name string) int { return strings.Compare(h.from.rel, name) })
		return i
	}
	// Between a directory's own name and those beneath it others may stand: a-b
	// comes before a/b.
	in := slices.Clone(heads[from(dir+"/"):from(dir+"0")]) // 0 is what comes after the slash
	for i := from(dir); i < len(heads) && heads[i].from.rel == dir; i++ {
		in = append(in, heads[i])
	}
	slices.SortFunc(in, byMount)
	return in
}

// ancestors calls do with a name and those of the directories that it is in, the
// root last, until that is false.
func ancestors(name string, do func(dir string) bool) {
	for do(name) && name != "/" {
		name = name[:max(strings.LastIndexByte(name, '/'), 0)]
		if name == "" {
			name = "/"
		}
	}
}

// difference tells which mounts to undo, the deepest first, and which to make,
// those nearest to the root first. A mount goes with what lies in it.
func difference(have, want []Graft) (undo, make []Graft) {
	wanted, had := map[Graft]bool{}, map[Graft]bool{}
	for _, w := range want {
		wanted[w] = true
	}
	changed := map[string]bool{} // targets: of mounts that go, and of new ones, that would cover others
	for _, h := range have {
		had[h] = true
		if !wanted[h] {
			changed[h.Target] = true
		}
	}
	for _, w := range want {
		if !had[w] {
			changed[w.Target] = true
		}
	}
	kept := map[Graft]bool{}
	for _, h := range slices.Backward(have) {
		kept[h] = true
		ancestors(h.Target, func(dir string) bool {
			if changed[dir] {
				kept[h] = false
			}
			return kept[h]
		})
		if !kept[h] {
			undo = append(undo, h)
		}
	}
	for _, w := range want {
		if !kept[w] {
			make = append(make, w)
		}
	}
	return undo, make
}
