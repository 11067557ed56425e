package rootfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

var bg = context.Background()

func serve(t *testing.T, dir string, opts ...Option) srv.File {
	t.Helper()
	f, err := New(dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.(io.Closer).Close() })
	return f
}

func TestFiles(t *testing.T) {
	srvtest.CheckFiles(t)
	srvtest.Test(t, func() srv.File { return serve(t, t.TempDir()) })
}

// TestWire goes through the engine, in both dialects.
func TestWire(t *testing.T) {
	srvtest.Each(t, func() srv.File { return serve(t, t.TempDir()) }, func(t *testing.T, root *client.Fid) {
		f := client.Fsys{Root: root}
		do := func(what string, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		do("mkdir", f.Mkdir(bg, "d", 0o755))
		do("mkdir", f.Mkdir(bg, "d/e", 0o755))
		do("write", f.WriteFile(bg, "d/a", []byte("hello"), 0o644))
		do("rename", f.Rename(bg, "d/a", "d/c"))
		if err := f.Remove(bg, "d"); !errors.Is(err, syscall.ENOTEMPTY) {
			t.Errorf("remove of a full directory: %v", err)
		}
		do("remove", f.Remove(bg, "d/c"))
		do("remove", f.Remove(bg, "d/e"))
		do("remove", f.Remove(bg, "d"))
	})
}

// TestMoves: a directory that others rename stays the fid's, and a name is given in another
// directory only where both are where they were.
func TestMoves(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root := serve(t, dir).(srv.Walker)
	walk := func(name string) *node {
		f, err := root.Walk(bg, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(f.(srv.Clunker).Clunk)
		return f.(*node)
	}
	a, b := walk("a"), walk("b")
	file, h, err := a.Create(bg, "f", 0o644, p9.ORDWR)
	if err != nil {
		t.Fatal(err)
	}
	h.(srv.Clunker).Clunk()
	t.Cleanup(file.(srv.Clunker).Clunk)
	if err := a.Rename(bg, "f", b, "g"); err != nil {
		t.Error(err)
	}
	if st, err := file.Stat(bg); err != nil || file.(*node).path != "b/g" {
		t.Errorf("a file that was renamed: %v %v", st, err)
	}
	if err := os.Rename(filepath.Join(dir, "b"), filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Walk(bg, "g"); err != nil {
		t.Errorf("in a directory that was renamed: %v", err)
	}
	if err := b.Rename(bg, "g", a, "f"); !errors.Is(err, syscall.ESTALE) {
		t.Errorf("out of a directory that was renamed: %v", err)
	}
	if err := b.Rename(bg, "g", b, "h"); err != nil {
		t.Error(err)
	}
	for _, d := range []string{"a", "c"} { // what is moved there is not what was walked to
		if err := os.Rename(filepath.Join(dir, d), filepath.Join(dir, d+"2")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	if err := b.Rename(bg, "h", a, "f"); !errors.Is(err, syscall.ESTALE) {
		t.Errorf("into a link: %v", err)
	}
}

// TestGone: a file that has lost its name is the fid's as long as it is open.
func TestGone(t *testing.T) {
	srvtest.Each(t, func() srv.File { return serve(t, t.TempDir()) }, func(t *testing.T, root *client.Fid) {
		fs := client.Fsys{Root: root}
		f, err := root.Walk(bg)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Create(bg, "f", 0o644, p9.ORDWR); err != nil {
			t.Fatal(err)
		}
		if err := fs.Remove(bg, "f"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(bg, []byte("text"), 0); err != nil {
			t.Error(err)
		}
		if st, err := f.Stat(bg); err != nil || st.Length != 4 {
			t.Errorf("%v %v", st, err)
		}
		if err := f.Clunk(bg); err != nil {
			t.Error(err)
		}
		if _, err := fs.ReadFile(bg, "f"); !errors.Is(err, p9.ErrNotExist) {
			t.Errorf("%v", err)
		}
	})
}

// TestInside: no name leads out.
func TestInside(t *testing.T) {
	dir := t.TempDir()
	for _, l := range [][2]string{{"/etc", "abs"}, {"..", "up"}, {"../..", "upup"}} {
		if err := os.Symlink(l[0], filepath.Join(dir, l[1])); err != nil {
			t.Fatal(err)
		}
	}
	root := serve(t, dir).(srv.Walker)
	for _, name := range []string{"abs", "up", "upup"} {
		f, err := root.Walk(bg, name)
		if err != nil {
			t.Fatal(err)
		}
		n := f.(*node)
		if _, err := n.Walk(bg, "passwd"); !errors.Is(err, p9.ErrNotDir) {
			t.Errorf("walk through %s: %v", name, err)
		}
		for _, mode := range []p9.Mode{p9.OREAD, p9.OWRITE | p9.OTRUNC} {
			if _, err := n.Open(bg, mode); !errors.Is(err, syscall.ELOOP) {
				t.Errorf("open of %s: %v", name, err)
			}
		}
		n.Clunk()
	}
}

// TestReadOnly: nothing changes.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := client.Fsys{Root: srvtest.Mount(t, serve(t, dir, ReadOnly()), true)}
	for what, err := range map[string]error{
		"write":  f.WriteFile(bg, "f", []byte("y"), 0o644),
		"create": f.WriteFile(bg, "g", nil, 0o644),
		"mkdir":  f.Mkdir(bg, "d", 0o755),
		"remove": f.Remove(bg, "f"),
		"rename": f.Rename(bg, "f", "g"),
	} {
		if !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if b, err := f.ReadFile(bg, "f"); string(b) != "x" {
		t.Errorf("%q %v", b, err)
	}
}

// TestPipe: a read of a pipe that nobody writes to ends with its request.
func TestPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "p"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := serve(t, dir).(srv.Walker).Walk(bg, "p")
	if err != nil {
		t.Fatal(err)
	}
	defer f.(srv.Clunker).Clunk()
	h, err := f.(srv.Opener).Open(bg, p9.ORDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer h.(srv.Clunker).Clunk()
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if _, err := h.(srv.Reader).Read(ctx, make([]byte, 1), 0); err == nil {
		t.Error("a byte of nobody's")
	}
	if _, err := h.(srv.Writer).Write(bg, []byte("x"), 0); err != nil {
		t.Error(err)
	}
	b := make([]byte, 8)
	if n, err := h.(srv.Reader).Read(bg, b, 0); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}

// TestTrunc: OTRUNC empties what is a regular file, and is nothing to a pipe or a device.
func TestTrunc(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "p"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := os.OpenFile(filepath.Join(dir, "p"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, c := range []struct {
		dir, name string
		mode      p9.Mode
	}{
		{dir, "p", p9.OWRITE}, {dir, "p", p9.OREAD}, {"/dev", "null", p9.OWRITE}, {dir, "f", p9.ORDWR}, {dir, "f", p9.OWRITE}, {dir, "f", p9.OREAD},
	} {
		if err := os.WriteFile(filepath.Join(dir, "f"), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := serve(t, c.dir).(srv.Walker).Walk(bg, c.name)
		if err != nil {
			t.Fatal(err)
		}
		h, err := f.(srv.Opener).Open(bg, c.mode|p9.OTRUNC)
		if err != nil {
			t.Errorf("%s, mode %#x: %v", c.name, c.mode, err)
		} else {
			srv.Clunk(h)
		}
		f.(srv.Clunker).Clunk()
		if fi, err := os.Stat(filepath.Join(dir, "f")); err != nil || c.name == "f" && fi.Size() != 0 {
			t.Errorf("mode %#x: %d bytes, %v", c.mode, fi.Size(), err)
		}
	}
}

// oneFile makes a directory with an empty file f, and looks at that.
func oneFile(t *testing.T) (dir, name string, fi fs.FileInfo) {
	t.Helper()
	dir = t.TempDir()
	name = filepath.Join(dir, "f")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return dir, name, fi
}

// TestSwapPipe: nothing waits for the other end of a pipe that has come in the place of a file.
func TestSwapPipe(t *testing.T) {
	dir, name, fi := oneFile(t)
	d := serve(t, dir).(root).own
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		_, err := d.openAs(fi, "f", os.O_RDONLY)
		opened <- err
	}()
	select {
	case err := <-opened:
		if !errors.Is(err, syscall.ESTALE) {
			t.Error(err)
		}
	case <-time.After(srvtest.Patience):
		t.Error("it waits")
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		<-opened
		f.Close()
	}
}

// TestReplaced: a file whose name is another's since it was looked at is there all the time.
func TestReplaced(t *testing.T) {
	dir := t.TempDir()
	name, next := filepath.Join(dir, "f"), filepath.Join(dir, "next")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	top := serve(t, dir).(root)
	f, err := top.child("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Clunk()
	fi, err := f.info()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(next, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, name); err != nil {
		t.Fatal(err)
	}
	h, err := f.openAs(fi, p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Clunk(h)
	b := make([]byte, 8)
	if n, err := h.(srv.Reader).Read(bg, b, 0); err != nil || string(b[:n]) != "text" {
		t.Errorf("%q, %v", b[:n], err)
	}
	if err := f.truncate(fi, 1); err != nil {
		t.Error(err)
	}
}

// TestPath has the files of the root's device keep their inode numbers as qid paths.
func TestPath(t *testing.T) {
	dir, _, fi := oneFile(t)
	ino := uint64(fi.Sys().(*syscall.Stat_t).Ino)
	if ino>>48 != 0 {
		t.Skip("the file system's numbers are too high: ", ino)
	}
	f, err := serve(t, dir).(srv.Walker).Walk(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	if st, err := f.Stat(t.Context()); err != nil || st.Qid.Path != ino {
		t.Errorf("inode %d: qid %v, %v", ino, st.Qid, err)
	}
}
