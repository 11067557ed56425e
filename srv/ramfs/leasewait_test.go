package ramfs

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// heedless makes two clients, of which one has asked for the other's file f, "one", and heeds
// nothing that it is told until heed is called.
func heedless(t *testing.T) (a *heeder, other client.Fsys, heed func()) {
	t.Helper()
	a, b := heeders(t, srv.New(New()))
	other = client.Fsys{Root: b.root}
	if err := other.WriteFile(t.Context(), "f", []byte("one"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := (client.Fsys{Root: a.root}).Stat(t.Context(), "f"); err != nil {
		t.Fatal(err)
	}
	a.take()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wait = make(chan struct{})
	return a, other, func() { close(a.wait) }
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
	a, fsys, heed := heedless(t)
	if err := fsys.WriteFile(ctx, "f", []byte("two"), 0o666); err != nil {
		t.Fatal(err)
	}
	if a.lease.Holds() {
		t.Error("the lease is believed in, and the file is changed")
	}
	heed()
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
	a, fsys, heed := heedless(t)
	defer heed()
	f, err := fsys.Root.WalkOpen(ctx, p9.OWRITE, "f")
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

// crumbs makes a client that reads the file of leases itself, and was heard of, and another one,
// which has made the file f, "one".
func crumbs(t *testing.T, s *srv.Server) (root, leases *client.Fid, other client.Fsys) {
	t.Helper()
	ctx := t.Context()
	x, y := srvtest.Serve(t, s), srvtest.Serve(t, s)
	other = client.Fsys{Root: newHeeder(t, x).root}
	if err := other.WriteFile(ctx, "f", []byte("one"), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(ctx, y, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if root, err = c.Attach(ctx, nil, "", ""); err != nil {
		t.Fatal(err)
	}
	if leases, err = c.Attach(ctx, nil, "", p9.LeaseTree); err != nil {
		t.Fatal(err)
	}
	if err := leases.Open(ctx, p9.OREAD); err != nil {
		t.Fatal(err)
	}
	if _, err := leases.Read(ctx, make([]byte, 100), 0); err != nil {
		t.Fatal(err)
	}
	return root, leases, other
}

// TestLeaseCrumbs has a client that takes less than a line at a time of what it is told, and
// asks all the time, not be waited for for ever.
func TestLeaseCrumbs(t *testing.T) {
	ctx := t.Context()
	root, leases, b := crumbs(t, srv.New(New()))
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
	go func() { done <- b.WriteFile(ctx, "f", []byte("two"), 0o666) }()
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

// TestLeaseStall has a client that had a change wait for too long, and asks on, not be
// waited for again soon, whatever it looks at.
func TestLeaseStall(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as a lease holds")
	}
	ctx := t.Context()
	root, leases, b := crumbs(t, srv.New(New()))
	if _, err := (client.Fsys{Root: root}).Stat(ctx, "f"); err != nil {
		t.Fatal(err)
	}
	if err := b.WriteFile(ctx, "f", []byte("two"), 0o666); err != nil { // once it is silent for that long
		t.Fatal(err)
	}
	asking, cancel := context.WithCancel(ctx)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		leases.Read(asking, make([]byte, 100), 0)
	}()
	for range 3 {
		if _, err := (client.Fsys{Root: root}).Stat(ctx, "f"); err != nil {
			t.Fatal(err)
		}
		if err := b.WriteFile(ctx, "f", []byte("three"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-answered:
		t.Error("it has leases again")
	default:
	}
	cancel()
	<-answered
}

// TestLeaseStranger has who may attach to nothing have no leases either.
func TestLeaseStranger(t *testing.T) {
	ctx := t.Context()
	s := srv.New(New())
	s.Auth = func(context.Context, string, string) (srv.AuthFile, error) { return nil, p9.ErrNoAuth }
	c, err := client.New(ctx, srvtest.Serve(t, s), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Attach(ctx, nil, "", ""); err == nil {
		t.Fatal("attached without a proof")
	}
	if _, err := c.Attach(ctx, nil, "", p9.LeaseTree); !errors.Is(err, p9.ErrPerm) {
		t.Errorf("leases for a stranger: %v", err)
	}
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
