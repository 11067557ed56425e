package exportfs_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ninespace/exportfs"
	"ninespace/exportfs/trees"
	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestMatch(t *testing.T) {
	for text, paths := range map[string]map[string]bool{
		"":                         {"/": true, "/a": true},
		"# none\n\n":               {"/a": true},
		`- \.o$`:                   {"/a.o": false, "/a.c": true, "/": true},
		"+ ^/src\n- /\\.":          {"/src": true, "/src/a": true, "/src/.git": false, "/bin": false, "/": true},
		"+ a\n+ b":                 {"/a": false, "/b": false, "/ab": true},
		"  +   ^/x(/|$)  \n-^/x/y": {"/x": true, "/xy": false, "/x/y": false, "/x/z": true},
	} {
		p, err := exportfs.ParsePatterns(strings.NewReader(text))
		if err != nil {
			t.Error(err)
			continue
		}
		for path, want := range paths {
			if got := p.Match(path); got != want {
				t.Errorf("%q of %q: %v", path, text, got)
			}
		}
	}
	for _, text := range []string{"x", "+ (", "- [", "/a"} {
		if _, err := exportfs.ParsePatterns(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), "line 1: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestPatterns: what is not given is not there, cannot be made, and is reached by no rename
// or link; the tree is a tree of files otherwise.
func TestPatterns(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"src/a.c", "src/a.o", "src/.git/config", "secret/key"} {
		os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := exportfs.ParsePatterns(strings.NewReader("- \\.o$\n- /\\.\n- ^/secret(/|$)"))
	if err != nil {
		t.Fatal(err)
	}
	f := export(t, trees.Config{Root: dir, Patterns: p}, "")
	s, err := f.mux(t).Open()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(t.Context(), s, &client.Options{Version: p9.Version9P2000L})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	root, err := c.Attach(t.Context(), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, tree := t.Context(), client.Fsys{Root: root}
	names := func(path string) (names []string) {
		ents, err := fs.ReadDir(tree.FS(ctx), path)
		if err != nil {
			t.Error(err)
		}
		for _, e := range ents {
			names = append(names, e.Name())
		}
		return names
	}
	if got := names("."); !slices.Equal(got, []string{"src"}) {
		t.Errorf("the root: %q", got)
	}
	if got := names("src"); !slices.Equal(got, []string{"a.c"}) {
		t.Errorf("src: %q", got)
	}
	for _, name := range []string{"secret", "secret/key", "src/a.o", "src/.git", "src/.git/config"} {
		if b, err := tree.ReadFile(ctx, name); err == nil {
			t.Errorf("%s: %q", name, b)
		}
		if err := tree.WriteFile(ctx, name, []byte("x"), 0o644); err == nil {
			t.Errorf("%s is written", name)
		}
		if err := tree.Remove(ctx, name); err == nil {
			t.Errorf("%s is removed", name)
		}
		if err := tree.Rename(ctx, name, "src/got.c"); err == nil {
			t.Errorf("%s is renamed", name)
		}
	}
	if err := tree.Rename(ctx, "src", "crs"); err == nil {
		t.Error("a directory is renamed")
	}
	for _, to := range []string{"src/b.o", "src/.b", "secret/b"} {
		if err := tree.Rename(ctx, "src/a.c", to); err == nil {
			t.Errorf("a file is renamed to %s", to)
		}
	}
	if err := tree.Rename(ctx, "src/a.c", "src/b.c"); err != nil {
		t.Error(err)
	}
	if b, err := tree.ReadFile(ctx, "src/b.c"); string(b) != "src/a.c" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if err := tree.Mkdir(ctx, "src/new", 0o755); err != nil {
		t.Error(err)
	}
	if err := tree.WriteFile(ctx, "src/new/x.c", []byte("x"), 0o644); err != nil {
		t.Error(err)
	}
	if err := tree.WriteFile(ctx, "src/new/x.o", []byte("x"), 0o644); err == nil {
		t.Error("src/new/x.o is written")
	}
	if err := tree.Remove(ctx, "src/new/x.c"); err != nil {
		t.Error(err)
	}
}

// TestPatternsLeases: who is given a part of a tree has leases of it, and is told of no file
// that is not given.
func TestPatternsLeases(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(t.Name()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	os.MkdirAll(filepath.Join(dir, "src"), 0o755)
	write("src/a.c")
	write("src/a.o")
	p, err := exportfs.ParsePatterns(strings.NewReader("- \\.o$"))
	if err != nil {
		t.Fatal(err)
	}
	f := export(t, trees.Config{Root: dir, Patterns: p}, "")
	s, err := f.mux(t).Open()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := t.Context()
	root, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan uint64, 100)
	l, err := c.Lease(ctx, func(c client.Changes) {
		for _, p := range c.Paths {
			told <- p
		}
		if len(c.None) > 0 {
			t.Errorf("told of %+v", c)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.End()
	tree := client.Fsys{Root: root}
	look := func(name string) uint64 {
		t.Helper()
		st, err := tree.Lstat(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		return st.Qid.Path
	}
	src, file := look("src"), look("src/a.c")
	write("src/b.o") // of which the directory's times tell
	if got := <-told; got != src {
		t.Errorf("told of %x, not of the directory %x", got, src)
	}
	write("src/a.o")
	write("src/a.c")
	for got := range told {
		if got == file {
			break
		} else if got != src {
			t.Errorf("told of %x, which was not looked at", got)
		}
	}
}

// TestPatternsWhole: with nothing left out the tree is a conforming one.
func TestPatternsWhole(t *testing.T) {
	p, err := exportfs.ParsePatterns(strings.NewReader("- ^/nothing$"))
	if err != nil {
		t.Fatal(err)
	}
	srvtest.Test(t, func() srv.File {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		tree, err := (&trees.Config{Root: dir, Patterns: p}).Export().Open(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tree.(io.Closer).Close() })
		return tree
	})
}
