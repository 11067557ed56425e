package diskfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// few lets the process have so many descriptors more than it has.
func few(t *testing.T, more int) {
	var old unix.Rlimit
	must(0, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))(t)
	low := old
	low.Cur = uint64(len(must(os.ReadDir("/proc/self/fd"))(t)) + more)
	must(0, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))(t)
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &old) })
}

// TestManyFiles has a client know of more files than the server can have descriptors,
// as Linux's own do of all that they have ever looked up.
func TestManyFiles(t *testing.T) {
	for _, dotl := range []bool{true, false} {
		t.Run(fmt.Sprint("dotl ", dotl), func(t *testing.T) { manyFiles(t, dotl) })
	}
}

func manyFiles(t *testing.T, dotl bool) {
	dir := t.TempDir()
	const n, dirs = 500, 5
	path := func(i int) []string { return []string{fmt.Sprint("d", i%dirs), "sub", fmt.Sprint("f", i)} }
	for i := range n {
		p := filepath.Join(append([]string{dir}, path(i)...)...)
		os.MkdirAll(filepath.Dir(p), 0o777)
		write(t, p, fmt.Sprint("text ", i))
	}
	few(t, 100)
	root := srvtest.MountServer(t, srv.New(serve(t, dir)), dotl)
	files := make([]*client.Fid, n)
	for i := range files {
		files[i] = must(root.Walk(bg, path(i)...))(t)
	}
	check := func(what string, i int) {
		t.Helper()
		f := must(files[i].Walk(bg))(t)
		defer f.Clunk(bg)
		if err := f.Open(bg, p9.OREAD); err != nil {
			t.Errorf("%s: open of file %d: %v", what, i, err)
			return
		}
		reads(t, what, f, fmt.Sprint("text ", i))
		if st, err := files[i].Stat(bg); err != nil || st.Qid.Path != files[i].Qid().Path {
			t.Errorf("%s: file %d is %+v, %v", what, i, st.Qid, err)
		}
	}
	var all sync.WaitGroup
	for k := range 8 { // many at once, who push out each other's
		all.Go(func() {
			for i := k; i < n; i += 4 {
				check("as they were", i)
			}
		})
	}
	all.Wait()

	// By the server: fids stay with their files.
	move := func(from, to string) {
		t.Helper()
		if dotl {
			must(0, root.Rename(bg, from, root, to))(t)
			return
		}
		f := must(root.Walk(bg, from))(t)
		must(0, f.Wstat(bg, p9.Wstat{Valid: p9.WName, Name: to}))(t)
		f.Clunk(bg)
	}
	move("d0", "moved")
	for i := 0; i < n; i += 7 {
		check("a directory above was renamed", i)
	}
	move("moved", "d0")
	for i := 0; i < n; i += 11 {
		check("and back", i)
	}
	unlink := func(i int) {
		t.Helper()
		p := path(i)
		must(0, must(root.Walk(bg, p[:len(p)-1]...))(t).Unlink(bg, p[len(p)-1], false))(t)
	}
	if dotl {
		unlink(10)
		if st, err := files[10].Stat(bg); err != nil || st.Nlink != 0 {
			t.Errorf("a file that was removed has %d names: %v", st.Nlink, err)
		}
		sub := must(root.Walk(bg, path(15)[:2]...))(t)
		must(0, sub.Rename(bg, path(15)[2], sub, path(20)[2]))(t)
		check("moved over another", 15)
		if st, err := files[20].Stat(bg); err != nil || st.Nlink != 0 {
			t.Errorf("a file that was moved over has %d names: %v", st.Nlink, err)
		}
	}

	// Behind its back: a file that cannot be found is not mistaken for another.
	for i := range n { // so that those that follow are the last that were not used
		if i%dirs != 1 {
			files[i].Stat(bg)
		}
	}
	must(0, os.Rename(filepath.Join(dir, "d1"), filepath.Join(dir, "behind")))(t)
	must(0, os.MkdirAll(filepath.Join(dir, "d1", "sub"), 0o777))(t)
	stale := 0
	for i := 1; i < n; i += dirs {
		write(t, filepath.Join(append([]string{dir}, path(i)...)...), "another")
		st, err := files[i].Stat(bg)
		switch {
		case errors.Is(err, unix.ESTALE):
			stale++
		case err != nil || st.Qid.Path != files[i].Qid().Path:
			t.Errorf("file %d, moved behind the server's back, is %+v: %v", i, st.Qid, err)
		}
	}
	if stale == 0 {
		t.Error("all of many files stayed open")
	}
	must(0, os.RemoveAll(filepath.Join(dir, "d1")))(t)
	must(0, os.Rename(filepath.Join(dir, "behind"), filepath.Join(dir, "d1")))(t)
	for i := 1; i < n; i += dirs {
		check("moved back", i)
	}
	for _, f := range files {
		must(0, f.Clunk(bg))(t)
	}
}

// inDirs serves directories a0, a1 ... with a file f each, more than it keeps descriptors of, and walks
// to the files.
func inDirs(t *testing.T, n int) (root *client.Fid, files []*client.Fid) {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		must(0, os.MkdirAll(fmt.Sprintf("%s/a%d", dir, i), 0o777))(t)
		write(t, fmt.Sprintf("%s/a%d/f", dir, i), "text")
	}
	few(t, 200)
	root = srvtest.MountServer(t, srv.New(serve(t, dir)), true)
	for i := range n {
		files = append(files, must(root.Walk(bg, fmt.Sprint("a", i), "f"))(t))
	}
	return root, files
}

// TestManyFilesChange has files renamed and removed through the server while others use
// them by fids that have no descriptor: none of them is lost.
func TestManyFilesChange(t *testing.T) {
	const n = 300
	root, files := inDirs(t, n)
	ctx, stop := context.WithCancel(bg)
	var users, movers sync.WaitGroup
	for k := range 4 {
		users.Go(func() {
			for i := k; ctx.Err() == nil; i = (i + 1) % n {
				if _, err := files[i].Stat(bg); err != nil {
					t.Errorf("file %d: %v", i, err)
					return
				}
			}
		})
	}
	for k := range 2 {
		movers.Go(func() {
			for i := k; i < n; i += 2 {
				a, b := fmt.Sprint("a", i), fmt.Sprint("b", i)
				d, err := root.Walk(bg, a)
				for n := 0; n < 3 && err == nil; n++ {
					err = errors.Join(root.Rename(bg, a, root, b), root.Rename(bg, b, root, a))
				}
				if err == nil && i%100 < 2 {
					err = d.Unlink(bg, "f", false)
				}
				if err = errors.Join(err, d.Clunk(bg)); err != nil {
					t.Errorf("directory %d: %v", i, err)
					return
				}
			}
		})
	}
	movers.Wait()
	stop()
	users.Wait()
	for i, f := range files {
		if st, err := f.Stat(bg); err != nil || (st.Nlink == 0) != (i%100 < 2) {
			t.Errorf("file %d has %d names: %v", i, st.Nlink, err)
		}
		f.Clunk(bg)
	}
}

// TestManyFilesBack has a directory renamed and renamed back, time after time, while what is beneath
// it is opened again: it is there all the time.
func TestManyFilesBack(t *testing.T) {
	root, files := inDirs(t, 60)
	ctx, stop := context.WithCancel(bg)
	var movers sync.WaitGroup
	for i := range 4 {
		movers.Go(func() {
			a, b := fmt.Sprint("a", i), fmt.Sprint("b", i)
			for ctx.Err() == nil {
				if err := errors.Join(root.Rename(bg, a, root, b), root.Rename(bg, b, root, a)); err != nil {
					t.Errorf("directory %d: %v", i, err)
					return
				}
			}
		})
	}
	for range 300 {
		for i, f := range files {
			if _, err := f.Stat(bg); err != nil {
				t.Errorf("file %d: %v", i, err)
			}
		}
		if t.Failed() {
			break
		}
	}
	stop()
	movers.Wait()
	for _, f := range files {
		f.Clunk(bg)
	}
}

// TestManyFilesRename has names moved into directories that have no path, or one that looks
// as if they had none, when there are many files.
func TestManyFilesRename(t *testing.T) {
	dir := t.TempDir()
	const n = 300
	for i := range n {
		write(t, fmt.Sprintf("%s/f%d", dir, i), fmt.Sprint("text ", i))
	}
	must(0, os.Mkdir(dir+"/gone", 0o777))(t)
	must(0, os.Mkdir(dir+"/so called (deleted)", 0o777))(t)
	few(t, 200)
	root := srvtest.MountServer(t, srv.New(serve(t, dir)), true)
	var files []*client.Fid
	for i := range n {
		files = append(files, must(root.Walk(bg, fmt.Sprint("f", i)))(t))
	}
	gone, called := must(root.Walk(bg, "gone"))(t), must(root.Walk(bg, "so called (deleted)"))(t)
	must(0, root.Unlink(bg, "gone", true))(t)
	for range 3 {
		if err := root.Rename(bg, "f0", gone, "f0"); err == nil {
			t.Error("a name was moved into a directory that is gone")
		}
	}
	for i := range n / 2 {
		must(0, root.Rename(bg, fmt.Sprint("f", i), called, fmt.Sprint("g", i)))(t)
	}
	for i, f := range files {
		f := must(f.Walk(bg))(t)
		must(0, f.Open(bg, p9.OREAD))(t)
		reads(t, "moved", f, fmt.Sprint("text ", i))
		f.Clunk(bg)
	}
	// Many change names of one directory that is renamed meanwhile.
	var all sync.WaitGroup
	for k := range 4 {
		all.Go(func() {
			for i := k; i < n/2; i += 4 {
				a, b := fmt.Sprint("g", i), fmt.Sprint("h", i)
				err := errors.Join(called.Rename(bg, a, called, b), called.Rename(bg, b, called, a))
				if k == 0 {
					err = errors.Join(err, root.Rename(bg, "so called (deleted)", root, "x"), root.Rename(bg, "x", root, "so called (deleted)"))
				}
				if err != nil {
					t.Errorf("%d: %v", i, err)
				}
			}
		})
	}
	all.Wait()
	for i, f := range files {
		if _, err := f.Stat(bg); err != nil {
			t.Errorf("file %d: %v", i, err)
		}
	}
}

// TestManyFilesBelow has a directory renamed at the same cost, whether few or many of the files
// beneath it are known.
func TestManyFilesBelow(t *testing.T) {
	cost := func(n int) float64 {
		dir := t.TempDir()
		for i := range 10 {
			must(0, os.MkdirAll(fmt.Sprintf("%s/a/%d", dir, i), 0o777))(t)
		}
		few(t, 100)
		r := serve(t, dir)
		for i := range n {
			write(t, fmt.Sprintf("%s/a/%d/%d", dir, i%10, i), "")
			f := must(srv.Walk(bg, r, "a"))(t)
			for _, name := range []int{i % 10, i} {
				d := f
				f = must(srv.Walk(bg, d, fmt.Sprint(name)))(t)
				srv.Clunk(d)
			}
			t.Cleanup(func() { srv.Clunk(f) })
		}
		return testing.AllocsPerRun(10, func() {
			must(0, errors.Join(r.Rename(bg, "a", r, "b"), r.Rename(bg, "b", r, "a")))(t)
		})
	}
	if low, high := cost(1000), cost(10000); high > low+10 {
		t.Errorf("%v allocations beside 1,000 files, %v beside 10,000", low, high)
	}
}
