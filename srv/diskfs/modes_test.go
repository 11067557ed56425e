package diskfs

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// each gives a new directory over the wire, in each dialect, to the process's
// user and to another, who has it for his own.
func each(t *testing.T, test func(t *testing.T, dir string, root *client.Fid)) {
	for _, dotl := range []bool{false, true} {
		for _, uname := range []string{"", fmt.Sprint(someone)} {
			t.Run(fmt.Sprintf("dotl=%v,user=%s", dotl, uname), func(t *testing.T) {
				var opts []Option
				dir := t.TempDir()
				if uname != "" {
					needRoot(t)
					opts = append(opts, PerUser())
					must(0, os.Chown(dir, someone, someGroup))(t)
				}
				s := srv.New(serve(t, dir, opts...))
				s.Msize = 4 << 10
				root := srvtest.MountServer(t, s, dotl)
				if uname != "" {
					root = must(root.Conn().Attach(bg, nil, uname, ""))(t)
				}
				test(t, dir, root)
			})
		}
	}
}

// put makes a file of a text; the fid is clunked.
func put(t *testing.T, root *client.Fid, name, text string) {
	t.Helper()
	f := made(t, root, name, p9.OWRITE)
	must(f.Write(bg, []byte(text), 0))(t)
	must(0, f.Clunk(bg))(t)
}

func made(t *testing.T, root *client.Fid, name string, mode p9.Mode) *client.Fid {
	t.Helper()
	f := must(root.Walk(bg))(t)
	must(0, f.Create(bg, name, 0o644, mode))(t)
	return f
}

func opened(t *testing.T, root *client.Fid, name string, mode p9.Mode) *client.Fid {
	t.Helper()
	f := must(root.Walk(bg, name))(t)
	must(0, f.Open(bg, mode))(t)
	return f
}

func reads(t *testing.T, what string, f *client.Fid, want string) {
	t.Helper()
	b := make([]byte, 1000)
	n, _ := f.Read(bg, b, 0)
	if string(b[:n]) != want {
		t.Errorf("%s: %q, not %q", what, b[:n], want)
	}
}

func TestWireModes(t *testing.T) {
	each(t, func(t *testing.T, dir string, root *client.Fid) {
		dotl := root.Conn().DotL()
		put(t, root, "f", "text")
		old := opened(t, root, "f", p9.OREAD)
		reads(t, "read", old, "text")
		opened(t, root, "f", p9.OWRITE|p9.OTRUNC)
		reads(t, "after OTRUNC", old, "")
		put(t, root, "x", "text")
		f := must(root.Walk(bg))(t)
		err := f.Create(bg, "x", 0o644, p9.OWRITE|p9.OEXCL|p9.OTRUNC)
		wantErr(t, "create of what is there", err, fs.ErrExist)
		reads(t, "which did nothing", opened(t, root, "x", p9.OREAD), "text")
		if dotl {
			must(0, f.Create(bg, "x", 0o600, p9.OWRITE))(t) // creat(2) without O_TRUNC opens
			must(f.Write(bg, []byte("N"), 0))(t)
			reads(t, "create without OEXCL", opened(t, root, "x", p9.OREAD), "Next")
			a, b := opened(t, root, "x", p9.OWRITE|p9.OAPPEND), opened(t, root, "x", p9.OWRITE|p9.OAPPEND)
			for i := range 4 {
				must([]*client.Fid{a, b}[i%2].Write(bg, []byte{byte('0' + i)}, 0))(t)
			}
			reads(t, "OAPPEND", opened(t, root, "x", p9.OREAD), "Next0123")
			return
		}
		tmp := made(t, root, "tmp", p9.ORDWR|p9.ORCLOSE)
		must(tmp.Write(bg, []byte("text"), 0))(t)
		reads(t, "ORCLOSE", tmp, "text")
		must(0, tmp.Clunk(bg))(t)
		must(0, opened(t, root, "x", p9.OREAD|p9.ORCLOSE).Clunk(bg))(t)
		for _, name := range []string{"tmp", "x"} {
			_, err = os.Stat(dir + "/" + name)
			wantErr(t, name+" after ORCLOSE", err, fs.ErrNotExist)
		}
		for _, perm := range []fs.FileMode{fs.ModeAppend, fs.ModeExclusive} {
			if err := must(root.Walk(bg))(t).Create(bg, "y", 0o644|perm, p9.OWRITE); err == nil {
				t.Errorf("create with %v works", perm)
			}
		}
		f = must(root.Walk(bg))(t)
		must(0, f.Create(bg, "y", 0o644|fs.ModeTemporary, p9.OWRITE))(t) // only a hint
	})
}

func TestWireUnlinked(t *testing.T) {
	each(t, func(t *testing.T, dir string, root *client.Fid) {
		put(t, root, "f", "text")
		f := opened(t, root, "f", p9.ORDWR)
		q := f.Qid().Path
		must(0, must(root.Walk(bg, "f"))(t).Remove(bg))(t)
		_, err := root.Walk(bg, "f")
		wantErr(t, "walk to what is removed", err, fs.ErrNotExist)
		put(t, root, "f", "other")
		must(f.Write(bg, []byte("T"), 0))(t)
		reads(t, "what is removed and open", f, "Text")
		must(0, f.Wstat(bg, p9.Wstat{Valid: p9.WLength, Length: 2}))(t)
		if st := must(f.Stat(bg))(t); st.Length != 2 || st.Qid.Path != q {
			t.Errorf("stat: %+v", st)
		}
		g := opened(t, root, "f", p9.OREAD)
		if g.Qid().Path == q {
			t.Error("a new file has the qid of one that is open still")
		}
		reads(t, "the new file", g, "other")
		// Removing by the fid of what is gone leaves the new file alone.
		if err := f.Remove(bg); err == nil {
			t.Error("what is gone can be removed once more")
		}
		reads(t, "the new file", opened(t, root, "f", p9.OREAD), "other")
	})
}

func TestWireRename(t *testing.T) {
	each(t, func(t *testing.T, dir string, root *client.Fid) {
		put(t, root, "a", "from")
		put(t, root, "b", "over")
		a, b := opened(t, root, "a", p9.OREAD), opened(t, root, "b", p9.OREAD)
		w := must(root.Walk(bg, "a"))(t)
		if !root.Conn().DotL() {
			err := w.Wstat(bg, p9.Wstat{Valid: p9.WName, Name: "b"})
			wantErr(t, "wstat to a name in use", err, fs.ErrExist)
			must(0, w.Wstat(bg, p9.Wstat{Valid: p9.WName, Name: "c"}))(t)
			reads(t, "renamed", opened(t, root, "c", p9.OREAD), "from")
			return
		}
		must(0, root.Rename(bg, "a", root, "b"))(t)
		reads(t, "renamed and open", a, "from")
		reads(t, "replaced and open", b, "over")
		reads(t, "by its new name", opened(t, root, "b", p9.OREAD), "from")
		_, err := root.Walk(bg, "a")
		wantErr(t, "by its old name", err, fs.ErrNotExist)
		must(root.Mkdir(bg, "d", 0o755))(t)
		d := must(root.Walk(bg, "d"))(t)
		must(0, root.Rename(bg, "b", d, "b"))(t)
		reads(t, "in another directory", opened(t, d, "b", p9.OREAD), "from")
		put(t, root, "f", "")
		if root.Rename(bg, "f", root, "d") == nil || root.Rename(bg, "d", root, "f") == nil {
			t.Error("a file and a directory replace each other")
		}
	})
}

// TestWireChangingList lists a directory that changes: what stays comes once.
func TestWireChangingList(t *testing.T) {
	each(t, func(t *testing.T, dir string, root *client.Fid) {
		const n = 1500
		for i := range n {
			write(t, fmt.Sprintf("%s/stay%d", dir, i), "")
			if i%3 == 0 {
				write(t, fmt.Sprintf("%s/go%d", dir, i), "")
			}
		}
		f := must(root.Walk(bg))(t)
		must(0, f.Open(bg, p9.OREAD))(t)
		seen := map[string]int{}
		for e, err := range f.List(bg, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if i := len(seen); i%10 == 0 && i < n {
				os.Remove(fmt.Sprintf("%s/go%d", dir, 3*(i/10)))
				write(t, fmt.Sprintf("%s/come%d", dir, i), "")
			}
			seen[e.Name]++
		}
		for i := range n {
			if k := seen[fmt.Sprintf("stay%d", i)]; k != 1 {
				t.Fatalf("stay%d is listed %d times", i, k)
			}
		}
		for name, k := range seen {
			if k != 1 && !strings.HasPrefix(name, "come") {
				t.Errorf("%s is listed %d times", name, k)
			}
		}
	})
}

// TestWireLocks has many wait for one lock. Each that gives it up lets another
// have it; who is cancelled does not.
func TestWireLocks(t *testing.T) {
	r := serve(t, t.TempDir())
	root := srvtest.Mount(t, r, true)
	put(t, root, "f", "")
	lock := p9.Flock{Type: p9.LockWrite, Flags: p9.LockFlagBlock, ProcID: 1, ClientID: "c"}
	holder := opened(t, root, "f", p9.ORDWR)
	if st, err := holder.Lock(bg, lock); st != p9.LockSuccess || err != nil {
		t.Fatal(st, err)
	}
	const n = 30
	ctx, cancel := context.WithCancel(bg)
	var wg, lost sync.WaitGroup
	var mu sync.Mutex
	var order []int
	for i := range n {
		f := opened(t, root, "f", p9.ORDWR)
		if i%3 == 0 {
			lost.Go(func() {
				_, err := f.Lock(ctx, lock)
				wantErr(t, "cancelled lock", err, context.Canceled)
			})
			continue
		}
		wg.Go(func() {
			if st, err := f.Lock(bg, lock); st != p9.LockSuccess || err != nil {
				t.Error(st, err)
			}
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			var err error
			if i%2 == 0 {
				un := lock
				un.Type = p9.LockUnlock
				_, err = f.Lock(bg, un)
			} else {
				err = f.Clunk(bg)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	if !srvtest.Until(func() bool { return waiters(r) == n }) {
		t.Errorf("%d wait, not %d", waiters(r), n)
	}
	cancel()
	lost.Wait()
	must(0, holder.Clunk(bg))(t)
	wg.Wait()
	slices.Sort(order)
	if len(slices.Compact(order)) != n-n/3 || waiters(r) != 0 {
		t.Errorf("%v had the lock, %d wait still", order, waiters(r))
	}
}

// waiters counts those that wait for locks.
func waiters(r *root) (n int) {
	r.t.waits.mu.Lock()
	defer r.t.waits.mu.Unlock()
	for _, w := range r.t.waits.m {
		n += w.n
	}
	return n
}

var _ srv.Attacher = (*root)(nil)
