package p9file_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/hugelgupf/p9/fsimpl/composefs"
	"github.com/hugelgupf/p9/fsimpl/localfs"
	"github.com/hugelgupf/p9/fsimpl/staticfs"
	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/p9file"
	"ninespace/srv/srvtest"
)

// view shows of a root what reading needs, so that srvtest.Test does not write:
// these trees cannot be written, or not as it wants.
type view struct {
	srv.Walker
	srv.Opener
}

func (view) Guard() {}

func viewOf(f srv.File) srv.File { return view{f.(srv.Walker), f.(srv.Opener)} }

// local is localfs of a new directory. To attach it sets the process's umask.
func local(t testing.TB) (dir string, a hp9.Attacher) {
	t.Helper()
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	t.Cleanup(func() { syscall.Umask(mask) })
	dir = t.TempDir()
	return dir, localfs.Attacher(dir)
}

// put makes a file of the machine.
func put(t testing.TB, text string, path ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path...), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t testing.TB, path ...string) string {
	t.Helper()
	dir := filepath.Join(path...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestTheirs holds hugelgupf's file systems to what package srv promises.
func TestTheirs(t *testing.T) {
	t.Run("localfs", func(t *testing.T) {
		dir, a := local(t)
		for i := range 100 {
			put(t, fmt.Sprint(i), mkdir(t, dir, "many"), fmt.Sprintf("a file with a long name, number %d", i))
		}
		put(t, "", mkdir(t, dir, "d", "e", "f"), "none")
		mkdir(t, dir, "empty")
		hold(t, a)
	})
	t.Run("localfs of other files", func(t *testing.T) {
		dir, a := local(t)
		for name, mode := range map[string]uint32{"fifo": syscall.S_IFIFO, "chr": syscall.S_IFCHR, "sock": syscall.S_IFSOCK} {
			if err := syscall.Mknod(filepath.Join(dir, name), mode|0o644, 0x103); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("fifo", filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		hold(t, a, "fifo", "chr", "sock")
	})
	t.Run("staticfs", func(t *testing.T) {
		a, err := staticfs.New(staticfs.WithFile("a", "hello"), staticfs.WithFile("b", ""))
		if err != nil {
			t.Fatal(err)
		}
		hold(t, a)
		f := find(t, tree(t, a), "a")
		st, err := f.Stat(bg)
		if l := p9.AttrOf(&st); err != nil || l.Nlink != 1 { // the tree doesn't count
			t.Errorf("%d links, %v", l.Nlink, err)
		}
	})
	t.Run("composefs", func(t *testing.T) {
		dir, a := local(t)
		put(t, "hello", mkdir(t, dir, "d"), "f")
		c, err := composefs.New(composefs.WithMount("local", a), composefs.WithFile("file", staticfs.ReadOnlyFile("text")),
			composefs.WithDir("dir", composefs.WithFile("file", staticfs.ReadOnlyFile("text"))))
		if err != nil {
			t.Fatal(err)
		}
		hold(t, c)
	})
}

func find(t testing.TB, dir srv.File, name string) srv.File {
	t.Helper()
	f, err := srv.Walk(bg, dir, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Clunk(f) })
	return f
}

func hold(t *testing.T, a hp9.Attacher, untouched ...string) {
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	files := track(a)
	if _, ok := a.(*composefs.FS); !ok { // its files take none but their own kind
		a = files
		files.check(t)
	}
	root := tree(t, a)
	srvtest.Test(t, func() srv.File { return viewOf(root) }, untouched...)
}

// TestLocal writes to a localfs as far as that goes.
func TestLocal(t *testing.T) {
	srvtest.CheckFiles(t)
	dir, a := local(t)
	files := track(a)
	files.check(t)
	root := tree(t, files)
	srvtest.Each(t, func() srv.File { return root }, func(t *testing.T, r *client.Fid) {
		is := func(what string, err, want error) {
			t.Helper()
			if want == nil && err != nil || !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		fsys := client.Fsys{Root: r}
		has := func(name, text string) {
			t.Helper()
			b, err := fsys.ReadFile(bg, name)
			if err != nil || string(b) != text {
				t.Errorf("%s reads as %q, %v", name, b, err)
			}
		}
		is("write", fsys.WriteFile(bg, "a", []byte("hello"), 0o640), nil)
		has("a", "hello")
		if fi, err := os.Lstat(filepath.Join(dir, "a")); err != nil || fi.Mode() != 0o640 {
			t.Errorf("mode %v, %v", fi.Mode(), err)
		}
		is("write of what is there", fsys.WriteFile(bg, "a", []byte("bye"), 0o640), nil)
		has("a", "bye")
		is("mkdir", fsys.Mkdir(bg, "d", 0o755), nil)
		is("mkdir again", fsys.Mkdir(bg, "d", 0o755), fs.ErrExist)
		is("write into it", fsys.WriteFile(bg, "d/f", []byte("f"), 0o644), nil)
		is("length", fsys.Wstat(bg, "a", p9.Wstat{Valid: p9.WLength, Length: 2}), nil)
		has("a", "by")
		is("mode", fsys.Wstat(bg, "a", p9.Wstat{Valid: p9.WMode, Mode: 0o600}), p9.ErrNotSup) // it can only truncate
		is("remove of a directory that is not empty", fsys.Remove(bg, "d"), p9.ErrNotEmpty)
		is("unlink of a directory as a file", r.Unlink(bg, "d", false), syscall.EISDIR) // which it would do
		is("unlink of a file as a directory", r.Unlink(bg, "a", true), p9.ErrNotDir)
		is("rename", fsys.Rename(bg, "a", "b"), nil)
		has("b", "by")
		if r.Conn().DotL() {
			_, err := r.Symlink(bg, "s", "b")
			is("symlink", err, nil)
			has("s", "by")
			is("remove of the link", fsys.Remove(bg, "s"), nil)
			is("rename into a directory", fsys.Rename(bg, "b", "d/b"), nil)
			is("rename back", fsys.Rename(bg, "d/b", "b"), nil)
			_, err = r.Mknod(bg, "fifo", fs.ModeNamedPipe|0o600, 0) // it has none
			is("mknod", err, p9.ErrNotSup)
			_, err = r.Statfs(bg)
			is("statfs", err, nil)
		}
		is("remove", fsys.Remove(bg, "d/f"), nil)
		is("remove", fsys.Remove(bg, "d"), nil)
		is("remove", fsys.Remove(bg, "b"), nil)
		ents, err := os.ReadDir(dir)
		if err != nil || len(ents) != 0 {
			t.Errorf("%v are left, %v", ents, err)
		}
	})
}

// TestLong lists a directory that localfs under hugelgupf's server does not list
// whole: longer than a reply, and longer than what is asked at once.
func TestLong(t *testing.T) {
	dir, a := local(t)
	const n = 33000
	for i := range n {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%05d", i)))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	r := srvtest.Mount(t, tree(t, a), true)
	if err := r.Open(bg, p9.OREAD); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var names []string
		for e, err := range r.List(bg, 0) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, e.Name)
		}
		slices.Sort(names)
		if k := len(slices.Compact(names)); k != n {
			t.Errorf("%d names of %d", k, n)
		}
	}
}

// TestNames has files be found under the names that they have now, and not under
// those that others took.
func TestNames(t *testing.T) {
	dir, a := local(t)
	files := track(a)
	files.check(t)
	put(t, "f", mkdir(t, dir, "a", "b", "c"), "f")
	put(t, "g", dir, "g")
	srvtest.Each(t, func() srv.File { return tree(t, files) }, func(t *testing.T, r *client.Fid) {
		walk := func(names ...string) *client.Fid {
			t.Helper()
			f, err := r.Walk(bg, names...)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		text := func(f *client.Fid) string {
			t.Helper()
			c, err := f.Walk(bg)
			if err != nil {
				return err.Error()
			}
			defer c.Clunk(bg)
			if err := c.Open(bg, p9.OREAD); err != nil {
				return err.Error()
			}
			buf := make([]byte, 100)
			n, err := c.Read(bg, buf, 0)
			if err != nil && err != io.EOF {
				return err.Error()
			}
			return string(buf[:n])
		}
		f, c, g := walk("a", "b", "c", "f"), walk("a", "b", "c"), walk("g")
		fsys := client.Fsys{Root: r}
		do := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		do(fsys.Rename(bg, "a", "x"))
		if s := text(f); s != "f" {
			t.Errorf("a file two directories below one that was renamed: %s", s)
		}
		if h, err := c.Walk(bg, "f"); err != nil {
			t.Errorf("walk in a directory below it: %v", err)
		} else {
			h.Clunk(bg)
		}
		if r.Conn().DotL() {
			do(fsys.Rename(bg, "x/b", "b"))
			if s := text(f); s != "f" {
				t.Errorf("a file below a directory that moved: %s", s)
			}
			do(fsys.Rename(bg, "b", "x/b"))
		}
		if ents, err := fsys.ReadDir(bg, "x/b/c"); err != nil || len(ents) != 1 || ents[0].Name != "f" {
			t.Errorf("list: %v, %v", ents, err)
		}

		open := walk("g")
		do(open.Open(bg, p9.ORDWR))
		do(fsys.Remove(bg, "g"))
		do(fsys.WriteFile(bg, "g", []byte("another"), 0o644))
		if s := text(g); s != p9.ErrNotExist.Error() && s != syscall.ENOENT.Error() {
			t.Errorf("a removed file reads as %q", s)
		}
		if st, err := g.Stat(bg); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a removed file's stat: %+v, %v", st, err)
		}
		if err := g.Wstat(bg, p9.Wstat{Valid: p9.WLength}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a removed file is cut: %v", err)
		}
		buf := make([]byte, 10)
		if n, err := open.Read(bg, buf, 0); string(buf[:n]) != "g" || err != nil {
			t.Errorf("an open file that was removed: %q, %v", buf[:n], err)
		}
		if st, err := open.Stat(bg); err != nil || st.Length != 1 {
			t.Errorf("its stat: %+v, %v", st, err)
		}
		if b, err := fsys.ReadFile(bg, "g"); string(b) != "another" || err != nil {
			t.Errorf("the file that has its name now: %q, %v", b, err)
		}
		if err := g.Remove(bg); err == nil {
			t.Error("the removed file's fid removed the other")
		}
		do(fsys.Remove(bg, "g"))
		put(t, "g", dir, "g")
		do(fsys.Rename(bg, "x", "a"))
	})
}

// TestSame renames a file to a second name that it has: nothing changes.
func TestSame(t *testing.T) {
	for _, o := range ours {
		dir := newRoot(t, o.dir(t))
		r := srvtest.Mount(t, tree(t, p9file.Attacher(bg, dir)), true)
		fsys := client.Fsys{Root: r}
		if err := fsys.WriteFile(bg, "a", []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
		a, err := r.Walk(bg, "a")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Link(bg, a, "b"); err != nil {
			t.Fatal(err)
		}
		b, err := r.Walk(bg, "b")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Rename(bg, "a", r, "b"); err != nil {
			t.Error(err)
		}
		for _, f := range []*client.Fid{a, b} {
			if st, err := f.Stat(bg); err != nil || st.Nlink != 2 {
				t.Errorf("%s: %d links, %v", o.name, st.Nlink, err)
			}
		}
		if err := fsys.Remove(bg, "a"); err != nil {
			t.Error(err)
		}
		if _, err := a.Stat(bg); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the name that was removed: %v", o.name, err)
		}
		if _, err := b.Stat(bg); err != nil {
			t.Errorf("%s: the name that is left: %v", o.name, err)
		}
	}
}

// TestAttach attaches below the root.
func TestAttach(t *testing.T) {
	dir, a := local(t)
	put(t, "hello", mkdir(t, dir, "a", "b"), "f")
	files := track(a)
	files.check(t)
	root := tree(t, files)
	c, err := client.New(bg, srvtest.Serve(t, srv.New(root)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, aname := range []string{"a/b", "/a/b", "/a//b/"} {
		r, err := c.Attach(bg, nil, "", aname)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := (client.Fsys{Root: r}).ReadFile(bg, "f"); string(b) != "hello" || err != nil {
			t.Errorf("%s: f reads as %q, %v", aname, b, err)
		}
	}
	for aname, want := range map[string]error{"a/x": fs.ErrNotExist, "a/..": p9.ErrorOfErrno(syscall.ENAMETOOLONG), "a/b/f/x": p9.ErrNotDir} {
		if _, err := c.Attach(bg, nil, "", aname); err == nil || p9.ErrorOf(err).Errno != p9.ErrorOf(want).Errno {
			t.Errorf("%s: %v, want %v", aname, err, want)
		}
	}
}
