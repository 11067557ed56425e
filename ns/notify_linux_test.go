package ns

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ninespace/ns/devfuse"
)

// TestStale wants a bind to make the kernel ask again for what leads to the place
// or through it, by each of its names, and for nothing else.
func TestStale(t *testing.T) {
	g := newGroup(t, tree("tmp/a/sub/x", "tmp/b/y", "tmp/c/", "usr/share/z", "usr/f"))
	if err := do(t, g, "bind /tmp /n/t"); err != nil {
		t.Fatal(err)
	}
	f := newFuseFS(g.eng)
	defer func() {
		for _, n := range f.nodes {
			n.ch.close()
		}
	}()
	look := func(name string) {
		id := uint64(devfuse.RootId)
		for _, elem := range strings.Split(groupDir(g.id)+name, "/") {
			var out devfuse.EntryOut
			if s := f.Lookup(nil, &devfuse.InHeader{NodeId: id}, elem, &out); s != 0 {
				t.Fatalf("%s: %s: %v", name, elem, s)
			}
			id = out.NodeId
		}
	}
	for _, c := range []struct{ at, want string }{
		{"/tmp/a", "/n/t/a /n/t/a/sub /tmp/a /tmp/a/sub /tmp/a/sub/x"},
		{"/n/t/a/sub", "/n/t/a/sub /tmp/a/sub /tmp/a/sub/x"},
		{"/tmp/c", ""}, // the kernel knows no such name
		{"/usr", "/usr /usr/share /usr/share/z"},
		{"/n/t", "/n/t /n/t/a /n/t/a/sub /n/t/b"},
		{"/usr/f", "all"},
		{"/", "all"},
		{"", "all"},
	} {
		for _, name := range []string{"/tmp/a/sub/x", "/n/t/a/sub", "/n/t/b", "/usr/share/z"} {
			look(name)
		}
		var at *Chan
		if c.at != "" {
			p, err := g.lookup(t.Context(), c.at, false)
			if err != nil {
				t.Fatal(err)
			}
			defer p.close()
			at = p.Chan
		}
		f.mu.RLock()
		_, names := f.stale(g, at)
		f.mu.RUnlock()
		var got []string
		for _, n := range names {
			name := n.name
			for d := n.dir; !d.isRoot(); d = d.parent {
				name = d.name + "/" + name
			}
			got = append(got, "/"+name)
		}
		slices.Sort(got)
		want := c.want
		if want == "all" {
			want = "/n /n/t /n/t/a /n/t/a/sub /n/t/b /tmp /tmp/a /tmp/a/sub /tmp/a/sub/x /usr /usr/share /usr/share/z"
		}
		if s := fmt.Sprint(slices.Compact(got)); s != "["+want+"]" {
			t.Errorf("%s: %s, want %s", c.at, s, want)
		}
	}
}
