package ns

import (
	"slices"
	"sort"
	"strings"
)

// A Graft is a kernel mount over the group's tree: of a file or directory of the
// host's, for speed, or of the engine's own tree, where the kernel would
// otherwise show what a host's directory has there.
type Graft struct {
	Target string // where, in the name space
	Host   string // the host's name of what is mounted; "" for the engine's tree
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
		parent int             // index of the mount that it lies in, -1 for none
		heads  map[*Mhead]bool // on the way here: a mount in itself ends
	}
	g.pg.mu.RLock()
	defer g.pg.mu.RUnlock()
	var heads []*Mhead
	for _, h := range g.pg.heads {
		if h.from.dev.host && h.from.rel != "/" {
			heads = append(heads, h)
		}
	}
	sort.Slice(heads, func(i, j int) bool { return heads[i].mount[0].id < heads[j].mount[0].id })
	source := func(h *Mhead) string {
		if len(h.mount) == 1 && h.mount[0].to.dev.host && g.eng.native(h.mount[0].to.rel) {
			return h.mount[0].to.rel
		}
		return ""
	}

	var done []todo // by depth
	var wait []todo
	// reach puts on the list what the table has in the host's tree that done[i] shows.
	reach := func(i int, root bool) {
		d := done[i]
		if d.Host == "" {
			return
		}
		for h := range d.heads {
			if within(h.from.rel, d.Host) && h.from.dev.host && h.from.rel != d.Host {
				// A directory within itself has no end, which the kernel's mounts
				// can't show.
				done[i].Host = ""
				return
			}
		}
		for _, h := range heads {
			if d.heads[h] || !within(h.from.rel, d.Host) || h.from.rel == d.Host && !root {
				continue
			}
			seen := map[*Mhead]bool{h: true}
			for k := range d.heads {
				seen[k] = true
			}
			wait = append(wait, todo{Graft{beneath(h.from.rel, d.Host, d.Target), source(h)}, i, seen})
		}
	}
	for _, b := range g.eng.bases() {
		done = append(done, todo{Graft{b, b}, -1, nil})
	}
	nbase := len(done)
	for i := range nbase {
		if slices.Contains(hidden, done[i].Target) { // the union has another of the name first
			wait = append(wait, todo{Graft{Target: done[i].Target}, i, nil})
			continue
		}
		reach(i, true)
	}
	for _, h := range g.pg.heads {
		// Mount points of our own have one name, so they can be mounted too.
		if _, ok := h.from.file.(*point); ok && source(h) != "" {
			wait = append(wait, todo{Graft{h.name, source(h)}, -1, map[*Mhead]bool{h: true}})
		}
	}
	for len(wait) > 0 {
		sort.SliceStable(wait, func(i, j int) bool {
			return strings.Count(wait[i].Target, "/") < strings.Count(wait[j].Target, "/")
		})
		w := wait[0]
		wait = wait[1:]
		// The deepest mount on the way must be the one through which it was
		// reached, or else something else lies over it there.
		over := -1
		for i, d := range done {
			if within(w.Target, d.Target) && (over < 0 || len(d.Target) >= len(done[over].Target)) {
				over = i
			}
		}
		if over != w.parent {
			continue
		}
		done = append(done, w)
		reach(len(done)-1, false)
	}
	out := make([]Graft, 0, len(done)-nbase)
	for _, d := range done[nbase:] {
		out = append(out, d.Graft)
	}
	return out
}

// difference tells which mounts to undo, the deepest first, and which to make,
// those nearest to the root first. A mount goes with what lies in it.
func difference(have, want []Graft) (undo, make []Graft) {
	wanted, had := map[Graft]bool{}, map[Graft]bool{}
	for _, w := range want {
		wanted[w] = true
	}
	for _, h := range have {
		had[h] = true
	}
	gone := func(g Graft) bool {
		for _, h := range have {
			if !wanted[h] && within(g.Target, h.Target) {
				return true
			}
		}
		for _, w := range want { // a new one would cover it
			if !had[w] && within(g.Target, w.Target) {
				return true
			}
		}
		return false
	}
	kept := map[Graft]bool{}
	for i := len(have) - 1; i >= 0; i-- {
		if gone(have[i]) {
			undo = append(undo, have[i])
		} else {
			kept[have[i]] = true
		}
	}
	for _, w := range want {
		if !kept[w] {
			make = append(make, w)
		}
	}
	return undo, make
}
