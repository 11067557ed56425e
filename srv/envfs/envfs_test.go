package envfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// flat is a group without Create: srvtest would make directories in it.
type flat struct {
	srv.Walker
	srv.Lister
}

func TestTree(t *testing.T) {
	srvtest.Test(t, func() srv.File {
		f := New(Config{})
		root, err := f.Attach(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 60 {
			set(t, root, fmt.Sprintf("fn#name %d", i), strings.Repeat("x\x00", i))
		}
		return flat{root.(srv.Walker), root.(srv.Lister)}
	})
}

func TestDrawing(t *testing.T) {
	root, err := New(Config{}).Attach(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	set(t, root, "x", "y")
	srvtest.Drawing(t, "envfs.go", root)
}

func TestTranscript(t *testing.T) {
	srvtest.Transcript(t, srv.New(New(Config{})), "testdata/groups.9p")
}

// set creates a variable in a tree and writes its value.
func set(t testing.TB, root srv.File, name, value string) {
	t.Helper()
	f, h, err := srv.Create(t.Context(), root, name, 0o666, p9.OWRITE|p9.OTRUNC)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Clunk(f)
	defer srv.Clunk(h)
	if _, err := h.(srv.Writer).Write(t.Context(), []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

func put(root *client.Fid, name, value string) error {
	f, err := root.WalkCreate(context.Background(), name, 0o666, p9.OWRITE|p9.OTRUNC)
	if err != nil {
		return err
	}
	defer f.Clunk(context.Background())
	_, err = f.Write(context.Background(), []byte(value), 0)
	return err
}

func get(root *client.Fid, name string) (string, error) {
	f, err := root.Walk(context.Background(), name)
	if err != nil {
		return "", err
	}
	defer f.Clunk(context.Background())
	if err := f.Open(context.Background(), p9.OREAD); err != nil {
		return "", err
	}
	b, err := readAll(f, 1000)
	return string(b), err
}

func readAll(f *client.Fid, size int) (b []byte, err error) {
	p := make([]byte, size)
	for {
		n, err := f.Read(context.Background(), p, int64(len(b)))
		b = append(b, p[:n]...)
		if err == io.EOF || err == nil && n == 0 {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

func newFS() srv.File { return New(Config{}) }

func TestValues(t *testing.T) {
	srvtest.Each(t, newFS, func(t *testing.T, root *client.Fid) {
		for _, v := range []struct{ name, value string }{
			{"x", "one"}, {"list", "a\x00b c\x00\x00"}, {"empty", ""}, {"fn#f", "fn f {echo 'x'}\n"}, {"*", "\xff\xfe"}, {"ü", "ü"}, {"a=b", "c"},
		} {
			if err := put(root, v.name, v.value); err != nil {
				t.Fatalf("%s: %v", v.name, err)
			}
			if s, err := get(root, v.name); err != nil || s != v.value {
				t.Errorf("%s: %q, %v", v.name, s, err)
			}
			f, err := root.Walk(t.Context(), v.name)
			if err != nil {
				t.Fatal(err)
			}
			st, err := f.Stat(t.Context())
			if err != nil || st.Length != uint64(len(v.value)) || st.Mode != 0o666 || st.Qid.Vers == 0 {
				t.Errorf("%s: %+v, %v", v.name, st, err)
			}
			f.Clunk(t.Context())
		}
		if _, err := root.Mkdir(t.Context(), "d", 0o777); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("mkdir: %v", err)
		}
		if _, err := root.Walk(t.Context(), "none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("walk: %v", err)
		}
	})
}

// TestSnapshot: a reader has the value of its open, whatever happens since; each
// change is a new version.
func TestSnapshot(t *testing.T) {
	srvtest.Each(t, newFS, func(t *testing.T, root *client.Fid) {
		ctx := t.Context()
		if err := put(root, "x", "0123456789"); err != nil {
			t.Fatal(err)
		}
		var readers []*client.Fid
		var want []string
		var vers []uint32
		see := func(value string) {
			t.Helper()
			f, err := root.Walk(ctx, "x")
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Open(ctx, p9.OREAD); err != nil {
				t.Fatal(err)
			}
			st, err := f.Stat(ctx)
			if err != nil || st.Length != uint64(len(value)) {
				t.Errorf("%q: %+v, %v", value, st, err)
			}
			readers, want, vers = append(readers, f), append(want, value), append(vers, st.Qid.Vers)
		}
		see("0123456789")
		before, err := root.Stat(ctx)
		if err != nil {
			t.Fatal(err)
		}
		w, err := root.Walk(ctx, "x")
		if err == nil {
			err = w.Open(ctx, p9.ORDWR)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			off   int64
			text  string
			value string
		}{
			{10, "ab", "0123456789ab"}, {0, "xy", "xy23456789ab"}, {11, "cd", "xy23456789acd"},
			{15, "e", "xy23456789acd\x00\x00e"}, {16, "f", "xy23456789acd\x00\x00ef"},
		} {
			if n, err := w.Write(ctx, []byte(c.text), c.off); n != len(c.text) || err != nil {
				t.Fatal(n, err)
			}
			see(c.value)
			if b, err := readAll(w, 3); err != nil || string(b) != c.value {
				t.Errorf("through the writer: %q, %v", b, err)
			}
		}
		for _, n := range []uint64{4, 6} {
			if err := w.Wstat(ctx, p9.Wstat{Valid: p9.WLength, Length: n}); err != nil {
				t.Fatal(err)
			}
			see("xy23\x00\x00"[:n])
		}
		if st, err := root.Stat(ctx); err != nil || st.Qid.Vers == before.Qid.Vers || st.Mtime.Before(before.Mtime) {
			t.Errorf("the directory does not tell of changes: %+v, before %+v, %v", st, before, err)
		}
		tr, err := root.Walk(ctx, "x")
		if err == nil {
			err = tr.Open(ctx, p9.OWRITE|p9.OTRUNC)
		}
		if err != nil {
			t.Fatal(err)
		}
		see("")
		if err := tr.Remove(ctx); err != nil {
			t.Fatal(err)
		}
		if n, err := w.Write(ctx, []byte("still"), 0); n != 5 || err != nil {
			t.Error(n, err)
		}
		for i, f := range readers {
			if b, err := readAll(f, 1+i%3); err != nil || string(b) != want[i] {
				t.Errorf("reader %d: %q, want %q, %v", i, b, want[i], err)
			}
			if i > 0 && vers[i] == vers[i-1] {
				t.Errorf("reader %d: version %d again", i, vers[i])
			}
			f.Clunk(ctx)
		}
		w.Clunk(ctx)
	})
}

func TestNames(t *testing.T) {
	srvtest.Each(t, newFS, func(t *testing.T, root *client.Fid) {
		fsys := client.Fsys{Root: root}
		for _, n := range []string{"a", "b", "c"} {
			if err := put(root, n, n); err != nil {
				t.Fatal(err)
			}
		}
		if err := fsys.Rename(t.Context(), "a", "d"); err != nil {
			t.Fatal(err)
		}
		if err := fsys.Rename(t.Context(), "b", "c"); err != nil {
			t.Fatal(err)
		}
		if s, err := get(root, "c"); s != "b" || err != nil {
			t.Errorf("%q, %v", s, err)
		}
		want := []string{"c", "d"}
		var names []string
		d, err := root.Walk(t.Context())
		if err == nil {
			err = d.Open(t.Context(), p9.OREAD)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer d.Clunk(t.Context())
		for e, err := range d.List(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, e.Name)
		}
		if slices.Sort(names); !slices.Equal(names, want) {
			t.Errorf("%q, want %q", names, want)
		}
	})
}

// TestManyWriters appends from many clients: nothing is lost, and every reader sees
// whole records only.
func TestManyWriters(t *testing.T) {
	const writers, records = 8, 200
	srvtest.Each(t, newFS, func(t *testing.T, root *client.Fid) {
		if !root.Conn().DotL() {
			return // 9P2000 has no appending open
		}
		if err := put(root, "x", ""); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				f, err := root.Walk(t.Context(), "x")
				if err == nil {
					err = f.Open(t.Context(), p9.OWRITE|p9.OAPPEND)
				}
				for range records {
					if err == nil {
						_, err = f.Write(t.Context(), bytes.Repeat([]byte{'a' + byte(i)}, 10), 0)
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
				f.Clunk(t.Context())
			})
		}
		for done := false; !done; {
			s, err := get(root, "x")
			if err != nil || len(s)%10 != 0 {
				t.Fatalf("%d bytes, %v", len(s), err)
			}
			for i := 0; i < len(s); i += 10 {
				if s[i:i+10] != strings.Repeat(s[i:i+1], 10) {
					t.Fatalf("at %d: %q", i, s[i:i+10])
				}
			}
			done = len(s) == writers*records*10
		}
		wg.Wait()
	})
}
