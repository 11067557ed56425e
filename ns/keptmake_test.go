package ns

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// makeName makes a file, where there is none.
func makeName(ctx context.Context, k *kept, name string) error {
	f, h, err := srv.Create(ctx, k, name, 0o666, p9.OREAD|p9.OEXCL)
	clunkHandle(f, h)
	srv.Clunk(f)
	return err
}

// TestKeptTurns has two mounts hand a name to each other: what the second does waits for what the first
// has done. The first finds the name as the second has left it.
func TestKeptTurns(t *testing.T) {
	ctx := t.Context()
	remove := func(k *kept) error { return k.Unlink(ctx, "n", false) }
	link := func(k *kept) error {
		f, _, err := k.WalkStat(ctx, "from")
		if err != nil {
			return err
		}
		defer srv.Clunk(f)
		return k.Link(ctx, f, "n")
	}
	rename := func(k *kept) error { return k.Rename(ctx, "from", k, "n") }
	makeIt := func(k *kept) error { return makeName(ctx, k, "n") }
	for name, c := range map[string]struct {
		before        string // what there is
		first, second func(*kept) error
		waits         error // the second's, before the first
		is            bool  // in the end
	}{
		"unlink":  {"n", remove, makeIt, fs.ErrExist, true},
		"renamed": {"n", func(k *kept) error { return k.Rename(ctx, "n", k, "other") }, makeIt, fs.ErrExist, true},
		"create":  {"", makeIt, remove, fs.ErrNotExist, false},
		"link":    {"from", link, remove, fs.ErrNotExist, false},
		"rename":  {"from", rename, remove, fs.ErrNotExist, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := srv.New(ramfs.New())
			s.Leases = srv.NewLeases()
			l := srvtest.NewLink(t, s, 0)
			one, two := keptTree(t, l), keptTree(t, l)
			const rounds = 1000
			stale := 0
			for range rounds {
				if c.before != "" {
					if err := makeName(ctx, one, c.before); err != nil {
						t.Fatal(err)
					}
				}
				done := make(chan error, 1)
				go func() {
					err := c.second(two)
					for ; errors.Is(err, c.waits); err = c.second(two) {
					}
					done <- err
				}()
				if err := c.first(one); err != nil {
					t.Fatal(err)
				}
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				f, _, err := one.WalkStat(ctx, "n")
				if (err == nil) != c.is {
					stale++
				}
				if err == nil {
					srv.Clunk(f)
				}
				for _, name := range []string{"n", "from", "other"} {
					two.Unlink(ctx, name, false)
				}
			}
			if stale > 0 {
				t.Errorf("%d of %d times it was found as the first had left it", stale, rounds)
			}
		})
	}
}

// TestKeptTruncated has one mount open a file to be empty, and another write to it as soon as it is:
// the first finds it as long as the second has made it.
func TestKeptTruncated(t *testing.T) {
	ctx := t.Context()
	tree := ramfs.New()
	s := srv.New(tree)
	s.Leases = srv.NewLeases()
	l := srvtest.NewLink(t, s, 0)
	one, two := keptTree(t, l), keptTree(t, l)
	if err := makeName(ctx, two, "f"); err != nil {
		t.Fatal(err)
	}
	local, err := srv.Walk(ctx, tree, "f")
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Clunk(local)
	open := func(k *kept, mode p9.Mode) (f srv.File, h srv.Handle) {
		t.Helper()
		f, _, err := k.WalkStat(ctx, "f")
		if err == nil {
			h, err = srv.Open(ctx, f, mode)
		}
		if err != nil {
			t.Fatal(err)
		}
		return f, h
	}
	f, h := open(two, p9.OWRITE)
	defer clunkHandle(f, h)
	write := func() error {
		_, err := h.(srv.Writer).Write(ctx, []byte("four"), 0)
		if err == nil {
			err = h.(flusher).Flush(ctx)
		}
		return err
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	const rounds = 1000
	stale := 0
	for range rounds {
		done := make(chan error, 1)
		go func() {
			for {
				if st, err := local.Stat(ctx); err != nil || st.Length == 0 {
					done <- errors.Join(err, write())
					return
				}
			}
		}()
		f, h := open(one, p9.OWRITE|p9.OTRUNC)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if st, err := h.(srv.File).Stat(ctx); err != nil || st.Length != 4 {
			stale++
		}
		clunkHandle(f, h)
		srv.Clunk(f)
	}
	if stale > 0 {
		t.Errorf("%d of %d times it was not found so", stale, rounds)
	}
}
