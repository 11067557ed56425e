package ns

import (
	"context"
	"fmt"
	"iter"
	"os"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// keptTree is the root of a server's tree that is kept, with no kernel that would know of it, once
// there is a lease of it.
func keptTree(t *testing.T, l *srvtest.Link) *kept {
	t.Helper()
	d := &Dev{server: l.Addr, root: &mntFile{fid: linkRoot(t, l)}, hangup: func() {}}
	new(Engine).keep(d)
	t.Cleanup(d.hangup)
	k := d.root.(*kept)
	k.awaitLease(t)
	if _, err := k.Stat(t.Context()); err != nil { // as the kernel does first
		t.Fatal(err)
	}
	return k
}

// linkRoot is a server's tree by a connection of its own.
func linkRoot(t *testing.T, l *srvtest.Link) *client.Fid {
	t.Helper()
	c, err := client.Dial(t.Context(), l.Addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	root, err := c.Attach(t.Context(), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// awaitLease waits until there is a lease.
func (k *kept) awaitLease(t *testing.T) {
	t.Helper()
	if !srvtest.Until(func() bool { return k.c.lease.holds() && k.recalledOnce() }) {
		t.Fatal("there is no lease")
	}
}

// recalledOnce tells whether what was known before there was a lease is forgotten.
func (k *kept) recalledOnce() bool {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	return k.recalled > 0
}

// lapse has the lease end, as on a machine that is too slow to take what the server says.
func (k *kept) lapse(l *srvtest.Link) {
	l.Stall()
	defer l.Go()
	for k.c.lease.holds() {
		time.Sleep(10 * time.Millisecond)
	}
}

// length finds a name, and gives the file's length.
func (k *kept) length(t *testing.T, name string) uint64 {
	t.Helper()
	f, st, err := k.WalkStat(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	srv.Clunk(f)
	return st.Length
}

// A listed tree does something when it is listed.
type listed struct {
	srv.File
	before func()
}

func (d *listed) Walk(ctx context.Context, name string) (srv.File, error) {
	return d.File.(srv.Walker).Walk(ctx, name)
}

func (d *listed) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	if cookie == 0 {
		d.before()
	}
	return d.File.(srv.Lister).List(ctx, cookie)
}

// TestKeptLapse has the lease end each time that a directory is listed: what came before and
// meanwhile is known when it holds again, as the server still told of changes.
func TestKeptLapse(t *testing.T) {
	const n = 8
	d := &listed{File: ramfs.New()}
	for i := range n {
		if _, _, err := srv.Create(t.Context(), d.File, fmt.Sprintf("d%d", i), os.ModeDir|0o777, p9.OREAD); err != nil {
			t.Fatal(err)
		}
	}
	s := srv.New(d)
	s.Leases = srv.NewLeases()
	l := srvtest.NewLink(t, s, 0)
	root := keptTree(t, l)
	d.before = func() { root.lapse(l) }
	l.Traffic()
	for i := range n {
		root.length(t, fmt.Sprintf("d%d", i))
		root.awaitLease(t)
	}
	traffic := l.Traffic()
	t.Log(traffic)
	if lists := traffic.Of[p9.Tlopen]; lists != 1 {
		t.Errorf("the directory was read %d times", lists)
	}
	for i := range n {
		root.length(t, fmt.Sprintf("d%d", i))
	}
	if traffic := l.Traffic(); traffic.Messages != 0 {
		t.Errorf("what was known took %v", traffic)
	}
}

// TestKeptLapseChange has another client change a file while the lease is over: what was known
// of it is not believed meanwhile, nor when the lease holds again.
func TestKeptLapseChange(t *testing.T) {
	tree := ramfs.New()
	if _, _, err := srv.Create(t.Context(), tree, "f", 0o666, p9.OREAD); err != nil {
		t.Fatal(err)
	}
	s := srv.New(tree)
	l := srvtest.NewLink(t, s, 0)
	root := keptTree(t, l)
	other, err := client.New(t.Context(), srvtest.Serve(t, s), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	at, err := other.Attach(t.Context(), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	is := uint64(0)
	look := func() {
		t.Helper()
		if got := root.length(t, "f"); got != is {
			t.Errorf("length %d, not %d", got, is)
		}
	}
	change := func() { // which waits for who has a lease to heed it, or for the lease to be over
		t.Helper()
		is++
		if err := (client.Fsys{Root: at}).WriteFile(t.Context(), "f", make([]byte, is), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	look()
	change()
	look()
	l.Stall()
	change()
	if root.c.lease.holds() {
		t.Error("the change was made before the lease was over")
	}
	l.Go()
	look()
	root.awaitLease(t)
	look()
	change()
	look()
}
