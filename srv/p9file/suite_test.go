package p9file_test

import (
	"context"
	"io"
	"io/fs"
	"testing"

	"github.com/hugelgupf/p9/fsimpl/test"
	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/diskfs"
	"ninespace/srv/p9"
	"ninespace/srv/p9file"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

var bg = context.Background()

// ours are the trees of ours that the tests go through: one of a directory of
// the machine that is empty, or in memory for "".
var ours = []struct {
	name string
	dir  func(t testing.TB) string
}{
	{"ramfs", func(testing.TB) string { return "" }},
	{"diskfs", func(t testing.TB) string { return t.TempDir() }},
}

func newRoot(t testing.TB, dir string) srv.File {
	t.Helper()
	if dir == "" {
		return ramfs.New()
	}
	root, err := diskfs.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.(io.Closer).Close() })
	return root
}

// tree makes a tree of ours of a hugelgupf one.
func tree(t testing.TB, a hp9.Attacher) srv.File {
	t.Helper()
	f, err := p9file.Tree(a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.(io.Closer).Close() })
	return f
}

// TestSuite runs hugelgupf/p9's suite for a p9.Attacher on trees of ours: as they
// are, served by its server, and served by our engine.
func TestSuite(t *testing.T) {
	suites := []struct {
		name string
		test func(t *testing.T, a hp9.Attacher)
	}{
		{"TestFile", test.TestFile},
		{"TestReadOnlyFS", func(t *testing.T, a hp9.Attacher) {
			fill(t, a)
			regular := hp9.Attr{Mode: hp9.ModeRegular | 0o644, Size: 5}
			link := hp9.Attr{Mode: hp9.ModeSymlink | 0o777}
			test.TestReadOnlyFS(t, a,
				test.WithDir("", "d", "empty"),
				test.WithDir("d", "f", "l"),
				test.WithDir("empty"),
				test.WithFile("d/f", "hello", regular, hp9.AttrMask{Mode: true, Size: true}),
				test.WithSymlink("d/l", "f", link, hp9.AttrMask{Mode: true}))
		}},
		{"TestReadWriteFS", test.TestReadWriteFS},
	}
	ways := []struct {
		name string
		way  func(t *testing.T, dir string) hp9.Attacher
	}{
		{"itself", func(t *testing.T, dir string) hp9.Attacher { return p9file.Attacher(bg, newRoot(t, dir)) }},
		{"served by theirs", func(t *testing.T, dir string) hp9.Attacher {
			return asServer(theirClient(t, theirServer(t, dir)))
		}},
		{"served by ours", func(t *testing.T, dir string) hp9.Attacher {
			root := newRoot(t, dir)
			// hugelgupf's client attaches without a name, as none.
			if err := srv.Wstat(bg, root, p9.Wstat{Valid: p9.WMode, Mode: fs.ModeDir | 0o777}); err != nil {
				t.Fatal(err)
			}
			return asServer(theirClient(t, srvtest.Serve(t, srv.New(root))))
		}},
	}
	for _, o := range ours {
		for _, w := range ways {
			for _, s := range suites {
				t.Run(o.name+"/"+w.name+"/"+s.name, func(t *testing.T) {
					srvtest.CheckGoroutines(t)
					srvtest.CheckFiles(t)
					dir := o.dir(t)
					files := track(w.way(t, dir))
					files.noVersions = o.name == "diskfs" && w.name == "served by ours"
					defer files.closeAll() // the suite does not
					s.test(t, files)
				})
			}
		}
	}
}

// fill makes /d/f, /d/l and /empty.
func fill(t *testing.T, a hp9.Attacher) {
	root, err := a.Attach()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d", "empty"} {
		if _, err := root.Mkdir(name, 0o777, hp9.NoUID, hp9.NoGID); err != nil {
			t.Fatal(err)
		}
	}
	_, d, err := root.Walk([]string{"d"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Symlink("f", "l", hp9.NoUID, hp9.NoGID); err != nil {
		t.Fatal(err)
	}
	f, _, _, err := d.Create("f", hp9.ReadWrite, 0o644, hp9.NoUID, hp9.NoGID)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.WriteAt([]byte("hello"), 0); n != 5 || err != nil {
		t.Fatalf("write: %d, %v", n, err)
	}
}

// TestRoundTrip holds our trees to what package srv promises after both ways, and
// and also after hugelgupf's server and client.
func TestRoundTrip(t *testing.T) {
	for _, o := range ours {
		for _, way := range []string{"and back", "by their server and back"} {
			t.Run(o.name+"/"+way, func(t *testing.T) {
				srvtest.CheckGoroutines(t)
				srvtest.CheckFiles(t)
				srvtest.Test(t, func() srv.File {
					var a hp9.Attacher
					if dir := o.dir(t); way == "and back" {
						a = p9file.Attacher(bg, newRoot(t, dir))
					} else {
						a = theirClient(t, theirServer(t, dir))
					}
					files := track(a)
					files.check(t)
					return tree(t, files)
				})
			})
		}
	}
}
