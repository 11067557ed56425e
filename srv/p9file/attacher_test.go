package p9file_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hugelgupf/p9/linux"
	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/p9file"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// TestServed has our client work on trees of ours that hugelgupf's server serves.
func TestServed(t *testing.T) {
	for _, o := range ours {
		t.Run(o.name, func(t *testing.T) {
			srvtest.CheckGoroutines(t)
			srvtest.CheckFiles(t)
			c, err := client.New(bg, theirServer(t, o.dir(t)), &client.Options{Version: p9.Version9P2000L, Msize: 8 << 10})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			root, err := c.Attach(bg, nil, "", "")
			if err != nil {
				t.Fatal(err)
			}
			useServed(t, root)
		})
	}
}

func useServed(t *testing.T, root *client.Fid) {
	fsys := client.Fsys{Root: root}
	is := func(what string, err, want error) {
		t.Helper()
		if want == nil && err != nil || !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	big := bytes.Repeat([]byte("0123456789abcde\n"), 1<<20/16)
	is("write", fsys.WriteFile(bg, "big", big, 0o640), nil)
	b, err := fsys.ReadFile(bg, "big")
	is("read", err, nil)
	if !bytes.Equal(b, big) {
		t.Errorf("1 MiB comes back as %d bytes", len(b))
	}
	st, err := fsys.Stat(bg, "big")
	if err != nil || st.Length != 1<<20 || st.Mode != 0o640 || st.Nuid != uint32(os.Getuid()) || st.Mtime.IsZero() {
		t.Errorf("stat: %+v, %v", st, err)
	}

	const n = 300 // of several replies. Each takes ten trips to another process: on a machine that is busy, seconds
	is("mkdir", fsys.Mkdir(bg, "many", 0o755), nil)
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("a file with a long name, number %04d", i))
		is("write", fsys.WriteFile(bg, "many/"+want[i], nil, 0o644), nil)
	}
	is("symlink", second(root.Symlink(bg, "link", "many")), nil)
	var names []string
	ents, err := fsys.ReadDir(bg, "many")
	is("list", err, nil)
	for _, e := range ents {
		names = append(names, e.Name)
	}
	if slices.Sort(names); !slices.Equal(names, want) {
		t.Errorf("%d names of %d", len(names), n)
	}
	ents, err = fsys.ReadDir(bg, "")
	is("list", err, nil)
	for _, e := range ents {
		if typ := map[string]fs.FileMode{"big": 0, "many": fs.ModeDir, "link": fs.ModeSymlink}[e.Name]; e.Mode != typ {
			t.Errorf("%s is listed as %v", e.Name, e.Mode)
		}
	}

	is("rmdir of a directory with files", root.Unlink(bg, "many", true), syscall.ENOTEMPTY)
	is("unlink of a directory", root.Unlink(bg, "many", false), syscall.EISDIR)
	is("rename", root.Rename(bg, want[0], root, "x"), fs.ErrNotExist)
	many, err := root.Walk(bg, "many")
	is("walk", err, nil)
	is("rename to another directory", many.Rename(bg, want[0], root, "x"), nil)
	is("rename over", root.Rename(bg, "x", root, "big"), nil)
	if st, err = fsys.Stat(bg, "big"); err != nil || st.Length != 0 {
		t.Errorf("what replaced it: %+v, %v", st, err)
	}
	if target, err := fsys.Readlink(bg, "link"); target != "many" || err != nil {
		t.Errorf("readlink: %q, %v", target, err)
	}

	f, err := root.Walk(bg, "big")
	is("walk", err, nil)
	is("link", root.Link(bg, f, "hard"), nil)
	is("link again", root.Link(bg, f, "hard"), fs.ErrExist)
	is("setxattr", f.Setxattr(bg, "user.ninespace", []byte("value"), 0), nil)
	for range 3 { // hugelgupf's server closes the file at each
		if v, err := f.Getxattr(bg, "user.ninespace"); string(v) != "value" || err != nil {
			t.Fatalf("getxattr: %q, %v", v, err)
		}
		if l, err := f.Listxattr(bg); !slices.Contains(l, "user.ninespace") || err != nil {
			t.Fatalf("listxattr: %q, %v", l, err)
		}
	}
	is("removexattr", f.Removexattr(bg, "user.ninespace"), nil)
	_, err = f.Getxattr(bg, "user.ninespace")
	is("getxattr of none", err, syscall.EINVAL) // that server's word for any error
	is("wstat", f.Wstat(bg, p9.Wstat{Valid: p9.WLength | p9.WMode, Length: 7, Mode: 0o600}), nil)
	if st, err := f.Stat(bg); err != nil || st.Length != 7 || st.Mode != 0o600 || st.Nlink != 2 {
		t.Errorf("stat: %+v, %v", st, err)
	}
	if s, err := f.Statfs(bg); err != nil || s.Bsize == 0 || s.Namelen != 255 {
		t.Errorf("statfs: %+v, %v", s, err)
	}
	is("open", f.Open(bg, p9.ORDWR), nil)
	is("sync", f.Sync(bg, false), nil)
	g, err := fsys.Walk(bg, "hard", true)
	is("walk", err, nil)
	is("open", g.Open(bg, p9.ORDWR), nil)
	lock := func(f *client.Fid, typ uint8, proc uint32) uint8 {
		t.Helper()
		st, err := f.Lock(bg, p9.Flock{Type: typ, Flags: p9.LockFlagBlock, ProcID: proc, ClientID: "test"})
		is("lock", err, nil)
		return st
	}
	if a, b := lock(f, p9.LockWrite, 1), lock(g, p9.LockWrite, 2); a != p9.LockSuccess || b != p9.LockBlocked {
		t.Errorf("locks: %d, %d", a, b)
	}
	is("clunk", f.Clunk(bg), nil)
	if st := lock(g, p9.LockWrite, 2); st != p9.LockSuccess {
		t.Errorf("lock of what the clunk let go: %d", st)
	}
	is("clunk", g.Clunk(bg), nil)
	is("remove", fsys.Remove(bg, "hard"), nil)
}

func second[T any](_ T, err error) error { return err }

// root attaches to a tree of ours.
func root(t testing.TB, ctx context.Context, f srv.File) hp9.File {
	t.Helper()
	r, err := p9file.Attacher(ctx, f).Attach()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func walk(t testing.TB, f hp9.File, names ...string) hp9.File {
	t.Helper()
	_, g, err := f.Walk(names)
	if err != nil {
		t.Fatalf("walk %q: %v", names, err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// TestNumbers has errors come through hugelgupf's server as the numbers that they
// are, those too that Go takes for the same as others.
func TestNumbers(t *testing.T) {
	r := root(t, bg, ramfs.New())
	if _, err := r.Mkdir("d", 0o755, hp9.NoUID, hp9.NoGID); err != nil {
		t.Fatal(err)
	}
	d := walk(t, r, "d")
	f, _, _, err := d.Create("f", hp9.WriteOnly, 0o644, hp9.NoUID, hp9.NoGID)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	other := root(t, bg, ramfs.New())
	for _, c := range []struct {
		what string
		err  error
		want linux.Errno
	}{
		{"rmdir", r.UnlinkAt("d", 0x200), linux.ENOTEMPTY},
		{"unlink of a directory", r.UnlinkAt("d", 0), linux.EISDIR},
		{"rmdir of a file", d.UnlinkAt("f", 0x200), linux.ENOTDIR},
		{"unlink of nothing", d.UnlinkAt("x", 0), linux.ENOENT},
		{"mkdir of what is there", second(r.Mkdir("d", 0o755, hp9.NoUID, hp9.NoGID)), linux.EEXIST},
		{"link of a directory", r.Link(d, "l"), linux.EPERM},
		{"link to another tree", other.Link(f, "l"), linux.EXDEV},
		{"rename to another tree", d.RenameAt("f", other, "f"), linux.EXDEV},
		{"rename into itself", r.RenameAt("d", d, "d"), linux.EINVAL},
		{"symlink to nothing", second(r.Symlink("", "l", hp9.NoUID, hp9.NoGID)), linux.ENOENT},
		{"readlink of a directory", second(d.Readlink()), linux.EINVAL},
		{"read of what is open for writing", second(f.ReadAt(make([]byte, 1), 0)), linux.EBADF},
		{"create in a file", f.RenameAt("x", f, "y"), linux.ENOTDIR},
		{"getxattr of none", second(r.GetXattr("user.x")), linux.ENODATA},
		{"lock of a directory", second(d.Lock(1, hp9.ReadLock, 0, 0, 0, "")), linux.EBADF},
		{"rename of a file by itself", f.Rename(r, "x"), linux.ENOSYS},
		{"name with a slash", second(r.Mkdir("a/b", 0o755, hp9.NoUID, hp9.NoGID)), linux.ENAMETOOLONG},
		{"list of what is not open", second(r.Readdir(0, 10)), linux.EBADF},
	} {
		if got := linux.ExtractErrno(c.err); c.err == nil || got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.err, c.want)
		}
	}
	if _, _, err := f.Open(hp9.ReadOnly); linux.ExtractErrno(err) != linux.ETXTBSY {
		t.Errorf("second open: %v", err)
	}
	f.Close()
	if _, _, _, err := f.GetAttr(hp9.AttrMaskAll); err != linux.EBADF {
		t.Errorf("a closed file: %v", err)
	}
	if err := f.Close(); err != linux.EBADF {
		t.Errorf("a closed file: %v", err)
	}
}

// TestEnd ends what blocks by closing the file, and by the Attacher's context.
func TestEnd(t *testing.T) {
	srvtest.CheckGoroutines(t)
	q := srv.NewDir().Add("q", srv.NewQueue(0o444))
	ctx, cancel := context.WithCancel(bg)
	r := root(t, ctx, q)
	open := func() (hp9.File, chan error) {
		f := walk(t, r, "q")
		if _, _, err := f.Open(hp9.ReadOnly); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			_, err := f.ReadAt(make([]byte, 1), 0)
			done <- err
		}()
		return f, done
	}
	f, done := open()
	f.Close()
	if err := <-done; err != linux.EINTR && err != linux.EBADF {
		t.Errorf("read of a file that is closed: %v", err)
	}
	_, done = open()
	cancel()
	if err := <-done; err != linux.EINTR {
		t.Errorf("read when all ends: %v", err)
	}
}

// TestClone opens a clone file: the p9.File goes on as the ctl file of a new
// conversation, and the conversation is over when all its files are closed.
func TestClone(t *testing.T) {
	ended := make(chan bool, 1)
	dir := srv.NewClone(func(ctx context.Context, n int) (*srv.Dir, error) {
		context.AfterFunc(ctx, func() { ended <- true })
		return srv.NewDir().Add("ctl", srv.Const(fmt.Sprint(n))).Add("data", srv.Const("data")), nil
	})
	r := root(t, bg, dir)
	f := walk(t, r, "clone")
	was, _, _, _ := f.GetAttr(hp9.AttrMaskAll)
	q, _, err := f.Open(hp9.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	is, _, _, err := f.GetAttr(hp9.AttrMaskAll)
	if err != nil || is != q || is.Path == was.Path {
		t.Errorf("clone %v opens as %v and is %v, %v", was, q, is, err)
	}
	buf := make([]byte, 10)
	n, err := f.ReadAt(buf, 0)
	if string(buf[:n]) != "0" || err != nil && err != io.EOF {
		t.Errorf("ctl reads as %q, %v", buf[:n], err)
	}
	data := walk(t, r, "0", "data")
	if _, _, err := data.Open(hp9.ReadOnly); err != nil {
		t.Fatal(err)
	}
	f.Close()
	select {
	case <-ended:
		t.Error("the conversation ended with a file open")
	default:
	}
	data.Close()
	<-ended
}

// TestUser has somebody be refused what the modes do not allow.
func TestUser(t *testing.T) {
	tree := ramfs.New()
	mine := root(t, bg, tree)
	f, _, _, err := mine.Create("f", hp9.WriteOnly, 0o640, hp9.NoUID, hp9.NoGID)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := mine.Mkdir("d", 0o700, hp9.NoUID, hp9.NoGID); err != nil {
		t.Fatal(err)
	}
	r := root(t, srv.WithUser(bg, srv.NewUser("", 12345)), tree)
	file, d := walk(t, r, "f"), walk(t, r, "d")
	for _, c := range []struct {
		what string
		err  error
		want linux.Errno
	}{
		{"open", third(file.Open(hp9.ReadOnly)), linux.EACCES},
		{"walk", third(d.Walk([]string{"x"})), linux.EACCES},
		{"mkdir", second(r.Mkdir("x", 0o755, hp9.NoUID, hp9.NoGID)), linux.EACCES},
		{"unlink", r.UnlinkAt("f", 0), linux.EACCES},
		{"rename", r.RenameAt("f", r, "g"), linux.EACCES},
		{"truncate", file.SetAttr(hp9.SetAttrMask{Size: true}, hp9.SetAttr{}), linux.EACCES},
		{"chmod", file.SetAttr(hp9.SetAttrMask{Permissions: true}, hp9.SetAttr{Permissions: 0o777}), linux.EPERM},
		{"chown", file.SetAttr(hp9.SetAttrMask{UID: true}, hp9.SetAttr{UID: 12345}), linux.EPERM},
	} {
		if got := linux.ExtractErrno(c.err); c.err == nil || got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.err, c.want)
		}
	}
	if _, _, _, err := r.Create("x", hp9.WriteOnly, 0o644, 0, 0); linux.ExtractErrno(err) != linux.EACCES {
		t.Errorf("create with another's uid: %v", err)
	}
	// Who runs the server may give files away.
	f2 := walk(t, mine, "f")
	if err := f2.SetAttr(hp9.SetAttrMask{UID: true, GID: true}, hp9.SetAttr{UID: 12345, GID: 12345}); err != nil {
		t.Errorf("chown by the host owner: %v", err)
	}
	ctl := srv.NewDir().Add("const", srv.Const(strings.Repeat("x", 10)))
	c := walk(t, root(t, bg, ctl), "const")
	if _, _, err := c.Open(hp9.WriteOnly); linux.ExtractErrno(err) != linux.EACCES {
		t.Errorf("open of a constant for writing: %v", err)
	}
}

// TestGroup has what is made be of the group that is asked for, both ways.
func TestGroup(t *testing.T) {
	gid := os.Getgid()
	if os.Getuid() == 0 {
		gid = 12345
	}
	for _, o := range ours {
		r := root(t, bg, newRoot(t, o.dir(t)))
		if _, err := r.Mkdir("d", 0o755, hp9.NoUID, hp9.GID(gid)); err != nil {
			t.Fatal(err)
		}
		ctx := srv.WithGroup(bg, uint32(gid))
		f, h, err := srv.Create(ctx, tree(t, attach(func() (hp9.File, error) { return walk(t, r), nil })), "f", 0o644, p9.OREAD)
		if err != nil {
			t.Fatal(err)
		}
		defer srv.Clunk(f)
		if any(f) != any(h) {
			defer srv.Clunk(h)
		}
		for _, name := range []string{"d", "f"} {
			if _, _, a, err := walk(t, r, name).GetAttr(hp9.AttrMaskAll); err != nil || a.GID != hp9.GID(gid) {
				t.Errorf("%s: %s is of group %d, %v", o.name, name, a.GID, err)
			}
		}
	}
}

func third[T, U any](_ T, _ U, err error) error { return err }
