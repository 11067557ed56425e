package diskfs

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// files counts the descriptors of what is in dir.
func files(t *testing.T, dir string) (n int) {
	t.Helper()
	ents, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range ents {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && len(to) > len(dir)+1 && to[:len(dir)+1] == dir+"/" {
			n++
		}
	}
	return n
}

// A found is what a walk that must not wait comes to.
func found(t *testing.T, ctx context.Context, dir *root, name string) (*entry, p9.Qid) {
	t.Helper()
	f, q, err := dir.WalkQid(ctx, name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return f.(*entry), q
}

// ino is the file that a name of the machine is.
func ino(t *testing.T, name string) uint64 {
	t.Helper()
	var st unix.Stat_t
	must(0, unix.Lstat(name, &st))(t)
	return st.Ino
}

// TestRecent walks again to names that were walked to just now, while they become
// other files.
func TestRecent(t *testing.T) {
	for kind, place := range map[string]func(testing.TB) string{"memory": memory, "disk": disk} {
		t.Run(kind, func(t *testing.T) {
			srvtest.CheckFiles(t)
			dir := place(t)
			for _, name := range []string{"a", "b", "c"} {
				write(t, dir+"/"+name, name)
			}
			must(0, os.Symlink("a", dir+"/link"))(t)
			r := serve(t, dir)
			ctx := nonblock(t)
			var probe unix.Statx_t
			if must(0, unix.Statx(unix.AT_FDCWD, dir, 0, unix.STATX_MNT_ID, &probe))(t); probe.Mask&unix.STATX_MNT_ID == 0 {
				t.Skip("the kernel does not tell mounts, before Linux 5.8")
			}
			is := func(name, want string) {
				t.Helper()
				e, q := found(t, ctx, r, name)
				defer e.Clunk()
				st := must(e.Stat(ctx))(t)
				if q.Path != ino(t, want) || st.Qid != q {
					t.Errorf("%s is %v, its attributes' %v; wanted inode %d", name, q, st.Qid, ino(t, want))
				}
			}
			for range 3 {
				is("a", dir+"/a")
				is("link", dir+"/link")
			}
			if n := files(t, dir); n < 1 || n > 2 { // they may be in each other's way
				t.Errorf("%d files are open, not the two that were walked to last", n)
			}
			e1, _ := found(t, ctx, r, "a")
			e2, _ := found(t, ctx, r, "a")
			if e1 != e2 {
				t.Error("a name that stays is opened twice")
			}
			e1.Clunk()
			must(e2.Stat(ctx))(t) // it is held still

			// Others change the directory.
			must(0, os.Rename(dir+"/b", dir+"/a"))(t)
			is("a", dir+"/a")
			if st := must(e2.Stat(bg))(t); !st.Unlinked {
				t.Error("a file that was replaced is not the one that was walked to")
			}
			e2.Clunk()
			must(0, os.Remove(dir+"/a"))(t)
			if f, _, err := r.WalkQid(ctx, "a"); err != unix.ENOENT && err != srv.ErrAgain {
				t.Errorf("a name that is gone: %v, %v", f, err)
			}
			write(t, dir+"/a", "new")
			is("a", dir+"/a")

			// We do.
			is("c", dir+"/c")
			must(0, r.Unlink(bg, "c", false))(t)
			must(0, r.Rename(bg, "link", r, "a"))(t)
			if n := files(t, dir); n > 1 {
				t.Errorf("%d files are open after they were removed", n)
			}
			is("a", dir+"/a")
			if !srvtest.Until(func() bool { return files(t, dir) == 0 }) {
				t.Errorf("%d files stay open", files(t, dir))
			}
		})
	}
}

// TestRecentOther removes what another client has walked to: its bytes go with its name.
func TestRecentOther(t *testing.T) {
	dir := memory(t)
	must(0, os.Mkdir(dir+"/d", 0o777))(t)
	r := serve(t, dir)
	var dirs [2]*entry
	for i := range dirs {
		dirs[i] = must(r.Walk(bg, "d"))(t).(*entry)
		defer dirs[i].Clunk()
	}
	for _, remove := range []func() error{
		func() error { return dirs[0].Unlink(bg, "f", false) },
		func() error { return dirs[0].Rename(bg, "g", dirs[0], "f") },
	} {
		write(t, dir+"/d/f", "")
		write(t, dir+"/d/g", "")
		f, _, err := dirs[1].WalkQid(nonblock(t), "f")
		if err != nil {
			t.Fatal(err)
		}
		srv.Clunk(f)
		n := files(t, dir)
		if err := remove(); err != nil {
			t.Error(err)
		}
		if now := files(t, dir); now != n-1 {
			t.Errorf("%d files are open after one was removed, and %d before", now, n)
		}
	}
}

// TestRecentMount has another mount come to be where a name is.
func TestRecentMount(t *testing.T) {
	dir := memory(t)
	write(t, dir+"/a", "")
	write(t, dir+"/same", "")
	r := serve(t, dir)
	ctx := nonblock(t)
	e, _ := found(t, ctx, r, "a")
	e.Clunk()
	if err := unix.Mount(dir+"/a", dir+"/a", "", unix.MS_BIND, ""); err != nil {
		t.Skip("may not mount: ", err)
	}
	defer unix.Unmount(dir+"/a", unix.MNT_DETACH)
	if f, _, err := r.WalkQid(ctx, "a"); err != srv.ErrAgain {
		t.Errorf("a name that is of another mount now: %v, %v", f, err)
	}
	f, _, err := r.WalkQid(bg, "a")
	if err != nil {
		t.Fatal(err)
	}
	srv.Clunk(f)
	if err := unix.Unmount(dir+"/a", 0); err != nil {
		t.Errorf("a mount is kept busy: %v", err)
	}
}

// TestRecentMany has many walk to more names than are kept, while those are replaced
// and while what is kept is let go. A file that is held stays what it was.
func TestRecentMany(t *testing.T) {
	srvtest.CheckFiles(t)
	dir := memory(t)
	const names = 400
	for i := range names {
		write(t, fmt.Sprintf("%s/%d", dir, i), "")
	}
	r := serve(t, dir)
	ctx := nonblock(t)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 4000 {
				name := fmt.Sprint((i*7 + g) % names)
				switch f, q, err := r.WalkQid(ctx, name); {
				case err == nil:
					if st, err := f.Stat(ctx); err != nil || st.Qid.Path != q.Path {
						t.Errorf("%s: %v became %v, %v", name, q, st.Qid, err)
					}
					srv.Clunk(f)
				case err != srv.ErrAgain && err != unix.ENOENT:
					t.Errorf("%s: %v", name, err)
				}
				switch i % 100 {
				case 10:
					r.Unlink(bg, name, false)
				case 20:
					fd, err := unix.Open(dir+"/"+name, unix.O_CREAT|unix.O_CLOEXEC, 0o600)
					if err == nil {
						unix.Close(fd)
					}
				case 30:
					r.t.recents.expire()
				}
			}
		})
	}
	wg.Wait()
}
