package ns

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A twin is a file of a tree of which there are two, one here and one at a server.
type twin struct {
	path  uint64
	text  string
	waits bool // an open may have to wait
	gone  atomic.Bool
	ents  map[string]srv.File
}

func (f *twin) Stat(context.Context) (p9.Stat, error) {
	if f.gone.Load() {
		return p9.Stat{}, syscall.ESRCH
	}
	mode := fs.FileMode(0o666)
	if f.ents != nil {
		mode = fs.ModeDir | 0o555
	}
	return p9.Stat{Qid: p9.Qid{Type: p9.QidTypeOf(mode), Path: f.path}, Mode: mode, Snapshot: f.ents == nil}, nil
}

func (f *twin) Walk(_ context.Context, name string) (srv.File, error) {
	if g := f.ents[name]; g != nil {
		return g, nil
	}
	return nil, p9.ErrNotExist
}

// A quickTwin is one that is Inline.
type quickTwin struct{ *twin }

func (quickTwin) Inline() {}

func (f quickTwin) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		if srv.Nonblock(ctx) {
			yield(p9.Dirent{}, srv.ErrAgain)
		} else if cookie == 0 {
			yield(p9.Dirent{Qid: p9.Qid{Path: 1}, Cookie: 1, Name: f.text}, nil)
		}
	}
}

func (f quickTwin) Open(ctx context.Context, _ p9.Mode) (srv.Handle, error) {
	switch {
	case f.ents != nil:
		return f, nil
	case f.waits && srv.Nonblock(ctx):
		return nil, srv.ErrAgain
	}
	return f.open()
}

// open is a handle that takes what is written.
func (f *twin) open() (srv.Handle, error) {
	return struct {
		srv.Bytes
		taker
	}{Bytes: srv.Bytes(f.text)}, nil
}

type taker struct{}

func (taker) Write(_ context.Context, p []byte, _ int64) (int, error) { return len(p), nil }

// A slowTwin is one that is not.
type slowTwin struct{ *twin }

func (f slowTwin) Open(context.Context, p9.Mode) (srv.Handle, error) { return f.open() }

// newTwin makes a tree that tells where it is. Its root's path is given, and that of the file
// that may be another one.
func newTwin(where string, root, other uint64) srv.File {
	quick := func(path uint64, waits bool) srv.File { return quickTwin{&twin{path: path, text: where, waits: waits}} }
	dir := quickTwin{&twin{path: 3, text: where, ents: map[string]srv.File{
		"now": quick(4, false), "later": quick(5, true), "other": quick(other, true)}}}
	return quickTwin{&twin{path: root, text: where, ents: map[string]srv.File{
		"dir": dir, "slow": slowTwin{&twin{path: 6, text: where}}}}}
}

// TestNear has what the engine can do at once be done by a tree of its own, where that is the
// server's too, and all else by the server.
func TestNear(t *testing.T) {
	const root = 1 << 62
	mount := func(t *testing.T, path uint64, flags string) (*Group, *srvtest.Link) {
		l := srvtest.NewLink(t, srv.New(newTwin("server", path, 8)), 0)
		g := newGroup(t, tree("n/"))
		ended := 0
		g.eng.near = func(pid int, path uint64) (srv.File, func()) {
			if pid != os.Getpid() || path != root {
				return nil, nil
			}
			ended--
			return newTwin("here", root, 7), func() { ended++ }
		}
		t.Cleanup(func() {
			g.Close()
			if ended != 0 {
				t.Error("the tree here was not let go of")
			}
		})
		if err := do(t, g, "mount "+flags+l.Addr+" /n"); err != nil {
			t.Fatal(err)
		}
		l.Traffic()
		return g, l
	}
	for _, c := range []struct {
		name, want string
		trips      int
	}{
		{"dir/now", "here", 0},
		{"dir/later", "server", 2}, // the beginning comes with the opening, and then the end
		{"slow", "server", 3},
		{"dir", "server", 3}, // the walk with the open, the entries, and the end
		{"", "server", 3},
		{"none", "-", 0},
		{"dir/none", "-", 0},
		{"dir/other", "stale file handle", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, l := mount(t, root, "")
			if got := look(t, g, strings.TrimSuffix("/n/"+c.name, "/")); got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
			if n := l.Traffic(); n.Trips > c.trips {
				t.Errorf("%v, not %d trips", n, c.trips)
			}
		})
	}
	t.Run("another tree", func(t *testing.T) {
		g, _ := mount(t, root+1, "")
		if got := look(t, g, "/n/dir/now"); got != "server" {
			t.Errorf("%q", got)
		}
	})
	t.Run("kept", func(t *testing.T) {
		g, _ := mount(t, root, "-C ")
		if got := look(t, g, "/n/dir/now"); got != "server" {
			t.Errorf("%q", got)
		}
	})
	t.Run("gone", func(t *testing.T) { // who has it open still has its attributes
		g, _ := mount(t, root, "")
		p, err := g.lookup(t.Context(), "/n/dir/later", false)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		f := p.file.(*nearFile)
		f.ours.(quickTwin).gone.Store(true)
		if _, err := f.Stat(t.Context()); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("not open: %v", err)
		}
		h, err := srv.Open(t.Context(), f, p9.OREAD)
		if err != nil {
			t.Fatal(err)
		}
		defer srv.Clunk(h)
		if st, err := f.Stat(t.Context()); err != nil || st.Qid.Path != 5 {
			t.Errorf("open: %+v, %v", st, err)
		}
	})
	t.Run("written", func(t *testing.T) {
		g, l := mount(t, root, "")
		p, err := g.lookup(t.Context(), "/n/dir/now", false)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		h, err := srv.Open(t.Context(), p.file, p9.OWRITE)
		if err != nil {
			t.Fatal(err)
		}
		defer srv.Clunk(h)
		if n := l.Traffic(); n.Trips == 0 {
			t.Error("the server has not heard of an open to write")
		}
	})
}
