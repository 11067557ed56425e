package ramfs

import (
	"io/fs"
	"net"
	"slices"
	"sync"
	"testing"

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
