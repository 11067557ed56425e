package ns

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// slowGrafts says the same as grafts, as its comment does, without regard to
// time: it takes the nearest to the root of what is left and looks at all mounts
// that are there for the one that it lies in.
func slowGrafts(g *Group) []Graft {
	type todo struct {
		Graft
		parent int
		heads  map[*Mhead]bool
	}
	var wait, done []todo
	source := func(h *Mhead) string {
		if m := h.mount[0].to; len(h.mount) == 1 && m.dev.host && g.eng.native(m.rel) {
			return m.rel
		}
		return ""
	}
	var heads []*Mhead
	for _, h := range g.pg.heads {
		heads = append(heads, h)
	}
	slices.SortFunc(heads, byMount)
	reach := func(i int, root bool) {
		for _, h := range heads {
			rel := h.from.rel
			if !h.from.dev.host || rel == "/" || done[i].Host == "" || done[i].heads[h] || !within(rel, done[i].Host) || rel == done[i].Host && !root {
				continue
			}
			seen := map[*Mhead]bool{h: true}
			for k := range done[i].heads {
				seen[k] = true
			}
			wait = append(wait, todo{Graft{beneath(rel, done[i].Host, done[i].Target), source(h)}, i, seen})
		}
	}
	for i, b := range g.eng.bases() {
		done = append(done, todo{Graft{b, b}, -1, nil})
		reach(i, true)
	}
	for _, h := range heads {
		if _, ok := h.from.file.(*point); ok && source(h) != "" {
			wait = append(wait, todo{Graft{h.name, source(h)}, -1, map[*Mhead]bool{h: true}})
		}
	}
	for len(wait) > 0 {
		first := 0
		for i, w := range wait {
			if strings.Count(w.Target, "/") < strings.Count(wait[first].Target, "/") {
				first = i
			}
		}
		w := wait[first]
		wait = slices.Delete(wait, first, first+1)
		over := -1
		for i, d := range done {
			if within(w.Target, d.Target) && (over < 0 || len(d.Target) >= len(done[over].Target)) {
				over = i
			}
		}
		if over == w.parent {
			done = append(done, w)
			reach(len(done)-1, false)
		}
	}
	var out []Graft
	for _, d := range done[len(g.eng.bases()):] {
		out = append(out, d.Graft)
	}
	return out
}

// slowDifference is difference in the same way.
func slowDifference(have, want []Graft) (undo, make []Graft) {
	stays := func(h Graft) bool {
		for _, x := range have {
			if !slices.Contains(want, x) && within(h.Target, x.Target) {
				return false
			}
		}
		for _, x := range want {
			if !slices.Contains(have, x) && within(h.Target, x.Target) {
				return false
			}
		}
		return true
	}
	for _, h := range slices.Backward(have) {
		if !stays(h) {
			undo = append(undo, h)
		}
	}
	for _, w := range want {
		if !slices.Contains(have, w) || !stays(w) {
			make = append(make, w)
		}
	}
	return undo, make
}

// TestGraftsRandom binds at random in a tree whose names are alike, and compares.
func TestGraftsRandom(t *testing.T) {
	var names, dirs []string
	for _, a := range []string{"tmp", "usr", "tmp-x"} {
		for _, b := range []string{"", "/a", "/a-b", "/a0"} {
			for _, c := range []string{"", "/c", "/c.d"} {
				names = append(names, a+b+c+"/")
				dirs = append(dirs, "/"+a+b+c)
			}
		}
	}
	dirs = append(dirs, "/n/p", "/n/q")
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 4))
		g := newGroup(t, tree(names...), "/tmp", "/usr", "/tmp-x")
		var have []Graft
		for range 12 {
			line := fmt.Sprintf("bind %s %s %s", []string{"", "", "-a", "-b"}[r.IntN(4)], dirs[r.IntN(len(dirs))], dirs[r.IntN(len(dirs))])
			if r.IntN(5) == 0 {
				line = "unmount " + dirs[r.IntN(len(dirs))]
			}
			do(t, g, line) // which may fail
			want := g.grafts(nil)
			if slow := slowGrafts(g); !slices.Equal(want, slow) {
				t.Fatalf("seed %d: %s\n%s: %v, want %v", seed, g.pg.Text(), line, want, slow)
			}
			undo, make := difference(have, want)
			slowUndo, slowMake := slowDifference(have, want)
			if !slices.Equal(undo, slowUndo) || !slices.Equal(make, slowMake) {
				t.Fatalf("seed %d: from %v to %v: %v %v, want %v %v", seed, have, want, undo, make, slowUndo, slowMake)
			}
			have = want
			var got []Graft // what was done step by step, each place by itself where it can be
			got = append(got, g.placed.list...)
			if !slices.IsSortedFunc(got, func(a, b Graft) int { return strings.Count(a.Target, "/") - strings.Count(b.Target, "/") }) {
				t.Fatalf("seed %d: %v is not by depth", seed, got)
			}
			if byName(got); !slices.Equal(got, byName(slices.Clone(want))) {
				t.Fatalf("seed %d: %s\n%s: placed %v, want %v", seed, g.pg.Text(), line, got, want)
			}
		}
	}
}

func byName(l []Graft) []Graft {
	slices.SortFunc(l, func(a, b Graft) int {
		return cmp.Or(strings.Compare(a.Target, b.Target), strings.Compare(a.Host, b.Host))
	})
	return l
}

// TestGraftsMany has a thousand places be no more than a thousand.
func TestGraftsMany(t *testing.T) {
	const n = 1000
	names := []string{"usr/"}
	for i := range n {
		names = append(names, fmt.Sprintf("tmp/d%d/", i))
	}
	g := newGroup(t, tree(names...), "/tmp", "/usr")
	for i := range n {
		if err := do(t, g, fmt.Sprintf("bind /usr /tmp/d%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if l := g.grafts(nil); len(l) != n || l[0] != (Graft{"/tmp/d0", "/usr"}) {
		t.Errorf("%d grafts, %v first", len(l), l[0])
	}
}
