package diskfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

func list(t testing.TB, dir srv.File, name string) srv.File {
	t.Helper()
	f, _, err := dir.(interface {
		ListStat(ctx context.Context, name string, known func(*p9.Stat) bool) (srv.File, p9.Stat, error)
	}).ListStat(bg, name, nil)
	return must(f, err)(t)
}

// TestListed has things done between the listing of a file and its first use: it is the file
// that was listed, or none.
func TestListed(t *testing.T) {
	for _, c := range []struct {
		what  string
		do    func(dir string, root *root, sub srv.File) error
		want  string // what the file reads, "" where it is stale
		nlink uint64
	}{
		{"nothing", func(string, *root, srv.File) error { return nil }, "text", 1},
		{"renamed", func(_ string, r *root, sub srv.File) error {
			return sub.(srv.Renamer).Rename(bg, "f", r, "g")
		}, "text", 1},
		{"removed", func(_ string, _ *root, sub srv.File) error {
			return sub.(srv.Unlinker).Unlink(bg, "f", false)
		}, "text", 0},
		{"replaced", func(dir string, r *root, sub srv.File) error {
			return errors.Join(os.WriteFile(dir+"/g", []byte("another"), 0o644), r.Rename(bg, "g", sub, "f"))
		}, "text", 0},
		{"exchanged", func(dir string, r *root, sub srv.File) error {
			return errors.Join(os.WriteFile(dir+"/g", []byte("another"), 0o644),
				sub.(srv.FlagRenamer).RenameFlags(bg, "f", r, "g", unix.RENAME_EXCHANGE))
		}, "text", 1},
		{"directory renamed", func(_ string, r *root, _ srv.File) error { return r.Rename(bg, "sub", r, "other") }, "text", 1},
		{"directory renamed behind", func(dir string, _ *root, _ srv.File) error { return os.Rename(dir+"/sub", dir+"/other") }, "text", 1},
		{"written behind", func(dir string, _ *root, _ srv.File) error {
			return os.WriteFile(dir+"/sub/f", []byte("text"), 0o644)
		}, "text", 1},
		{"renamed behind", func(dir string, _ *root, _ srv.File) error { return os.Rename(dir+"/sub/f", dir+"/g") }, "", 0},
		{"renamed there and back behind", func(dir string, _ *root, _ srv.File) error {
			return errors.Join(os.Rename(dir+"/sub/f", dir+"/g"), os.Rename(dir+"/g", dir+"/sub/f"))
		}, "text", 1},
		{"replaced behind", func(dir string, _ *root, _ srv.File) error {
			return errors.Join(os.WriteFile(dir+"/g", []byte("another"), 0o644), os.Rename(dir+"/g", dir+"/sub/f"))
		}, "", 0},
		{"made anew behind", func(dir string, _ *root, _ srv.File) error { // ext4 gives the same number
			return errors.Join(os.Remove(dir+"/sub/f"), os.WriteFile(dir+"/sub/f", []byte("another"), 0o644))
		}, "", 0},
		{"a pipe in its place", func(dir string, _ *root, _ srv.File) error {
			return errors.Join(os.Remove(dir+"/sub/f"), unix.Mkfifo(dir+"/sub/f", 0o644))
		}, "", 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := t.TempDir()
			must(0, os.Mkdir(dir+"/sub", 0o777))(t)
			write(t, dir+"/sub/f", "text")
			r := serve(t, dir)
			sub := must(srv.Walk(bg, r, "sub"))(t)
			open := len(must(os.ReadDir("/proc/self/fd"))(t))
			f := list(t, sub, "f")
			defer srv.Clunk(f)
			if n := len(must(os.ReadDir("/proc/self/fd"))(t)); n != open {
				t.Errorf("%d descriptors more", n-open)
			}
			must(0, c.do(dir, r, sub))(t)
			srv.Clunk(sub)
			st, err := f.Stat(bg)
			if c.want == "" {
				if !errors.Is(err, unix.ESTALE) {
					t.Errorf("%+v, %v", st, err)
				}
				return
			}
			if err != nil || st.Nlink != c.nlink {
				t.Fatalf("%d names, %v", st.Nlink, err)
			}
			h := must(srv.Open(bg, f, p9.OREAD))(t)
			defer srv.Clunk(h)
			if s := read(t, h); s != c.want {
				t.Errorf("%q", s)
			}
		})
	}
}

// TestListedMade has a listed file removed by who has made its directory and has that open.
func TestListedMade(t *testing.T) {
	dir := t.TempDir()
	r := serve(t, dir)
	made, _, err := r.Create(bg, "made", fs.ModeDir|0o777, p9.OREAD)
	must(0, err)(t)
	defer srv.Clunk(made)
	write(t, dir+"/made/f", "text")
	walked := must(srv.Walk(bg, r, "made"))(t)
	defer srv.Clunk(walked)
	f := list(t, walked, "f")
	defer srv.Clunk(f)
	must(0, made.(srv.Unlinker).Unlink(bg, "f", false))(t)
	if st, err := f.Stat(bg); err != nil || st.Nlink != 0 {
		t.Errorf("%d names, %v", st.Nlink, err)
	}
}

// TestListedKinds has all kinds of files listed as they are.
func TestListedKinds(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/file", "text")
	must(0, os.Symlink("target", dir+"/link"))(t)
	must(0, os.Mkdir(dir+"/dir", 0o777))(t)
	must(0, unix.Mkfifo(dir+"/pipe", 0o644))(t)
	r := serve(t, dir)
	for _, name := range []string{"file", "link", "dir", "pipe"} {
		walked := must(srv.Walk(bg, r, name))(t)
		listed := list(t, r, name)
		if a, b := must(walked.Stat(bg))(t), must(listed.Stat(bg))(t); a != b {
			t.Errorf("%s: listed %+v, walked to %+v", name, b, a)
		}
		srv.Clunk(walked)
		srv.Clunk(listed)
	}
	st := must(r.Stat(bg))(t)
	if f, _, err := r.ListStat(bg, "file", func(s *p9.Stat) bool { st = *s; return true }); f != nil || err != nil || st.Length != 4 {
		t.Errorf("a file that is known: %v, %d bytes, %v", f, st.Length, err)
	}
	link := list(t, r, "link")
	defer srv.Clunk(link)
	if s, err := link.(srv.Readlinker).Readlink(bg); s != "target" {
		t.Errorf("link to %q, %v", s, err)
	}
	if _, _, err := r.ListStat(bg, "none", nil); !errors.Is(err, unix.ENOENT) {
		t.Errorf("what is not there: %v", err)
	}
	if _, _, err := r.ListStat(bg, "..", nil); err == nil {
		t.Error("the parent is listed")
	}
}

// TestListedChange has files listed and used while the server renames them to and fro, and directories
// above them, with few descriptors: what was listed is there, and is no other.
func TestListedChange(t *testing.T) {
	const dirs, files = 20, 20
	dir := t.TempDir()
	text := func(d, i int) string { return fmt.Sprintf("%d of %d", i, d) }
	for d := range dirs {
		must(0, os.MkdirAll(fmt.Sprintf("%s/d%d", dir, d), 0o777))(t)
		for i := range files {
			write(t, fmt.Sprintf("%s/d%d/f%d", dir, d, i), text(d, i))
		}
	}
	few(t, 200)
	r := serve(t, dir)
	listed := make(chan int, 2) // directories, whose files are opened next
	var movers, users sync.WaitGroup
	for k := range 2 {
		movers.Go(func() {
			n := k
			for at := range listed {
				n += 2
				d := fmt.Sprint("d", at)
				sub, err := srv.Walk(bg, r, d)
				if err != nil {
					continue // its other mover has it renamed
				}
				a, b := fmt.Sprint("f", n%files), fmt.Sprint("g", n%files)
				if err = sub.(srv.Renamer).Rename(bg, a, sub, b); errors.Is(err, unix.ENOENT) {
					err = sub.(srv.Renamer).Rename(bg, b, sub, a)
				}
				if n%3 == 0 {
					err = errors.Join(err, r.Rename(bg, d, r, d+"x"), r.Rename(bg, d+"x", r, d))
				}
				srv.Clunk(sub)
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for k := range 4 {
		users.Go(func() {
			used := 0
			for n := 0; n < 10*dirs; n++ {
				d := (n + k) % dirs
				sub, err := srv.Walk(bg, r, fmt.Sprint("d", d))
				if err != nil {
					continue
				}
				var all []srv.File
				for i := range files {
					f, _, err := sub.(*entry).ListStat(bg, fmt.Sprint("f", i), nil)
					if err != nil {
						f, _, err = sub.(*entry).ListStat(bg, fmt.Sprint("g", i), nil)
					}
					if err != nil { // it was renamed just now
						f = nil
					}
					all = append(all, f)
				}
				srv.Clunk(sub)
				select {
				case listed <- d:
				default:
				}
				for i, f := range all {
					if f == nil {
						continue
					}
					h, err := srv.Open(bg, f, p9.OREAD)
					if err != nil {
						t.Errorf("file %d of %d: %v", i, d, err)
					} else {
						used++
						if s := read(t, h); s != text(d, i) {
							t.Errorf("file %d of %d reads %q", i, d, s)
						}
						srv.Clunk(h)
					}
					srv.Clunk(f)
				}
			}
			if used == 0 {
				t.Error("none was there")
			}
		})
	}
	users.Wait()
	close(listed)
	movers.Wait()
	if n := len(r.t.listeds.all); n != 0 {
		t.Errorf("%d are left", n)
	}
	if n := r.t.listeds.changes.Load(); uint32(n) != 0 {
		t.Errorf("%d changes are under way", uint32(n))
	}
	if len(must(filepath.Glob(dir+"/d*/[fg]*"))(t)) != dirs*files {
		t.Error("files are lost")
	}
}
