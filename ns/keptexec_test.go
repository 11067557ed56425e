package ns

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// keptTree is a tree as it is kept under a lease.
func keptTree(t *testing.T, root srv.File) *cache {
	t.Helper()
	l := srvtest.NewLink(t, srv.New(root), 0)
	d, err := dial(t.Context(), l.Addr, "x", "")
	if err != nil {
		t.Fatal(err)
	}
	new(Engine).keep(d)
	t.Cleanup(d.hangup)
	c := d.root.(*kept).c
	if !srvtest.Until(func() bool { time.Sleep(time.Millisecond); return c.lease.holds() }) {
		t.Fatal("there is no lease")
	}
	return c
}

// TestKeptFollow: a path is followed to a file, but not for ever.
func TestKeptFollow(t *testing.T) {
	ctx := t.Context()
	root := ramfs.New()
	if _, _, err := srv.Create(ctx, root, "d", fs.ModeDir|0o777, p9.OREAD); err != nil {
		t.Fatal(err)
	}
	c := keptTree(t, root)
	for _, name := range []string{"d", "/./d/../d//", "/../d"} {
		if k := c.root.follow(ctx, name); k == nil || k.name != "d" {
			t.Errorf("%s: %v", name, k)
		} else {
			k.Clunk()
		}
	}
	for _, name := range []string{strings.Repeat("d/../", 500) + "d", strings.Repeat("d/../", 50000) + "d"} {
		if k := c.root.follow(ctx, name); k != nil {
			t.Errorf("a path of %d bytes is followed", len(name))
			k.Clunk()
		}
	}
}
