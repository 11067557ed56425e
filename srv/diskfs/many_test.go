package diskfs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

func TestList(t *testing.T) {
	for _, dir := range []string{t.TempDir(), must(os.MkdirTemp("/dev/shm", "diskfs"))(t)} {
		t.Cleanup(func() { os.RemoveAll(dir) })
		const n = 10000
		for i := range n {
			write(t, fmt.Sprintf("%s/%s%d", dir, strings.Repeat("x", i%50), i), "")
		}
		r := serve(t, dir)
		h := open(t, r, p9.OREAD).(srv.Lister)
		for _, step := range []int{1, 7, 1000, n + 1} {
			seen := map[string]bool{}
			cookie := uint64(0)
			for calls, more := 0, true; more; calls++ {
				more = false
				i := 0
				for e, err := range h.List(bg, cookie) {
					if err != nil {
						t.Fatal(err)
					}
					if e.Cookie == 0 || seen[e.Name] || e.Mode != 0 || e.Qid.Path == 0 {
						t.Fatalf("entry %+v", e)
					}
					seen[e.Name] = true
					cookie, more = e.Cookie, true
					if calls == 50 && i == 0 { // the directory changes: what stays is neither lost nor repeated
						os.Remove(dir + "/" + e.Name)
						write(t, dir+"/"+e.Name, "")
						seen[e.Name] = false // new, and so it may come again
					}
					if i++; i == step {
						break
					}
				}
			}
			if len(seen) != n {
				t.Errorf("%s, %d at a time: %d of %d entries", dir, step, len(seen), n)
			}
		}
		for range h.List(bg, dirEnd) {
			t.Error("an entry after the end")
		}
	}
}

func TestLock(t *testing.T) {
	r := serve(t, t.TempDir())
	a, b := create(t, r, "f", 0o644, p9.ORDWR).(srv.Locker), create(t, r, "f", 0o644, p9.ORDWR).(srv.Locker)
	lock := func(typ uint8, flags uint32) p9.Flock {
		return p9.Flock{Type: typ, Flags: flags, Start: 10, Length: 5, ProcID: 7, ClientID: "c"}
	}
	if st, err := a.Lock(bg, lock(p9.LockWrite, 0)); st != p9.LockSuccess || err != nil {
		t.Fatal(st, err)
	}
	if st, err := b.Lock(bg, lock(p9.LockRead, 0)); st != p9.LockBlocked || err != nil {
		t.Fatal(st, err)
	}
	if g, err := b.Getlock(bg, lock(p9.LockRead, 0)); err != nil || g.Type != p9.LockWrite || g.Start != 10 || g.Length != 5 {
		t.Errorf("getlock: %+v %v", g, err)
	}
	if g, err := b.Getlock(bg, lock(p9.LockUnlock, 0)); err != nil || g.Type != p9.LockWrite || g.Start != 10 || g.Length != 5 {
		t.Errorf("getlock as Linux asks: %+v %v", g, err)
	}
	if g, err := a.Getlock(bg, lock(p9.LockRead, 0)); err != nil || g.Type != p9.LockUnlock {
		t.Errorf("getlock of one's own: %+v %v", g, err)
	}
	ctx, cancel := context.WithCancel(bg)
	errs := make(chan error)
	wait := func(ctx context.Context) { _, err := b.Lock(ctx, lock(p9.LockWrite, p9.LockFlagBlock)); errs <- err }
	go wait(ctx)
	cancel()
	wantErr(t, "cancelled", <-errs, context.Canceled)
	go wait(bg)
	srv.Clunk(a)
	must(0, <-errs)(t)
	if _, err := b.Lock(bg, lock(p9.LockUnlock, 0)); err != nil {
		t.Error(err)
	}
	if _, err := b.Lock(bg, lock(9, 0)); err == nil {
		t.Error("a lock of type 9 is taken")
	}
}

func TestDescriptorsRunOut(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "f"), "")
	r := serve(t, dir)
	var old unix.Rlimit
	must(0, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))(t)
	low := old
	low.Cur = uint64(len(must(os.ReadDir("/proc/self/fd"))(t)) + 20)
	must(0, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))(t)
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
	var files []srv.File
	var err error
	for err == nil && len(files) < 1000 {
		var f srv.File
		if f, err = r.Walk(bg, "f"); err == nil {
			files = append(files, f)
		}
	}
	for _, f := range files {
		srv.Clunk(f)
	}
	wantErr(t, "walks without end", err, syscall.EMFILE)
}

func TestNoAllocs(t *testing.T) {
	r := serve(t, t.TempDir())
	f := create(t, r, "f", 0o644, p9.ORDWR)
	b := make([]byte, 4096)
	if n := testing.AllocsPerRun(100, func() {
		f.(srv.Writer).Write(bg, b, 0)
		f.(srv.Reader).Read(bg, b, 0)
	}); n != 0 {
		t.Errorf("a write and a read make %v allocations", n)
	}
}
