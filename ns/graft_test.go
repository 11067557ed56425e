package ns

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ninespace/srv/p9"
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
		for h := range done[i].heads { // a directory within itself is the engine's
			if h.from.dev.host && h.from.rel != done[i].Host && within(h.from.rel, done[i].Host) {
				done[i].Host = ""
			}
		}
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
			switch r.IntN(25) {
			case 0:
				line = "clear"
			case 1, 2, 3, 4, 5:
				line = "unmount " + dirs[r.IntN(len(dirs))]
			}
			do(t, g, line) // which may fail
			checkBelow(t, g.pg, line)
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

// checkBelow counts anew what a table has beneath each name and on each device.
func checkBelow(t *testing.T, pg *Pgrp, what string) {
	t.Helper()
	n := NewPgrp()
	for _, h := range pg.heads {
		n.count(h, 1)
	}
	if !maps.Equal(n.below, pg.below) || !maps.Equal(n.devs, pg.devs) {
		t.Fatalf("%s: %v, %v are counted, want %v, %v", what, pg.below, pg.devs, n.below, n.devs)
	}
}

// refuser is a kernel that mounts nothing when told so.
type refuser struct {
	noKernel
	refuse bool
}

func (k *refuser) place(*Group, int, []Graft, []Graft) error {
	if k.refuse {
		return p9.ErrPerm
	}
	return nil
}

// TestBelow has the counts right however a table came to be, and places that do
// and don't have others beneath them then.
func TestBelow(t *testing.T) {
	k := &refuser{}
	g := newGroup(t, tree("tmp/a/b/", "usr/s/", "mnt/h/"), "/tmp", "/usr")
	g.eng.kernel = k
	step := func(g *Group, line string, want string) {
		t.Helper()
		if err := do(t, g, line); (err != nil) != k.refuse {
			t.Fatalf("%s: %v", line, err)
		}
		checkBelow(t, g.pg, line)
		if got := byName(slices.Clone(g.placed.list)); fmt.Sprint(got) != want {
			t.Fatalf("%s: placed %v, want %s", line, got, want)
		}
		if l := byName(g.grafts(g.hidden())); fmt.Sprint(l) != want {
			t.Fatalf("%s: asks for %v, want %s", line, l, want)
		}
	}
	fork := func(clean bool) *Group {
		t.Helper()
		n, err := g.Fork(clean)
		if err != nil {
			t.Fatal(err)
		}
		n.placed = placing{list: n.grafts(n.hidden())}
		checkBelow(t, n.pg, "fork")
		return n
	}
	step(g, "bind /usr /tmp/a/b", "[{/tmp/a/b /usr}]")
	step(g, "bind -a /usr /", "[{/tmp/a/b /usr}]")
	step(g, "bind /usr /mnt", "[{/tmp/a/b /usr}]")
	k.refuse = true
	step(g, "clear", "[{/tmp/a/b /usr}]")
	step(g, "bind /tmp /usr/s", "[{/tmp/a/b /usr}]")
	k.refuse = false
	step(g, "unmount /mnt", "[{/tmp/a/b /usr}]") // what the group began with is back
	if got := look(t, g, "/mnt"); got != "ns bin h" {
		t.Errorf("/mnt is %s", got)
	}
	step(g, "unmount /", "[{/tmp/a/b /usr}]")
	copied, clean := fork(false), fork(true)
	step(copied, "bind /usr /tmp/a", "[{/tmp/a /usr}]")
	step(copied, "unmount /tmp/a", "[{/tmp/a/b /usr}]")
	step(copied, "unmount /tmp/a/b", "[]")
	step(clean, "bind /usr /tmp/a", "[{/tmp/a /usr}]")
	step(clean, "unmount /tmp/a", "[]")
	step(g, "bind /tmp /usr/s", "[{/tmp/a/b /usr} {/tmp/a/b/s } {/usr/s /tmp} {/usr/s/a/b }]")
	step(g, "clear", "[]")
	step(g, "bind /usr /tmp/a", "[{/tmp/a /usr}]")
	copied.Close()
	checkBelow(t, copied.pg, "close")
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
