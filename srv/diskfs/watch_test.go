package diskfs

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/srvtest"
)

// TestWatch has a client with leases be told of what this machine's processes do, by each way
// that the kernel has.
func TestWatch(t *testing.T) {
	t.Run("fanotify", func(t *testing.T) {
		needsWho(t, t.TempDir())
		testWatch(t, fanotify{int32(os.Getpid())})
	})
	t.Run("inotify", func(t *testing.T) { testWatch(t, inotify{}) })
}

func testWatch(t *testing.T, way way) {
	srvtest.CheckFiles(t)
	dir := t.TempDir()
	root, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.(interface{ Close() error }).Close() })
	w := root.(interface{ base() *node }).base().t.watcher
	w.tellers = slices.DeleteFunc(w.tellers, func(t *teller) bool { return t.way != way })
	ctx := t.Context()
	c, err := client.New(ctx, srvtest.Serve(t, srv.New(root)), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	top, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var told []uint64
	l, err := c.Lease(ctx, func(c client.Changes) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, c.Paths...)
		if len(c.None) > 0 {
			t.Errorf("told of %+v", c)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.End)
	name := func(s string) string { return filepath.Join(dir, s) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(name("f"), []byte("one"), 0o666))
	must(os.Mkdir(name("d"), 0o777))
	must(os.Link(name("f"), name("d/hard")))
	must(os.Symlink("f", name("l")))
	for _, c := range []struct {
		what string
		of   []string
		do   func() error
	}{
		{"write", []string{"f"}, func() error { return os.WriteFile(name("f"), []byte("two"), 0o666) }},
		{"write by another name", []string{"f"}, func() error { return os.WriteFile(name("d/hard"), []byte("three"), 0o666) }},
		{"chmod", []string{"f"}, func() error { return os.Chmod(name("f"), 0o600) }},
		{"create", []string{"d"}, func() error { return os.WriteFile(name("d/new"), nil, 0o666) }},
		{"rename", []string{"d", "/"}, func() error { return os.Rename(name("d/new"), name("new")) }},
		{"remove", []string{"/", "new"}, func() error { return os.Remove(name("new")) }},
		{"remove of a link", []string{"/", "l"}, func() error { return os.Remove(name("l")) }},
	} {
		w.leases.Settle(ctx) // of what is above
		var want []uint64
		for _, n := range c.of {
			st, err := client.Fsys{Root: top}.Lstat(ctx, n)
			must(err)
			want = append(want, st.Qid.Path)
		}
		mu.Lock()
		told = nil
		mu.Unlock()
		must(c.do())
		if !srvtest.Until(func() bool {
			mu.Lock()
			defer mu.Unlock()
			return !slices.ContainsFunc(want, func(p uint64) bool { return !slices.Contains(told, p) })
		}) {
			t.Errorf("%s: told of %x, not of %x", c.what, told, want)
		}
	}
}

// TestWatchEntries: what is done to a file is no change of the directory that it is in.
func TestWatchEntries(t *testing.T) {
	dir := t.TempDir()
	root, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.(interface{ Close() error }).Close() })
	ctx := t.Context()
	top, told := leased(t, root)
	name := filepath.Join(dir, "f")
	if err := os.WriteFile(name, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := top.Stat(ctx); err != nil {
		t.Fatal(err)
	}
	for _, do := range []func() error{
		func() error { return os.WriteFile(name, []byte("text"), 0o666) },
		func() error { return os.Chmod(name, 0o600) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	root.(srv.Leaser).Leases().Settle(ctx)
	if len(told) > 0 {
		t.Error("told of the directory")
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	root.(srv.Leaser).Leases().Settle(ctx)
	if len(told) != 1 {
		t.Errorf("told of %d changes, not of one", len(told))
	}
}

// leased gives a client's root, and the paths that it is told of by its lease.
func leased(t *testing.T, root srv.File) (top *client.Fid, told chan uint64) {
	t.Helper()
	ctx := t.Context()
	c, err := client.New(ctx, srvtest.Serve(t, srv.New(root)), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	top, err = c.Attach(ctx, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	told = make(chan uint64, 1000)
	l, err := c.Lease(ctx, func(c client.Changes) {
		for _, p := range c.Paths {
			told <- p
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.End)
	return top, told
}

// TestSettle: behind Leases.Settle a client has been told of all that was done before it.
func TestSettle(t *testing.T) {
	dir := t.TempDir()
	root, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.(interface{ Close() error }).Close() })
	leases := root.(srv.Leaser).Leases()
	ctx := t.Context()
	leases.Settle(ctx) // with nobody to be told
	top, told := leased(t, root)
	tree := client.Fsys{Root: top}
	for i := range 100 {
		if err := os.WriteFile(filepath.Join(dir, "f"), make([]byte, i), 0o666); err != nil {
			t.Fatal(err)
		}
		leases.Settle(ctx) // of what is above
		for len(told) > 0 {
			<-told
		}
		st, err := tree.Lstat(ctx, "f")
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 { // then what this process does to it is held to be its doing, for a while
			if err := tree.WriteFile(ctx, "f", nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		shell(t, dir, "echo other >f")
		leases.Settle(ctx)
		for heard := false; !heard; {
			select {
			case p := <-told:
				heard = p == st.Qid.Path
			default:
				t.Fatalf("turn %d: not told of the file", i)
			}
		}
	}
}
