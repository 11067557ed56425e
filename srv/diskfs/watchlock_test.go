package diskfs

import (
	"os"
	"slices"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// TestWatchLock has a client that gets a lock know by then of all that this machine's processes did
// before it was let go, by each way that the kernel has.
func TestWatchLock(t *testing.T) {
	for name, way := range map[string]way{"fanotify": fanotify{int32(os.Getpid())}, "inotify": inotify{}} {
		t.Run(name, func(t *testing.T) {
			if name == "fanotify" {
				needsWho(t, t.TempDir())
			}
			testWatchLock(t, way)
		})
	}
}

func testWatchLock(t *testing.T, way way) {
	dir := t.TempDir()
	root, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.(interface{ Close() error }).Close() })
	w := root.(interface{ base() *node }).base().t.watcher
	w.tellers = slices.DeleteFunc(w.tellers, func(t *teller) bool { return t.way != way })
	ctx := t.Context()
	top, told := leased(t, root)
	tree := client.Fsys{Root: top}
	for _, name := range []string{"lock", "f"} {
		if err := tree.WriteFile(ctx, name, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := top.WalkOpen(ctx, p9.ORDWR, "lock")
	if err != nil {
		t.Fatal(err)
	}
	late := 0
	const n = 50
	for i := range n {
		if i%2 == 0 { // what is done soon after may be the client's own doing
			if err := tree.WriteFile(ctx, "f", nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		st, err := tree.Lstat(ctx, "f")
		if err != nil {
			t.Fatal(err)
		}
		for len(told) > 0 {
			<-told
		}
		shell(t, dir, "echo other >f")
		if s, err := lock.Lock(ctx, p9.Flock{Type: p9.LockWrite, ClientID: "x"}); s != p9.LockSuccess || err != nil {
			t.Fatal(s, err)
		}
		heard := false
		for !heard && len(told) > 0 {
			heard = <-told == st.Qid.Path
		}
		if !heard {
			late++
		}
		if s, err := lock.Lock(ctx, p9.Flock{Type: p9.LockUnlock, ClientID: "x"}); s != p9.LockSuccess || err != nil {
			t.Fatal(s, err)
		}
	}
	if late > 0 {
		t.Errorf("%d of %d times the lock came before what was done under the one before", late, n)
	}
}
