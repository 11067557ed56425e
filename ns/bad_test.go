package ns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A liar is a directory whose listing is made up.
type liar struct {
	srv.Node
	ents func(i uint64) (p9.Dirent, error, bool)
}

func (l *liar) Walk(context.Context, string) (srv.File, error) { return l, nil }

func (l *liar) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		for i := cookie; ; i++ {
			e, err, ok := l.ents(i)
			if !ok || !yield(e, err) {
				return
			}
		}
	}
}

// TestListing has listings that are wrong.
func TestListing(t *testing.T) {
	names := func(l ...string) func(uint64) (p9.Dirent, error, bool) {
		return func(i uint64) (p9.Dirent, error, bool) {
			if i >= uint64(len(l)) {
				return p9.Dirent{}, nil, false
			}
			if l[i] == "!" {
				return p9.Dirent{}, p9.ErrBadStat, true
			}
			return p9.Dirent{Name: l[i], Cookie: i + 1}, nil, true
		}
	}
	always := func(e p9.Dirent, err error) func(uint64) (p9.Dirent, error, bool) {
		return func(uint64) (p9.Dirent, error, bool) { return e, err, true }
	}
	for _, c := range []struct {
		what string
		ents func(uint64) (p9.Dirent, error, bool)
		want string
		err  error
	}{
		{"good", names("a", "b"), "a b", nil},
		{"none", names(), "", nil},
		{"bad names", names("a", "x/y", "..", ".", "", "n\x00", "b"), "a b", p9.ErrBadName},
		{"an error between", names("a", "!", "b"), "a b", p9.ErrBadStat},
		{"an error at the end", names("a", "!"), "a", p9.ErrBadStat},
		{"errors only, without end", always(p9.Dirent{}, p9.ErrBadStat), "", p9.ErrBadStat},
		{"in a circle", always(p9.Dirent{Name: "a", Cookie: 1}, nil), "a", p9.ErrBotch},
	} {
		m := newChan(NewDev("#t", nil, nil), &liar{srv.NewNode(fs.ModeDir | 0o555), c.ents}, &p9.Stat{Mode: fs.ModeDir}, "/")
		d := &dirHandle{members: []*Chan{m}, lists: []any{m.file}}
		var err error
		for more := true; more && err == nil; {
			more, err = d.more(t.Context())
		}
		var got []string
		for _, e := range d.ents {
			got = append(got, e.Name)
		}
		if strings.Join(got, " ") != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", c.what, got, err)
		}
	}
}

// TestEndless has a directory that has no end.
func TestEndless(t *testing.T) {
	m := newChan(NewDev("#t", nil, nil), &liar{srv.NewNode(fs.ModeDir | 0o555), func(i uint64) (p9.Dirent, error, bool) {
		return p9.Dirent{Name: "a", Cookie: i + 1}, nil, true
	}}, &p9.Stat{Mode: fs.ModeDir}, "/")
	for _, union := range []bool{false, true} {
		d := &dirHandle{members: []*Chan{m}, lists: []any{m.file}}
		if union {
			d.seen = map[string]bool{}
		}
		var err error
		for more := true; more && err == nil; {
			more, err = d.more(t.Context())
		}
		if !errors.Is(err, syscall.EFBIG) {
			t.Errorf("%d entries: %v", len(d.ents), err)
		}
	}
}

// TestManyBinds has hundreds in one name space, more than 8 KiB of text, and all that they say.
func TestManyBinds(t *testing.T) {
	const n = 500
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("s/%d/x", i), fmt.Sprintf("t/%d/", i))
	}
	g := newGroup(t, tree(names...))
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "bind /s/%d /t/%d\n", i, i)
	}
	if err := do(t, g, lines.String()); err != nil {
		t.Fatal(err)
	}
	if got := g.pg.Text(); got != lines.String() {
		t.Errorf("%d bytes of text, not %d", len(got), lines.Len())
	}
	fork, err := g.Fork(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, n / 2, n - 1} {
		if got, want := look(t, fork, fmt.Sprintf("/t/%d/x", i)), fmt.Sprintf("s/%d/x", i); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	for i := range n {
		if err := do(t, fork, fmt.Sprintf("unmount /t/%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := fork.pg.Text(); got != "" {
		t.Errorf("left: %s", got)
	}
	// As many on one place, in order.
	lines.Reset()
	for i := range n {
		fmt.Fprintf(&lines, "bind -b /s/%d /n/u\n", i)
	}
	if err := do(t, g, lines.String()); err != nil {
		t.Fatal(err)
	}
	if got := look(t, g, "/n/u/x"); got != fmt.Sprintf("s/%d/x", n-1) {
		t.Errorf("the first has %q", got)
	}
}

// TestDoubled has a union be bound on itself again and again, which doubles it: there is an end to
// that, and nothing is lost.
func TestDoubled(t *testing.T) {
	g := newGroup(t, tree("a/x", "b/", "c/"))
	if err := do(t, g, "bind -a /a /b\n"); err != nil {
		t.Fatal(err)
	}
	binds := 0
	err := error(nil)
	for ; err == nil && binds < 30; binds++ {
		err = do(t, g, "bind -a /b /b\n")
	}
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "too many mounts") {
		t.Fatalf("bind %d: %v", binds, err)
	}
	text := g.pg.Text()
	if err := do(t, g, "bind -a /b /c\n"); !errors.Is(err, syscall.ENOSPC) || g.pg.Text() != text {
		t.Errorf("%v, and is now\n%s", err, g.pg.Text())
	}
	if err := do(t, g, "unmount /b\nbind /a /c\n"); err != nil || look(t, g, "/c/x") != "a/x" {
		t.Errorf("%v, %q", err, look(t, g, "/c/x"))
	}
}

// TestOwn has a group's own files be bound over, by each name that they have, and a union with
// others of their names: what unbinds all else stays in reach.
func TestOwn(t *testing.T) {
	g := newGroup(t, tree("a/x", "d/#ns/ns", "f"))
	for _, lines := range []string{
		"bind /a /#ns\n", "bind /a #ns\n", "bind -b /a #ns\n", "bind /f #ns/ctl\n", "bind /f /#ns/ns\n",
		"bind #ns /a\nbind /f /a/ctl\n", "bind -a /d /a\nbind /f /a/ns\n",
	} {
		if err := do(t, g, lines); !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), "#ns") {
			t.Errorf("%q: %v", lines, err)
		}
	}
	for _, lines := range []string{"bind -b /d /\n", "bind /#ns /d\n"} {
		if err := do(t, g, lines); err != nil {
			t.Errorf("%q: %v", lines, err)
		}
	}
	for _, name := range []string{"/#ns/ns", "/d/ns", "/a/ns", "#ns/ns"} {
		c, err := g.lookup(t.Context(), name, false)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.dev != g.eng.own {
			t.Errorf("%s is of %s", name, c.dev.name)
		}
		c.close()
	}
}

// TestSlow has a name that leads through a server that does not answer: who asked
// can give up, nothing is done, and others go on.
func TestSlow(t *testing.T) {
	slow := newTdir()
	slow.Add("dir", tree("x"))
	started := make(chan bool, 1)
	root := tree("a/x", "b/y", "e/")
	root.Add("slow", &stuck{slow, started})
	g := newGroup(t, root)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- g.Apply(ctx, Op{Verb: "bind", New: "/slow/dir", Old: "/e"}, 0) }()
	<-started
	other, err := g.Fork(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []*Group{other, g} {
		if err := do(t, g, "bind /a /b"); err != nil {
			t.Error(err)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, syscall.EINTR) {
		t.Errorf("bind through it: %v", err)
	}
	if err := do(t, g, "bind /b /e"); err != nil {
		t.Error(err)
	}
	if got := g.pg.Text(); got != "bind /a /b\nbind /b /e\n" {
		t.Errorf("text %q", got)
	}
}

// A stuck directory walks nowhere until it is interrupted.
type stuck struct {
	*tdir
	started chan bool
}

func (s *stuck) Walk(ctx context.Context, _ string) (srv.File, error) {
	s.started <- true
	<-ctx.Done()
	return nil, ctx.Err()
}
