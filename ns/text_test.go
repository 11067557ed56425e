package ns

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"ninespace/srv"
)

// TestText has what ns prints where a name no longer leads to what was bound.
func TestText(t *testing.T) {
	for _, c := range []struct{ lines, want string }{
		{"bind /a /n/x; bind /n/x /e; unmount /n/x", "bind '#U/a' /e"},
		{"bind /a /e; bind /b /a", "bind /a /e; bind /b /a"},
		{"bind /b /a; bind /c /a/sub; unmount /a", "bind /c '#U/b/sub'"},
		{"bind -a /b /a; bind /a /e", "bind -a /b /a; bind /a /e"},
		{"bind -a /b /a; bind /a /e; unmount /a", "bind '#U/a' /e; bind -a '#U/b' /e"},
		{"bind -a /b /a; bind /a /e; unmount /b /e", "bind -a /b /a; bind '#U/a' /e"},
		{"bind -a /b /a; bind -b /a /e; unmount /a", "bind -b '#U/b' /e; bind -b '#U/a' /e"},
		{"unmount /mnt", ""},
		{"bind /a /mnt; unmount /mnt", ""},
		{"bind -a /a /mnt", "bind -a /a /mnt"},
	} {
		g := newGroup(t, tree("a/x", "a/sub/s", "b/y", "b/sub/t", "c/z", "e/"))
		do(t, g, c.lines)
		got := strings.ReplaceAll(strings.TrimSuffix(g.pg.Text(), "\n"), "\n", "; ")
		if unquote(got) != unquote(c.want) {
			t.Errorf("%q prints\n%s, not\n%s", c.lines, got, c.want)
		}
	}
}

func unquote(s string) string { return strings.ReplaceAll(s, "'", "") }

// TestRoundTrip has random name spaces: the lines that each prints build one in
// which every name means the same, and print themselves again.
func TestRoundTrip(t *testing.T) {
	names := []string{"/a", "/b", "/c", "/e", "/a/sub", "/b/sub", "/a/sub/deep", "/e/sub", "/n/x", "/n/y", "/n/x/sub", "/mnt", "/mnt/z", "/n", "/",
		"#U/a", "#U/b/sub", "#U", "/f", "/g", "/a/x"}
	rounds := 500
	if testing.Short() {
		rounds = 100
	}
	dir, err := os.MkdirTemp("/tmp", "9ns.")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	mounts := 0
	served := tree("dir/in", "dir/deep/x", "sub/y", "x")
	defer serveTree(t, dir+"/ram", func() (srv.File, error) { return served, nil })()
	for seed := range rounds {
		servers := seed%4 == 0
		names := names
		if servers { // not /n: it is where Text puts a server that is away
			names = append(slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "/n" || s == "/" }),
				"/n/x/dir", "/n/y/dir", "/n/x/dir/deep", "/n/y", "/n/x")
		}
		r := rand.New(rand.NewPCG(uint64(seed), 9))
		any := func() string { return names[r.IntN(len(names))] }
		o := EngineOptions{Host: tree("a/x", "a/sub/s", "a/sub/deep/", "b/x", "b/sub/t", "c/z", "e/", "f", "g", "mnt/host/"), Namespace: dir}
		g, again := newGroupOf(t, o), newGroupOf(t, o)
		for _, g := range []*Group{g, again} { // mount points are listed in the order in which they came up
			for _, name := range []string{"#/n/x", "#/n/y", "#/mnt/z"} {
				if p, err := g.lookup(t.Context(), name, false); err == nil {
					p.close()
				}
			}
		}
		var did []string
		for range 1 + r.IntN(12) {
			op := Op{Verb: "bind", New: any(), Old: any(), Flag: []Flag{MREPL, MBEFORE, MAFTER}[r.IntN(3)] | Flag(r.IntN(2))*MCREATE}
			switch r.IntN(8) {
			case 0:
				op = Op{Verb: "unmount", Old: op.Old}
			case 1, 2:
				op = Op{Verb: "unmount", New: op.New, Old: op.Old}
			case 3, 4:
				if servers {
					op.Verb, op.New = "mount", "#s/ram"
				}
			}
			if g.Apply(t.Context(), op, 0) == nil {
				did = append(did, op.String())
				if op.Verb == "mount" {
					mounts++
				}
			}
		}
		text := g.pg.Text()
		differ := func(why string) {
			t.Fatalf("seed %d: %s\n%s\nprints\n%s", seed, why, strings.Join(did, "\n"), text)
		}
		if err := do(t, again, text); err != nil {
			differ(err.Error())
		}
		for _, name := range names {
			if a, b := look(t, g, name), look(t, again, name); a != b {
				differ(fmt.Sprintf("%s is %q and %q", name, a, b))
			}
		}
		for _, sub := range []string{"sub", "x", "sub/deep", "host"} {
			for _, name := range names {
				if a, b := look(t, g, join(name, sub)), look(t, again, join(name, sub)); a != b {
					differ(fmt.Sprintf("%s/%s is %q and %q", name, sub, a, b))
				}
			}
		}
		third := newGroupOf(t, o)
		if err := do(t, third, again.pg.Text()); err != nil {
			differ("then " + again.pg.Text() + err.Error())
		}
	}
	if mounts == 0 {
		t.Error("no server was mounted")
	}
}
