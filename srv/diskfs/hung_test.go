package diskfs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// hung mounts what answers nothing on a directory, for as long as a process sleeps. At the end that
// must not have ended by itself, as it does if who asks waits for it.
func hung(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no FUSE: ", err)
	}
	defer f.Close()
	err = unix.Mount("hung", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d", f.Fd(), os.Geteuid(), os.Getegid()))
	if err != nil {
		t.Skip("may not mount: ", err)
	}
	sleep := exec.Command("sleep", "20")
	sleep.ExtraFiles = []*os.File{f}
	err = sleep.Start()
	t.Cleanup(func() {
		unix.Unmount(dir, unix.MNT_DETACH)
		if err != nil {
			t.Fatal(err)
		}
		sleep.Process.Kill()
		if sleep.Wait() == nil {
			t.Error("somebody waited for what is mounted on " + dir)
		}
	})
}

// TestHungName has a silent server be mounted where a file was a moment ago.
func TestHungName(t *testing.T) {
	dir := memory(t)
	must(0, os.Mkdir(dir+"/a", 0o777))(t)
	r := serve(t, dir)
	ctx := nonblock(t)
	e, _ := found(t, ctx, r, "a")
	e.Clunk()
	hung(t, dir+"/a")
	if _, _, err := r.WalkQid(ctx, "a"); err != srv.ErrAgain {
		t.Errorf("a name that is a silent server's now: %v", err)
	}
}

// TestHungPath has one be mounted over a file whose path ends as the kernel has that of a removed
// one end.
func TestHungPath(t *testing.T) {
	dir := memory(t)
	must(0, os.Mkdir(dir+"/a", 0o777))(t)
	const name = "f (deleted)"
	write(t, dir+"/a/"+name, "")
	r := serve(t, dir)
	e := walk(t, r, "a/"+name).(*entry)
	if path, ok := e.way(); !ok || path != "a/"+name {
		t.Errorf("its path is %q, %v", path, ok)
	}
	hung(t, dir+"/a")
	if path, ok := e.way(); ok {
		t.Errorf("its path is %q beneath what is mounted over it", path)
	}
}

// TestDeviceNumber has another kind of file system take the number of one that was unmounted.
func TestDeviceNumber(t *testing.T) {
	dir := t.TempDir()
	must(0, os.Mkdir(dir+"/a", 0o777))(t)
	r := serve(t, dir)
	mount := func(kind string) *device {
		t.Helper()
		if err := unix.Mount("none", dir+"/a", kind, 0, ""); err != nil {
			t.Skip("may not mount: ", err)
		}
		f := must(r.Walk(bg, "a"))(t).(*entry)
		d := f.dev.Load()
		f.Clunk()
		must(0, unix.Unmount(dir+"/a", 0))(t)
		return d
	}
	for range 100 { // others mount as well
		was, is := mount("tmpfs"), mount("proc")
		if was.num != is.num {
			continue
		}
		if was.waits != never || is.waits != onDisk || !is.madeUp || is.held {
			t.Errorf("a file system in memory is %+v, and proc with its number %+v", was.kind, is.kind)
		}
		if was.paths != is.paths {
			t.Error("paths of the number's files are made in another way")
		}
		return
	}
	t.Skip("no number is used again")
}

// TestDeviceKind has a mounted server say that it is memory, or a disk, which Linux passes on.
func TestDeviceKind(t *testing.T) {
	for _, c := range []struct {
		name   string
		magic  int64
		major  uint32
		birth  bool
		waits  waiting
		held   bool
		madeUp bool
	}{
		{"tmpfs", unix.TMPFS_MAGIC, 0, true, never, true, false},
		{"btrfs", unix.BTRFS_SUPER_MAGIC, 0, true, onDisk, true, false},
		{"ext4", unix.EXT4_SUPER_MAGIC, 8, true, onDisk, true, false},
		{"ext4 of old", unix.EXT4_SUPER_MAGIC, 8, false, onDisk, true, false},
		{"proc", unix.PROC_SUPER_MAGIC, 0, false, onDisk, false, true},
		{"9P of ramfs", unix.TMPFS_MAGIC, 0, false, always, false, false},
		{"9P of a disk", unix.EXT4_SUPER_MAGIC, 0, false, always, false, false},
		{"9P of an overlay", unix.OVERLAYFS_SUPER_MAGIC, 0, false, always, false, false},
		{"9P", unix.V9FS_MAGIC, 0, false, always, false, true},
		{"silent", 0, 0, false, always, false, true},
	} {
		st := unix.Statx_t{Dev_major: c.major, Dev_minor: 1}
		if c.birth {
			st.Mask |= unix.STATX_BTIME
		}
		d := kindOf(&st, c.magic).doubted(&st)
		if d.waits != c.waits || d.held != c.held || d.madeUp != c.madeUp {
			t.Errorf("%s: waits %v, held %v, made up %v", c.name, d.waits, d.held, d.madeUp)
		}
	}
}

// parkedIn gives a file of a directory that has many, which is parked.
func parkedIn(t *testing.T, r *root, dir, name string) *entry {
	t.Helper()
	const many = 200
	must(0, os.Mkdir(dir+"/d", 0o777))(t)
	for i := range many {
		write(t, fmt.Sprint(dir, "/d/f", i), "")
	}
	e := walk(t, r, name).(*entry)
	for i := range many {
		walk(t, r, fmt.Sprint("d/f", i))
	}
	if e.uses.Load() >= 0 {
		t.Fatal("it is not parked")
	}
	return e
}

// TestParkedThreads has who waits for a thread have nobody wait for him who changes the same names,
// or uses what they lead to.
func TestParkedThreads(t *testing.T) {
	rename := func(ctx context.Context, r *root, _ *entry) error { return r.Rename(ctx, "d", r, "e") }
	stat := func(ctx context.Context, _ *root, e *entry) error { _, err := e.Stat(ctx); return err }
	unlink := func(ctx context.Context, r *root, _ *entry) error {
		d := must(r.Walk(bg, "d"))(t).(*entry)
		defer d.Clunk()
		return d.Unlink(ctx, "f0", false)
	}
	for _, c := range []struct {
		name           string
		waits, another func(ctx context.Context, r *root, e *entry) error
	}{
		{"rename and stat", rename, stat},
		{"rename and unlink", rename, unlink},
		{"stat and rename", stat, rename},
		{"stat and unlink", stat, unlink},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				few(t, 100)
				dir := t.TempDir()
				r := serve(t, dir)
				e := parkedIn(t, r, dir, "d/f0")
				all := srv.WithThreads(bg)
				busy(t, all)
				ctx, cancel := context.WithTimeout(all, time.Hour)
				defer cancel()
				done := make(chan error)
				go func() { done <- c.waits(ctx, r, e) }()
				synctest.Wait()
				wantErr(t, "who has a thread", c.another(srv.WithThreads(bg), r, e), nil)
				cancel()
				wantErr(t, "who has none", <-done, context.Canceled)
			})
		})
	}
}

// TestCloseThreads has the closing of files on a network wait for threads of who opened them, and of
// nobody else.
func TestCloseThreads(t *testing.T) {
	dir := t.TempDir()
	r := serve(t, dir)
	d := r.dev.Load()
	d.waits, d.held = always, false // as if it were
	write(t, dir+"/f", "text")
	must(0, unix.Mkfifo(dir+"/pipe", 0o666))(t)
	for _, name := range []string{"f", "pipe"} {
		f := walk(t, r, name)
		mine, others := srv.WithThreads(bg), srv.WithThreads(bg)
		for _, ctx := range []context.Context{mine, others} {
			h := must(srv.Open(ctx, f, p9.OREAD))(t)
			free := busy(t, mine)
			closed := make(chan struct{})
			go func() { srv.Clunk(h); close(closed) }()
			if ctx == mine {
				select {
				case <-closed:
					t.Errorf("%s is closed without a thread", name)
				case <-time.After(10 * time.Millisecond):
				}
				free()
			}
			<-closed
		}
	}
}
