package ramfs

import (
	"context"
	"io/fs"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A heeder is a client with leases, that writes down what it is told.
type heeder struct {
	root  *client.Fid
	lease *client.Lease

	mu   sync.Mutex
	told []uint64
	wait chan struct{} // where not nil, it heeds only once this is closed
}

// heeders makes two of one server. Both are connected before one has a lease, whose
// requests come and go.
func heeders(t *testing.T, s *srv.Server) (a, b *heeder) {
	t.Helper()
	x, y := srvtest.Serve(t, s), srvtest.Serve(t, s)
	return newHeeder(t, x), newHeeder(t, y)
}

func newHeeder(t *testing.T, conn net.Conn) *heeder {
	t.Helper()
	h := &heeder{}
	c, err := client.New(t.Context(), conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if h.root, err = c.Attach(t.Context(), nil, "", ""); err != nil {
		t.Fatal(err)
	}
	h.lease, err = c.Lease(t.Context(), func(c client.Changes) {
		h.mu.Lock()
		h.told = append(h.told, c.Paths...)
		if c.All {
			h.told = append(h.told, ^uint64(0))
		}
		wait := h.wait
		h.mu.Unlock()
		if wait != nil {
			<-wait
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.lease.End)
	return h
}

// take gives what was told since it was last asked for.
func (h *heeder) take() []uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := h.told
	h.told = nil
	return told
}

// TestLeases has one client look at files, and another do each request that changes
// them: by the time that is done the first was told.
func TestLeases(t *testing.T) {
	ctx := t.Context()
	s := srv.New(New())
	a, b := heeders(t, s)
	if !a.lease.Holds() {
		t.Fatal("no lease")
	}
	fsys := client.Fsys{Root: b.root}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(fsys.Mkdir(ctx, "d", 0o777))
	must(fsys.Mkdir(ctx, "e", 0o777))
	must(fsys.WriteFile(ctx, "d/f", []byte("one"), 0o666))
	look := func(name string) uint64 {
		t.Helper()
		st, err := client.Fsys{Root: a.root}.Lstat(ctx, name)
		must(err)
		return st.Qid.Path
	}
	d, e := look("d"), look("e")
	for _, c := range []struct {
		what  string
		dirs  []uint64
		names []string // files looked at before that are told of
		do    func() error
	}{
		{"write", nil, []string{"d/f"}, func() error {
			f, err := fsys.Open(ctx, "d/f", p9.OWRITE)
			if err == nil {
				_, err = f.Write([]byte("two"))
				f.Close()
			}
			return err
		}},
		{"truncate", nil, []string{"d/f"}, func() error {
			f, err := fsys.Open(ctx, "d/f", p9.OWRITE|p9.OTRUNC)
			if err == nil {
				f.Close()
			}
			return err
		}},
		{"wstat", nil, []string{"d/f"}, func() error { return fsys.Wstat(ctx, "d/f", p9.Wstat{Valid: p9.WMode, Mode: 0o600}) }},
		{"create", []uint64{d}, nil, func() error { return fsys.WriteFile(ctx, "d/g", nil, 0o666) }},
		{"mkdir", []uint64{d}, nil, func() error { return fsys.Mkdir(ctx, "d/dir", 0o777) }},
		{"symlink", []uint64{d}, nil, func() error { return fsys.Symlink(ctx, "f", "d/l") }},
		{"link", []uint64{d}, []string{"d/f"}, func() error {
			dir, err := fsys.Walk(ctx, "d", true)
			must(err)
			defer dir.Clunk(ctx)
			f, err := fsys.Walk(ctx, "d/f", true)
			must(err)
			defer f.Clunk(ctx)
			return dir.Link(ctx, f, "h")
		}},
		{"rename", []uint64{d, e}, []string{"d/g"}, func() error { return fsys.Rename(ctx, "d/g", "e/g") }},
		{"rename over", []uint64{d, e}, []string{"d/h", "e/g"}, func() error { return fsys.Rename(ctx, "d/h", "e/g") }},
		{"remove", []uint64{e}, []string{"e/g"}, func() error { return fsys.Remove(ctx, "e/g") }},
		{"unlink", []uint64{d}, []string{"d/l"}, func() error {
			dir, err := fsys.Walk(ctx, "d", true)
			must(err)
			defer dir.Clunk(ctx)
			return dir.Unlink(ctx, "l", false)
		}},
		{"setxattr", nil, []string{"d/f"}, func() error {
			f, err := fsys.Walk(ctx, "d/f", true)
			must(err)
			defer f.Clunk(ctx)
			return f.Setxattr(ctx, "user.x", []byte("y"), 0)
		}},
		{"chmod of a directory", []uint64{d}, nil, func() error {
			return fsys.Wstat(ctx, "d", p9.Wstat{Valid: p9.WMode, Mode: fs.ModeDir | 0o700})
		}},
	} {
		for _, n := range []string{"d", "e"} {
			look(n)
		}
		want := slices.Clone(c.dirs)
		for _, n := range c.names {
			want = append(want, look(n))
		}
		a.take()
		must(c.do())
		got := a.take()
		for _, p := range want {
			if !slices.Contains(got, p) {
				t.Errorf("%s: told of %x, not of %x", c.what, got, want)
			}
		}
	}
	if got := b.take(); slices.ContainsFunc(got, func(p uint64) bool { return p == ^uint64(0) }) {
		t.Errorf("who changed was told of %x", got)
	}
}

// TestLeaseWaits has a change wait for who has the lease, and not for who has none.
func TestLeaseWaits(t *testing.T) {
	ctx := t.Context()
	s := srv.New(New())
	a, b := heeders(t, s)
	fsys := client.Fsys{Root: b.root}
	for _, name := range []string{"f", "g"} {
		if err := fsys.WriteFile(ctx, name, []byte("one"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := (client.Fsys{Root: a.root}).Stat(ctx, "f"); err != nil {
		t.Fatal(err)
	}
	a.take()
	a.mu.Lock()
	a.wait = make(chan struct{})
	a.mu.Unlock()
	g, err := fsys.Open(ctx, "g", p9.OWRITE)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	f, err := fsys.Open(ctx, "f", p9.OWRITE)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	done := make(chan error, 1)
	go func() {
		_, err := f.Write([]byte("two"))
		done <- err
	}()
	if !srvtest.Until(func() bool { a.mu.Lock(); defer a.mu.Unlock(); return len(a.told) > 0 }) {
		t.Fatal("who has the lease is not told")
	}
	if _, err := g.Write([]byte("two")); err != nil { // nobody has a lease of it
		t.Fatal(err)
	}
	select {
	case err := <-done:
		t.Fatalf("written before it was heeded: %v", err)
	default:
	}
	if b, err := (client.Fsys{Root: a.root}).ReadFile(ctx, "f"); err != nil || string(b) != "one" {
		t.Errorf("meanwhile it is %q, %v", b, err)
	}
	close(a.wait)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestLeaseLost has a client that does not heed what it is told lose its lease: for the
// others after a while, by its own reckoning no later.
func TestLeaseLost(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as a lease holds")
	}
	ctx := t.Context()
	s := srv.New(New())
	a, b := heeders(t, s)
	fsys := client.Fsys{Root: b.root}
	if err := fsys.WriteFile(ctx, "f", []byte("one"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := (client.Fsys{Root: a.root}).Stat(ctx, "f"); err != nil {
		t.Fatal(err)
	}
	a.take()
	a.mu.Lock()
	a.wait = make(chan struct{})
	a.mu.Unlock()
	if err := fsys.WriteFile(ctx, "f", []byte("two"), 0o666); err != nil {
		t.Fatal(err)
	}
	if a.lease.Holds() {
		t.Error("the lease is believed in, and the file is changed")
	}
	close(a.wait)
	if !srvtest.Until(a.lease.Holds) {
		t.Error("there is no lease again")
	}
	if told := a.take(); !slices.Contains(told, ^uint64(0)) {
		t.Errorf("told of %x, not that all was lost", told)
	}
}

// TestLeaseHangup has a client that hangs up not be waited for.
func TestLeaseHangup(t *testing.T) {
	ctx := t.Context()
	s := srv.New(New())
	x, y := srvtest.Serve(t, s), srvtest.Serve(t, s)
	b := newHeeder(t, x)
	c, err := client.New(ctx, y, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	root, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	stuck := make(chan struct{})
	told := make(chan struct{}, 1)
	l, err := c.Lease(ctx, func(client.Changes) {
		select {
		case told <- struct{}{}:
		default:
		}
		<-stuck
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root.Stat(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- client.Fsys{Root: b.root}.WriteFile(context.WithoutCancel(ctx), "new", nil, 0o666) }()
	<-told
	c.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	close(stuck)
	l.End()
}

// TestLeaseFlush has a change that is given up, while it waits for who has the lease, not be
// made behind that one's back.
func TestLeaseFlush(t *testing.T) {
	ctx := t.Context()
	a, b := heeders(t, srv.New(New()))
	fsys := client.Fsys{Root: b.root}
	if err := fsys.WriteFile(ctx, "f", []byte("one"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := (client.Fsys{Root: a.root}).Stat(ctx, "f"); err != nil {
		t.Fatal(err)
	}
	a.take()
	a.mu.Lock()
	a.wait = make(chan struct{})
	a.mu.Unlock()
	defer close(a.wait)
	f, err := b.root.WalkOpen(ctx, p9.OWRITE, "f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Clunk(ctx)
	flushed, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		_, err := f.Write(flushed, []byte("two"), 0)
		done <- err
	}()
	if !srvtest.Until(func() bool { a.mu.Lock(); defer a.mu.Unlock(); return len(a.told) > 0 }) {
		t.Fatal("who has the lease is not told")
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("written before it was heeded")
	}
	if b, err := fsys.ReadFile(ctx, "f"); err != nil || string(b) != "one" {
		t.Errorf("it is %q, %v", b, err)
	}
}

// TestLeaseCrumbs has a client that takes less than a line at a time of what it is told, and
// asks all the time, not be waited for for ever.
func TestLeaseCrumbs(t *testing.T) {
	ctx := t.Context()
	s := srv.New(New())
	x, y := srvtest.Serve(t, s), srvtest.Serve(t, s)
	b := newHeeder(t, x)
	if err := (client.Fsys{Root: b.root}).WriteFile(ctx, "f", []byte("one"), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(ctx, y, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	root, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	leases, err := c.Attach(ctx, nil, "", p9.LeaseTree)
	if err != nil {
		t.Fatal(err)
	}
	if err := leases.Open(ctx, p9.OREAD); err != nil {
		t.Fatal(err)
	}
	if _, err := leases.Read(ctx, make([]byte, 100), 0); err != nil { // it is heard of
		t.Fatal(err)
	}
	if _, err := (client.Fsys{Root: root}).Stat(ctx, "f"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			leases.Read(ctx, make([]byte, 1), 0)
		}
	}()
	done := make(chan error, 1)
	go func() { done <- (client.Fsys{Root: b.root}).WriteFile(ctx, "f", []byte("two"), 0o666) }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(p9.LeaseTerm + 4*time.Second):
		t.Error("not written yet")
	}
	cancel()
	<-over
}

// TestLeaseWatch: while a file is only about to be watched, nobody else is shown it under a
// lease, and what is watched for a lease that was taken meanwhile is let go.
func TestLeaseWatch(t *testing.T) {
	ctx := t.Context()
	tree := New()
	leases := tree.(srv.Leaser).Leases()
	s := srv.New(tree)
	c, err := client.New(ctx, srvtest.Serve(t, s), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	root, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := (client.Fsys{Root: root}).WriteFile(ctx, "f", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	st, err := (client.Fsys{Root: root}).Stat(ctx, "f")
	if err != nil {
		t.Fatal(err)
	}
	begun, watched := make(chan bool, 10), make(chan bool)
	unwatched := make(chan bool, 10)
	leases.Watch = func(path uint64, _ srv.File) error {
		if path == st.Qid.Path {
			begun <- true
			<-watched
		}
		return nil
	}
	leases.Unwatch = func(path uint64) {
		if path == st.Qid.Path {
			unwatched <- true
		}
	}
	a, b := heeders(t, s)
	shown := make(chan error, 2)
	look := func(h *heeder) {
		_, err := (client.Fsys{Root: h.root}).Stat(ctx, "f")
		shown <- err
	}
	go look(a)
	<-begun
	go look(b)
	select {
	case err := <-shown:
		t.Errorf("shown before it is watched: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	leases.Change(st.Qid.Path)
	<-unwatched // in vain
	close(watched)
	<-unwatched
	for range 2 {
		if err := <-shown; err != nil {
			t.Error(err)
		}
	}
}
