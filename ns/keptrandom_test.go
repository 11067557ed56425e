package ns

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// A randomUser does what programs do in two directories of a tree, d0 and d1, with three names in each.
type randomUser struct {
	*rand.Rand
	root srv.File
}

// walkTo gives what has a name; the caller clunks it.
func walkTo(ctx context.Context, root srv.File, names ...string) (srv.File, error) {
	f, err := srv.Walk(ctx, root, names[0])
	if err != nil || len(names) == 1 {
		return f, err
	}
	defer srv.Clunk(f)
	return walkTo(ctx, f, names[1:]...)
}

func (u *randomUser) dir() string  { return fmt.Sprint("d", u.IntN(2)) }
func (u *randomUser) name() string { return fmt.Sprint("n", u.IntN(3)) }

// does does one thing, which may fail.
func (u *randomUser) does(ctx context.Context) {
	dir, name, other := u.dir(), u.name(), u.name()
	d, err := walkTo(ctx, u.root, dir)
	if err != nil {
		return
	}
	defer srv.Clunk(d)
	to, err := walkTo(ctx, u.root, u.dir())
	if err != nil {
		return
	}
	defer srv.Clunk(to)
	switch u.IntN(8) {
	case 0:
		perm := []fs.FileMode{0o666, 0o777 | fs.ModeDir}[u.IntN(2)]
		f, h, _ := srv.Create(ctx, d, name, perm, p9.ORDWR)
		u.writes(ctx, h)
		clunkHandle(f, h)
		srv.Clunk(f)
	case 1:
		d.(interface {
			Unlink(ctx context.Context, name string, isDir bool) error
		}).Unlink(ctx, name, u.IntN(2) == 0)
	case 2:
		d.(interface {
			Rename(ctx context.Context, old string, newdir srv.File, newname string) error
		}).Rename(ctx, name, to, other)
	case 3:
		entriesOf(ctx, d)
	default:
		if f, err := walkTo(ctx, d, name); err == nil {
			u.uses(ctx, f, to, other)
			srv.Clunk(f)
		}
	}
}

// uses does something with a file.
func (u *randomUser) uses(ctx context.Context, f, to srv.File, name string) {
	switch mode := []p9.Mode{p9.OREAD, p9.ORDWR, p9.ORDWR | p9.OTRUNC}; u.IntN(4) {
	case 0:
		to.(srv.Linker).Link(ctx, f, name)
	case 1:
		srv.Wstat(ctx, f, p9.Wstat{Valid: p9.WLength, Length: u.Uint64N(20)})
	case 2:
		f.Stat(ctx)
	default:
		h, err := srv.Open(ctx, f, mode[u.IntN(len(mode))])
		if err != nil {
			return
		}
		if r, ok := h.(srv.Reader); ok {
			r.Read(ctx, make([]byte, 30), 0)
		}
		u.writes(ctx, h)
		clunkHandle(f, h)
	}
}

func (u *randomUser) writes(ctx context.Context, h srv.Handle) {
	w, ok := h.(srv.Writer)
	if !ok || u.IntN(3) == 0 {
		return
	}
	w.Write(ctx, []byte(fmt.Sprint(u.Uint32())), u.Int64N(5))
	if f, ok := h.(flusher); ok {
		f.Flush(ctx)
	}
}

// entriesOf gives a directory's entries.
func entriesOf(ctx context.Context, d srv.File) (list []string, err error) {
	h, err := srv.Open(ctx, d, p9.OREAD)
	if err != nil {
		return nil, err
	}
	defer clunkHandle(d, h)
	l, ok := h.(srv.Lister)
	if !ok {
		l = d.(srv.Lister)
	}
	for e, err := range l.List(ctx, 0) {
		if err != nil {
			return list, err
		}
		list = append(list, e.Name+e.Mode.Type().String())
	}
	slices.Sort(list)
	return list, nil
}

// shown tells of all that a tree has, with the directories' entries if lists.
func shown(ctx context.Context, root srv.File, lists bool) string {
	var b strings.Builder
	for _, dir := range []string{"d0", "d1"} {
		d, err := walkTo(ctx, root, dir)
		if err != nil {
			return err.Error()
		}
		if lists {
			list, err := entriesOf(ctx, d)
			fmt.Fprintln(&b, dir, list, err)
		}
		srv.Clunk(d)
		for n := range 3 {
			name := fmt.Sprint("n", n)
			fmt.Fprintf(&b, "%s/%s", dir, name)
			f, err := walkTo(ctx, root, dir, name)
			if err != nil {
				fmt.Fprintln(&b, "", p9.ErrorOf(err).Errno)
				continue
			}
			st, err := f.Stat(ctx)
			if fmt.Fprint(&b, " ", st.Mode, err); st.Mode.IsRegular() {
				data, err := content(ctx, f)
				fmt.Fprintf(&b, " %d bytes %d names %q %v", st.Length, st.Nlink, data, err)
			}
			fmt.Fprintln(&b)
			srv.Clunk(f)
		}
	}
	return b.String()
}

// content reads a file.
func content(ctx context.Context, f srv.File) ([]byte, error) {
	h, err := srv.Open(ctx, f, p9.OREAD)
	if err != nil {
		return nil, err
	}
	defer clunkHandle(f, h)
	b := make([]byte, 100)
	n, err := h.(srv.Reader).Read(ctx, b, 0)
	if err == io.EOF {
		err = nil
	}
	return b[:n], err
}

// TestKeptRandom has two mounts with leases, by two threads each, used at random in the same directories
// at once: whenever all are done each shows what the server has.
func TestKeptRandom(t *testing.T) {
	ctx := t.Context()
	tree := ramfs.New()
	for _, dir := range []string{"d0", "d1"} {
		f, h, err := srv.Create(ctx, tree, dir, 0o777|fs.ModeDir, p9.OREAD)
		if err != nil {
			t.Fatal(err)
		}
		clunkHandle(f, h)
	}
	s := srv.New(tree)
	s.Leases = srv.NewLeases()
	l := srvtest.NewLink(t, s, 0)
	mounts := []srv.File{keptTree(t, l), keptTree(t, l)}
	const rounds, threads, most = 1000, 2, 4
	bad := 0
	for round := range rounds {
		var all sync.WaitGroup
		for i := range threads * len(mounts) {
			all.Go(func() {
				u := &randomUser{rand.New(rand.NewPCG(uint64(round), uint64(i))), mounts[i%len(mounts)]}
				for range 1 + u.IntN(most) {
					u.does(ctx)
				}
			})
		}
		all.Wait()
		lists := round%2 == 0
		want := shown(ctx, tree, lists)
		for i, m := range mounts {
			if got := shown(ctx, m, lists); got != want {
				if bad++; bad == 1 {
					t.Errorf("round %d: mount %d shows\n%sand the server has\n%s", round, i, got, want)
				}
			}
		}
	}
	if bad > 0 {
		t.Errorf("%d of %d looks are wrong", bad, rounds*len(mounts))
	}
}
