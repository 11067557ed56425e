package ramfs

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
)

var bg = context.Background()

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func mk(t testing.TB, d srv.File, name string, mode p9.Mode) *handle {
	t.Helper()
	f, h, err := srv.Create(bg, d, name, 0o644, mode)
	if err != nil {
		t.Fatal(err)
	}
	if f != srv.File(h.(*handle)) {
		t.Fatal("file and handle differ")
	}
	return h.(*handle)
}

func mkdir(t testing.TB, d srv.File, name string) *dir {
	t.Helper()
	f, _, err := srv.Create(bg, d, name, fs.ModeDir|0o755, p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	return f.(*dir)
}

func put(t testing.TB, d srv.File, name, text string) {
	t.Helper()
	h := mk(t, d, name, p9.OWRITE|p9.OTRUNC)
	defer h.Clunk()
	must(h.Write(bg, []byte(text), 0))(t)
}

func get(t testing.TB, d srv.File, name string) string {
	t.Helper()
	f := must(srv.Walk(bg, d, name))(t)
	defer srv.Clunk(f)
	h := must(srv.Open(bg, f, p9.OREAD))(t)
	defer srv.Clunk(h)
	b := make([]byte, 1000)
	n, _ := h.(srv.Reader).Read(bg, b, 0)
	return string(b[:n])
}

func stat(t testing.TB, f srv.File) p9.Stat {
	t.Helper()
	return must(f.Stat(bg))(t)
}

func names(t testing.TB, d srv.Lister) []string {
	var l []string
	for e, err := range d.List(bg, 0) {
		if err != nil {
			t.Fatal(err)
		}
		l = append(l, e.Name)
	}
	return l
}

func TestCreate(t *testing.T) {
	root := New().(*dir)
	put(t, root, "f", "one")
	mkdir(t, root, "d")
	_, _, err := root.Create(bg, "f", 0o644, p9.OREAD|p9.OEXCL)
	wantErr(t, "OEXCL", err, fs.ErrExist)
	_, _, err = root.Create(bg, "f", fs.ModeDir|0o755, p9.OREAD)
	wantErr(t, "directory over file", err, fs.ErrExist)
	_, _, err = root.Create(bg, "d", 0o644, p9.OREAD)
	wantErr(t, "file over directory", err, fs.ErrExist)
	mk(t, root, "f", p9.OREAD).Clunk() // opens it
	if s := get(t, root, "f"); s != "one" {
		t.Errorf("after create without OTRUNC: %q", s)
	}
	mk(t, root, "f", p9.OWRITE|p9.OTRUNC).Clunk()
	if s := get(t, root, "f"); s != "" {
		t.Errorf("after create with OTRUNC: %q", s)
	}
	other := srv.WithUser(bg, &srv.User{Name: "ann", Uid: 4242})
	_, _, err = root.Create(other, "f", 0o644, p9.OWRITE)
	wantErr(t, "create opens another's file", err, fs.ErrPermission)

	f, h, err := root.Create(other, "hers", 0o640, p9.ORDWR)
	if err != nil {
		t.Fatal(err)
	}
	st := stat(t, f)
	if st.Nuid != 4242 || st.Ngid != stat(t, root).Ngid || st.Mode != 0o640 || st.Qid.Vers != 1 || st.Nlink != 1 {
		t.Errorf("stat of a new file: %+v", st)
	}
	srv.Clunk(h)
	if got, want := names(t, root), []string{"f", "d", "hers"}; !slices.Equal(got, want) {
		t.Errorf("listing: %q", got)
	}
	if n := stat(t, root).Nlink; n != 3 {
		t.Errorf("nlink of a directory with one in it: %d", n)
	}
}

func TestLinkUnlink(t *testing.T) {
	root := New().(*dir)
	put(t, root, "a", "text")
	a := must(root.Walk(bg, "a"))(t)
	d := mkdir(t, root, "d")
	must(0, d.Link(bg, a, "b"))(t)
	wantErr(t, "link over a name", d.Link(bg, a, "b"), fs.ErrExist)
	wantErr(t, "link of a directory", root.Link(bg, d, "dd"), syscall.EPERM)
	wantErr(t, "link from another tree", New().(*dir).Link(bg, a, "x"), syscall.EXDEV)
	if st := stat(t, a); st.Nlink != 2 {
		t.Errorf("nlink: %d", st.Nlink)
	}
	wantErr(t, "unlink as a directory", root.Unlink(bg, "a", true), syscall.ENOTDIR)
	wantErr(t, "rmdir as a file", root.Unlink(bg, "d", false), syscall.EISDIR)
	wantErr(t, "rmdir with entries", root.Unlink(bg, "d", true), syscall.ENOTEMPTY)
	must(0, root.Unlink(bg, "a", false))(t)
	if s := get(t, d, "b"); s != "text" || stat(t, a).Nlink != 1 {
		t.Errorf("other name: %q", s)
	}
	must(0, d.Unlink(bg, "b", false))(t)
	wantErr(t, "link of what is removed", root.Link(bg, a, "c"), fs.ErrNotExist)
	must(0, root.Unlink(bg, "d", true))(t)
	_, _, err := d.Create(bg, "x", 0o644, p9.OREAD)
	wantErr(t, "create in a removed directory", err, fs.ErrNotExist)
	if stat(t, root).Nlink != 2 || stat(t, d).Nlink != 0 {
		t.Errorf("nlink of directories: %d %d", stat(t, root).Nlink, stat(t, d).Nlink)
	}

	sticky := mkdir(t, root, "tmp")
	must(0, sticky.Wstat(bg, p9.Wstat{Valid: p9.WMode, Mode: fs.ModeDir | fs.ModeSticky | 0o777}))(t)
	put(t, sticky, "mine", "")
	other := srv.WithUser(bg, &srv.User{Name: "ann", Uid: 4242})
	wantErr(t, "unlink of another's in a sticky directory", sticky.Unlink(other, "mine", false), syscall.EPERM)
}

func TestRename(t *testing.T) {
	root := New().(*dir)
	a, b := mkdir(t, root, "a"), mkdir(t, root, "b")
	sub := mkdir(t, a, "sub")
	put(t, a, "f", "f")
	put(t, b, "g", "g")
	mkdir(t, b, "empty")
	for _, c := range []struct {
		what string
		d    *dir
		old  string
		to   *dir
		new  string
		want error
	}{
		{"what is not there", a, "none", b, "x", syscall.ENOENT},
		{"into itself", root, "a", sub, "x", syscall.EINVAL},
		{"into itself at once", root, "a", a, "x", syscall.EINVAL},
		{"directory over file", root, "a", b, "g", syscall.ENOTDIR},
		{"file over directory", a, "f", root, "b", syscall.EISDIR},
		{"over what it is in", a, "sub", root, "a", syscall.ENOTEMPTY},
		{"over a full directory", a, "sub", root, "b", syscall.ENOTEMPTY},
		{"another tree", a, "f", New().(*dir), "f", syscall.EXDEV},
	} {
		wantErr(t, c.what, c.d.Rename(bg, c.old, c.to, c.new), c.want)
	}
	must(0, a.Rename(bg, "f", a, "f"))(t)
	must(0, a.Rename(bg, "f", b, "g"))(t)
	if s := get(t, b, "g"); s != "f" {
		t.Errorf("renamed over: %q", s)
	}
	must(0, a.Rename(bg, "sub", b, "empty"))(t)
	if stat(t, a).Nlink != 2 || stat(t, b).Nlink != 3 || stat(t, root).Nlink != 4 {
		t.Errorf("nlinks: %d %d %d", stat(t, a).Nlink, stat(t, b).Nlink, stat(t, root).Nlink)
	}
	must(0, root.Rename(bg, "a", sub, "a"))(t) // b/empty is sub; the other way is now forbidden
	wantErr(t, "into what it now holds", root.Rename(bg, "b", a, "b"), syscall.EINVAL)
	put(t, root, "l1", "x")
	l := must(root.Walk(bg, "l1"))(t)
	must(0, root.Link(bg, l, "l2"))(t)
	must(0, root.Rename(bg, "l1", root, "l2"))(t)
	if got := names(t, root); !slices.Equal(got, []string{"b", "l1", "l2"}) {
		t.Errorf("two names of one file: %q", got)
	}
}
