package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// tree has plain files, a directory of many, a queue that blocks and a file that
// keeps what is written.
func tree() (*srv.Dir, *srv.Queue, *store) {
	many := srv.NewDir()
	for i := range 300 {
		many.Add(fmt.Sprintf("a file whose number is %d", i), srv.Const("x"))
	}
	deep := srv.NewDir().Add("leaf", srv.Const("leaf\n"))
	for range 40 {
		deep = srv.NewDir().Add("d", deep)
	}
	q, st := srv.NewQueue(0o666), &store{Node: srv.NewNode(0o666)}
	return srv.NewDir().Add("hello", srv.Const("hello, world\n")).Add("many", many).Add("deep", deep).Add("q", q).Add("store", st), q, st
}

// A store is a file of bytes.
type store struct {
	srv.Node
	mu sync.Mutex
	b  []byte
}

func (s *store) Read(_ context.Context, p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if off >= int64(len(s.b)) {
		return 0, io.EOF
	}
	return copy(p, s.b[off:]), nil
}

func (s *store) Write(_ context.Context, p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b = append(s.b, make([]byte, max(0, int(off)+len(p)-len(s.b)))...)
	return copy(s.b[off:], p), nil
}

func each(t *testing.T, test func(t *testing.T, root *client.Fid)) {
	srvtest.Each(t, func() srv.File { d, _, _ := tree(); return d }, test)
}

var ctx = context.Background()

func TestReadFile(t *testing.T) {
	each(t, func(t *testing.T, root *client.Fid) {
		b, err := client.Fsys{Root: root}.ReadFile(ctx, "/hello")
		if err != nil || string(b) != "hello, world\n" {
			t.Fatalf("%q, %v", b, err)
		}
	})
}

func TestFS(t *testing.T) {
	root := func() srv.File {
		return srv.NewDir().Add("hello", srv.Const("hello, world\n")).
			Add("dir", srv.NewDir().Add("a", srv.Const("a")).Add("b", srv.Const("b")))
	}
	srvtest.Each(t, root, func(t *testing.T, root *client.Fid) {
		if err := fstest.TestFS(client.Fsys{Root: root}.FS(ctx), "hello", "dir/a", "dir/b"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWalk(t *testing.T) {
	each(t, func(t *testing.T, root *client.Fid) {
		long := slices.Concat([]string{"deep"}, slices.Repeat([]string{"d"}, 40), []string{"leaf"})
		f, err := root.Walk(ctx, long...)
		if err != nil {
			t.Fatalf("walk of %d names: %v", len(long), err)
		}
		if st, err := f.Stat(ctx); err != nil || st.Name != "leaf" || st.Mode != 0o444 {
			t.Errorf("stat: %+v, %v", st, err)
		}
		for _, c := range []struct {
			names []string
			err   error
		}{
			{[]string{"none"}, fs.ErrNotExist},
			{[]string{"deep", "none"}, fs.ErrNotExist},
			{[]string{"deep", "none", "none"}, fs.ErrNotExist},
			{[]string{"hello", "x"}, p9.ErrNotDir},
			{[]string{"deep", "..", "hello", "x"}, p9.ErrNotDir},
			{append(slices.Clone(long), "x"), p9.ErrNotDir},
		} {
			if g, err := root.Walk(ctx, c.names...); !errors.Is(err, c.err) {
				t.Errorf("walk %q: %v, %v", c.names, g, err)
			}
		}
		if err := f.Clunk(ctx); err != nil {
			t.Error(err)
		}
		if err := f.Clunk(ctx); !errors.Is(err, p9.ErrUnknownFid) {
			t.Errorf("second clunk: %v", err)
		}
		g, st, err := root.WalkStat(ctx, "hello")
		if err != nil || st.Mode != 0o444 {
			t.Fatalf("walkstat: %+v, %v", st, err)
		}
		g.Clunk(ctx)
		if _, _, err := root.WalkStat(ctx, "none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("walkstat of nothing: %v", err)
		}
	})
}

func TestList(t *testing.T) {
	each(t, func(t *testing.T, root *client.Fid) {
		d, err := root.Walk(ctx, "many")
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Open(ctx, p9.OREAD); err != nil {
			t.Fatal(err)
		}
		var all []p9.Dirent
		for e, err := range d.List(ctx, 0) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		if len(all) != 300 {
			t.Fatalf("%d entries", len(all))
		}
		for _, i := range []int{0, 1, 150, 298, 299, 7} { // in any order
			var rest []p9.Dirent
			for e, err := range d.List(ctx, all[i].Cookie) {
				if err != nil {
					t.Fatal(err)
				}
				rest = append(rest, e)
			}
			if !slices.Equal(rest, all[i+1:]) {
				t.Errorf("after entry %d come %d", i, len(rest))
			}
		}
	})
}

// TestListAtOnce has many goroutines list a directory by one fid, in 9P2000 each
// out of the others' turn.
func TestListAtOnce(t *testing.T) {
	each(t, func(t *testing.T, root *client.Fid) {
		d, err := root.WalkOpen(ctx, p9.OREAD, "many")
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				names := map[string]bool{}
				for e, err := range d.List(ctx, 0) {
					if err != nil || names[e.Name] {
						t.Errorf("%q: %v, twice %v", e.Name, err, names[e.Name])
						return
					}
					names[e.Name] = true
				}
				if len(names) != 300 {
					t.Errorf("%d entries", len(names))
				}
			})
		}
		wg.Wait()
	})
}

func TestWrite(t *testing.T) {
	for _, dotl := range []bool{false, true} {
		root, _, st := tree()
		s := srv.New(root)
		s.Msize = 8 << 10
		f, err := srvtest.MountServer(t, s, dotl).Walk(ctx, "store")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Open(ctx, p9.ORDWR); err != nil {
			t.Fatal(err)
		}
		data := bytes.Repeat([]byte("0123456789abcdef\n"), 10000)
		if n, err := f.Write(ctx, data, 3); n != len(data) || err != nil {
			t.Fatalf("wrote %d of %d: %v", n, len(data), err)
		}
		if !bytes.Equal(st.b[3:], data) {
			t.Error("other bytes were written")
		}
		p := make([]byte, len(data))
		if n, err := f.Read(ctx, p, 3); err != nil || n != int(f.Iounit()) || !bytes.Equal(p[:n], data[:n]) {
			t.Errorf("read %d: %v", n, err)
		}
		if n, err := f.Read(ctx, p, 1<<40); n != 0 || err != io.EOF {
			t.Errorf("read past the end: %d, %v", n, err)
		}
	}
}

// TestParallel has many calls under way at once, each with an answer of its own.
func TestParallel(t *testing.T) {
	each(t, func(t *testing.T, root *client.Fid) {
		fsys := client.Fsys{Root: root}
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for range 20 {
					if b, err := fsys.ReadFile(ctx, "hello"); err != nil || string(b) != "hello, world\n" {
						t.Errorf("%q, %v", b, err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

// TestWalkOpen opens by a new fid, both requests in one go, and sees a refusal.
func TestWalkOpen(t *testing.T) {
	each(t, func(t *testing.T, root *client.Fid) {
		f, err := root.Walk(ctx, "hello")
		if err != nil {
			t.Fatal(err)
		}
		g, err := f.WalkOpen(ctx, p9.OREAD)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		if n, err := g.Read(ctx, b, 0); err != nil || string(b[:n]) != "hello, world\n" {
			t.Errorf("read: %q %v", b[:n], err)
		}
		if _, err := f.WalkOpen(ctx, p9.OWRITE); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("open for writing: %v", err)
		}
		for _, f := range []*client.Fid{f, g} {
			if err := f.Clunk(ctx); err != nil {
				t.Error(err)
			}
		}
	})
}
