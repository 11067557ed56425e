package diskfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// serve gives the root of a directory, and sees to it that all descriptors are
// closed at the end.
func serve(t testing.TB, dir string, opts ...Option) *root {
	t.Helper()
	count := func() (n int) {
		for _, e := range must(os.ReadDir("/proc/self/fd"))(t) {
			// The runtime opens its poller when it is needed first.
			if l, _ := os.Readlink("/proc/self/fd/" + e.Name()); !strings.HasPrefix(l, "anon_inode:") {
				n++
			}
		}
		return n
	}
	before := count()
	r := must(New(dir, opts...))(t).(*root)
	t.Cleanup(func() {
		r.Close()
		if n := count(); n > before && !t.Failed() {
			t.Errorf("%d descriptors are left open", n-before)
		}
	})
	return r
}

// walk goes down a path; the File is clunked at the end of the test.
func walk(t testing.TB, f srv.File, path string) srv.File {
	t.Helper()
	for name := range strings.SplitSeq(path, "/") {
		next := must(srv.Walk(bg, f, name))(t)
		t.Cleanup(func() { srv.Clunk(next) })
		f = next
	}
	return f
}

func open(t testing.TB, f srv.File, mode p9.Mode) srv.Handle {
	t.Helper()
	h := must(srv.Open(bg, f, mode))(t)
	t.Cleanup(func() { srv.Clunk(h) })
	return h
}

func create(t testing.TB, d srv.File, name string, perm fs.FileMode, mode p9.Mode) srv.File {
	t.Helper()
	f, h, err := srv.Create(bg, d, name, perm, mode)
	if err != nil {
		t.Fatal(err)
	}
	if f != srv.File(h.(srv.File)) {
		t.Error("file and handle differ")
	}
	t.Cleanup(func() { srv.Clunk(f) })
	return f
}

func stat(t testing.TB, f srv.File) p9.Stat {
	t.Helper()
	return must(f.Stat(bg))(t)
}

func names(t testing.TB, h srv.Handle) []string {
	t.Helper()
	var l []string
	for e, err := range h.(srv.Lister).List(bg, 0) {
		if err != nil {
			t.Fatal(err)
		}
		l = append(l, e.Name)
	}
	slices.Sort(l)
	return l
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, h srv.Handle) string {
	t.Helper()
	b := make([]byte, 1000)
	n, err := h.(srv.Reader).Read(bg, b, 0)
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestNew(t *testing.T) {
	_, err := New("/nonexistent")
	wantErr(t, "no directory", err, fs.ErrNotExist)
	dir := t.TempDir()
	write(t, dir+"/f", "")
	_, err = New(dir + "/f")
	wantErr(t, "a file", err, syscall.ENOTDIR)
	r := serve(t, dir)
	r.Clunk() // an attach's end
	walk(t, r, "f")
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	r := serve(t, dir)
	f := create(t, r, "f", 0o666, p9.ORDWR)
	d := create(t, r, "d", fs.ModeDir|0o777, p9.OREAD)
	if a, b := stat(t, f).Mode, stat(t, d).Mode; a != 0o666 || b != fs.ModeDir|0o777 {
		t.Errorf("modes made: %v %v", a, b)
	}
	must(f.(srv.Writer).Write(bg, []byte("text"), 0))(t)
	if s := read(t, f); s != "text" {
		t.Errorf("read back: %q", s)
	}
	_, _, err := r.Create(bg, "f", 0o644, p9.OREAD|p9.OEXCL)
	wantErr(t, "OEXCL", err, fs.ErrExist)
	_, _, err = r.Create(bg, "f", fs.ModeDir|0o755, p9.OREAD)
	wantErr(t, "directory over file", err, fs.ErrExist)
	_, _, err = r.Create(bg, "d", 0o644, p9.OREAD)
	wantErr(t, "file over directory", err, fs.ErrExist)
	_, _, err = r.Create(bg, "a", 0o644|fs.ModeAppend, p9.OREAD)
	wantErr(t, "append-only", err, p9.ErrNotSup)
	if s := read(t, create(t, r, "f", 0o600, p9.OREAD)); s != "text" {
		t.Errorf("create opens: %q", s)
	}
	create(t, r, "f", 0o600, p9.OWRITE|p9.OTRUNC)
	if n := stat(t, f).Length; n != 0 {
		t.Errorf("create with OTRUNC leaves %d bytes", n)
	}
	create(t, d, "in", 0o600, p9.OWRITE) // an open directory is one still
	ro := create(t, r, "ro", 0o400, p9.ORDWR)
	must(0, ro.(srv.Wstater).Wstat(bg, p9.Wstat{Valid: p9.WLength, Length: 7}))(t)
	if n := stat(t, ro).Length; n != 7 {
		t.Errorf("length by the writing fid: %d", n)
	}
	if l := names(t, open(t, r, p9.OREAD)); !slices.Equal(l, []string{"d", "f", "ro"}) {
		t.Errorf("listing: %q", l)
	}
}

func TestOpenModes(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f", "12")
	r := serve(t, dir)
	f := walk(t, r, "f")
	a := open(t, f, p9.OWRITE|p9.OAPPEND)
	must(a.(srv.Writer).Write(bg, []byte("3"), 0))(t)
	if s := read(t, open(t, f, p9.OREAD)); s != "123" {
		t.Errorf("OAPPEND: %q", s)
	}
	open(t, f, p9.OWRITE|p9.OTRUNC)
	if n := stat(t, f).Length; n != 0 {
		t.Errorf("OTRUNC leaves %d bytes", n)
	}
	_, err := f.(srv.Opener).Open(bg, p9.OEXEC)
	wantErr(t, "OEXEC of what is no program", err, syscall.EACCES)
	must(0, os.Chmod(dir+"/f", 0o755))(t)
	open(t, f, p9.OEXEC)
	_, err = f.(srv.Opener).Open(bg, p9.OREAD|p9.ODIRECTORY)
	wantErr(t, "ODIRECTORY", err, syscall.ENOTDIR)
	h := open(t, f, p9.ORDWR|p9.ODIRECT|p9.OSYNC)
	must(h.(srv.Writer).Write(bg, []byte("odd"), 0))(t)
	must(0, h.(srv.Syncer).Sync(bg, false))(t)
	must(0, h.(srv.Syncer).Sync(bg, true))(t)
	must(0, f.(srv.Wstater).Wstat(bg, p9.Wstat{}))(t)
	must(0, os.Rename(dir+"/f", dir+"/g"))(t)
	if s := read(t, open(t, f, p9.OREAD)); s != "odd" {
		t.Errorf("opened after a rename: %q", s)
	}
	must(0, os.Remove(dir+"/g"))(t)
	if s := read(t, open(t, f, p9.OREAD)); s != "odd" {
		t.Errorf("opened after it was removed: %q", s)
	}
	if s := read(t, h); s != "odd" || stat(t, f).Nlink != 0 {
		t.Errorf("open, and removed: %q", s)
	}
}

func TestLinks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f", "text")
	r := serve(t, dir)
	d := create(t, r, "d", fs.ModeDir|0o755, p9.OREAD)
	f := walk(t, r, "f")
	must(0, d.(srv.Linker).Link(bg, f, "g"))(t)
	if n := stat(t, f).Nlink; n != 2 {
		t.Errorf("nlink: %d", n)
	}
	long := strings.Repeat("a/", 500)
	for _, target := range []string{"f", "/etc/passwd", long} {
		l := must(r.Symlink(bg, "l", target))(t)
		if s := must(l.(srv.Readlinker).Readlink(bg))(t); s != target {
			t.Errorf("readlink: %q", s)
		}
		if st := stat(t, l); st.Qid.Type != p9.QTSYMLINK || st.Length != uint64(len(target)) {
			t.Errorf("stat of a link: %+v", st)
		}
		must(0, d.(srv.Linker).Link(bg, l, "l"))(t) // of the link itself
		if s := must(os.Readlink(dir + "/d/l"))(t); s != target {
			t.Errorf("link of a link: %q", s)
		}
		wantErr(t, "chmod of a link", l.(srv.Wstater).Wstat(bg, p9.Wstat{Valid: p9.WMode, Mode: 0o600}), syscall.EOPNOTSUPP)
		must(0, l.(srv.Wstater).Wstat(bg, p9.Wstat{Valid: p9.WMtime, Mtime: time.Unix(5, 0)}))(t)
		if m := stat(t, l).Mtime; m.Unix() != 5 {
			t.Errorf("mtime of a link: %v", m)
		}
		srv.Clunk(l)
		must(0, r.Unlink(bg, "l", false))(t)
		must(0, d.(srv.Unlinker).Unlink(bg, "l", false))(t)
	}
	_, err := f.(srv.Readlinker).Readlink(bg)
	wantErr(t, "readlink of a file", err, syscall.EINVAL)
	wantErr(t, "link from another tree", serve(t, dir).Link(bg, f, "x"), syscall.EXDEV)
	wantErr(t, "rmdir of a file", r.Unlink(bg, "f", true), syscall.ENOTDIR)
	wantErr(t, "unlink of a directory", r.Unlink(bg, "d", false), syscall.EISDIR)
	wantErr(t, "rmdir of a full directory", r.Unlink(bg, "d", true), syscall.ENOTEMPTY)
	must(0, r.Rename(bg, "f", d, "g"))(t) // two names of one file
	must(0, d.(srv.Renamer).Rename(bg, "g", r, "h"))(t)
	wantErr(t, "rename into itself", r.Rename(bg, "d", d, "x"), syscall.EINVAL)
	must(0, r.Unlink(bg, "d", true))(t)
	_, _, err = srv.Create(bg, d, "x", 0o644, p9.OREAD)
	wantErr(t, "create in a removed directory", err, fs.ErrNotExist)
	n, err := r.Mknod(bg, "null", fs.ModeDevice|fs.ModeCharDevice|0o622, unix.Mkdev(1, 3))
	if os.Getuid() != 0 {
		wantErr(t, "device node by other than root", err, syscall.EPERM)
	} else {
		st := stat(t, must(n, err)(t))
		if st.Rdev != unix.Mkdev(1, 3) || st.Mode.Perm() != 0o622 {
			t.Errorf("device node: %+v", st)
		}
		srv.Clunk(n)
	}
	s := must(r.Mknod(bg, "sock", fs.ModeSocket|0o600, 0))(t)
	_, err = srv.Open(bg, s, p9.OREAD)
	wantErr(t, "open of a socket", err, syscall.ENXIO)
	srv.Clunk(s)
}

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f", "text")
	r := serve(t, dir, ReadOnly())
	f := walk(t, r, "f")
	for what, do := range map[string]func() error{
		"open":        func() error { _, err := srv.Open(bg, f, p9.OWRITE); return err },
		"truncate":    func() error { _, err := srv.Open(bg, f, p9.OREAD|p9.OTRUNC); return err },
		"create":      func() error { _, _, err := r.Create(bg, "f", 0o644, p9.OREAD); return err },
		"symlink":     func() error { _, err := r.Symlink(bg, "l", "f"); return err },
		"mknod":       func() error { _, err := r.Mknod(bg, "p", fs.ModeNamedPipe, 0); return err },
		"link":        func() error { return r.Link(bg, f, "g") },
		"unlink":      func() error { return r.Unlink(bg, "f", false) },
		"rename":      func() error { return r.Rename(bg, "f", r, "g") },
		"wstat":       func() error { return srv.Wstat(bg, f, p9.Wstat{Valid: p9.WMode}) },
		"setxattr":    func() error { return r.Setxattr(bg, "user.a", nil, 0) },
		"removexattr": func() error { return r.Removexattr(bg, "user.a") },
	} {
		wantErr(t, what, do(), syscall.EROFS)
	}
	if s := read(t, open(t, f, p9.OREAD)); s != "text" {
		t.Errorf("read: %q", s)
	}
}
