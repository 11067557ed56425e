package envfs

import (
	"errors"
	"io/fs"
	"math"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// attach attaches as a user, on the connection of root.
func attach(t *testing.T, root *client.Fid, uname, aname string) (*client.Fid, error) {
	t.Helper()
	return root.Conn().Attach(t.Context(), nil, uname, aname)
}

func TestGroups(t *testing.T) {
	f := New(Config{})
	srvtest.Each(t, func() srv.File { f = New(Config{}); return f }, func(t *testing.T, root *client.Fid) {
		must := func(d *client.Fid, err error) *client.Fid {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		is := func(d *client.Fid, name, value string) {
			t.Helper()
			if s, err := get(d, name); err != nil || s != value {
				t.Errorf("%s: %q, %v, want %q", name, s, err, value)
			}
		}
		if err := put(root, "x", "1"); err != nil {
			t.Fatal(err)
		}
		n := func(d *client.Fid) string { return strconv.FormatUint(d.Qid().Path, 10) }
		fresh := must(attach(t, root, "", "new"))
		if _, err := get(fresh, "x"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("new: %v", err)
		}
		c := must(attach(t, root, "", "copy"))
		cc := must(attach(t, root, "", "copy "+n(c)))
		again := must(attach(t, root, "", n(c)))
		// A copy's appends and another's do not meet, though they share bytes.
		for i, d := range []*client.Fid{root, c, cc} {
			v := must(d.Walk(t.Context(), "x"))
			if err := v.Open(t.Context(), p9.OWRITE); err != nil {
				t.Fatal(err)
			}
			if _, err := v.Write(t.Context(), []byte{'a' + byte(i)}, 1); err != nil {
				t.Fatal(err)
			}
			v.Clunk(t.Context())
		}
		is(root, "x", "1a")
		is(c, "x", "1b")
		is(again, "x", "1b")
		is(cc, "x", "1c")
		// A group lasts as long as one fid of it.
		v := must(c.Walk(t.Context(), "x"))
		num := n(c)
		c.Clunk(t.Context())
		again.Clunk(t.Context())
		must(attach(t, root, "", num)).Clunk(t.Context())
		v.Clunk(t.Context())
		if _, err := attach(t, root, "", num); err == nil || !strings.HasSuffix(err.Error(), p9.ErrNotExist.Ename) && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a group that is gone: %v", err)
		}
		for _, bad := range []string{"x", "copy x", "move 1", "-1", "1 2", "new 1", "copy 1 2"} {
			if _, err := attach(t, root, "", bad); err == nil || !strings.Contains(err.Error(), "not new, copy, copy N or N") && !errors.Is(err, syscall.EINVAL) {
				t.Errorf("attach %q: %v", bad, err)
			}
		}
		// Another user's are his own.
		other := must(attach(t, root, "glenda", ""))
		if _, err := get(other, "x"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("another user's first group: %v", err)
		}
		for _, a := range []string{n(root), "copy " + n(root)} {
			if _, err := attach(t, root, "glenda", a); err == nil || !strings.HasSuffix(err.Error(), p9.ErrPerm.Ename) && !errors.Is(err, fs.ErrPermission) {
				t.Errorf("glenda attaches %q: %v", a, err)
			}
		}
		must(attach(t, root, "", n(other)))
	})
}

func TestLimit(t *testing.T) {
	f := New(Config{Limit: 10000})
	srvtest.Each(t, func() srv.File { f = New(Config{Limit: 10000}); return f }, func(t *testing.T, root *client.Fid) {
		big := strings.Repeat("x", 9000)
		if err := put(root, "x", big); err != nil {
			t.Fatal(err)
		}
		if err := put(root, "y", big); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%v", err)
		}
		if _, err := attach(t, root, "", "copy"); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("copy: %v", err)
		}
		w, err := root.Walk(t.Context(), "x")
		if err == nil {
			err = w.Open(t.Context(), p9.OWRITE)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer w.Clunk(t.Context())
		for _, off := range []int64{1 << 62, math.MaxInt64 - 1} {
			if _, err := w.Write(t.Context(), []byte("x"), off); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("write at %d: %v", off, err)
			}
			if err := w.Wstat(t.Context(), p9.Wstat{Valid: p9.WLength, Length: uint64(off) + 1}); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("length %d: %v", uint64(off)+1, err)
			}
		}
		if err := put(root, "x", big+big[:200]); err != nil {
			t.Errorf("in place of what was there: %v", err)
		}
		for _, name := range []string{"x", "y"} {
			if err := (client.Fsys{Root: root}).Remove(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		for _, u := range f.used {
			if n := u.Load(); n != 0 {
				t.Errorf("%d bytes counted of nothing", n)
			}
		}
	})
}

// TestLimitCut has what was cut off a value be in nobody's memory.
func TestLimitCut(t *testing.T) {
	const size, most = 1 << 20, 64
	srvtest.Each(t, func() srv.File { return New(Config{Limit: 2 * size}) }, func(t *testing.T, root *client.Fid) {
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		for i := range most {
			name := strconv.Itoa(i)
			if err := put(root, name, strings.Repeat("x", size)); err != nil {
				t.Fatal(err)
			}
			v, err := root.Walk(t.Context(), name)
			if err == nil {
				err = v.Wstat(t.Context(), p9.Wstat{Valid: p9.WLength, Length: 1})
			}
			if err != nil {
				t.Fatal(err)
			}
			v.Clunk(t.Context())
		}
		if after := heap(); after > before+most*size/2 {
			t.Errorf("%d values of a byte have %d KiB", most, (after-before)>>10)
		}
	})
}
