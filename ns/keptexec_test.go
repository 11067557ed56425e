package ns

import (
	"encoding/binary"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// TestKeptFollow: a path is followed to a file, but not for ever.
func TestKeptFollow(t *testing.T) {
	ctx := t.Context()
	root := ramfs.New()
	if _, _, err := srv.Create(ctx, root, "d", fs.ModeDir|0o777, p9.OREAD); err != nil {
		t.Fatal(err)
	}
	c := keptTree(t, srvtest.NewLink(t, srv.New(root), 0)).c
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

// oneListed is a list of one library.
func oneListed(place string) []byte {
	le := binary.LittleEndian
	b := append(make([]byte, listHead+listSize), place+"\x00"...)
	copy(b, listName)
	b[listMany] = 1
	le.PutUint32(b[listHead+listKey:], uint32(len(b)-len(path.Base(place))-1))
	le.PutUint32(b[listHead+listValue:], listHead+listSize)
	return b
}

// TestKeptLibraries: who runs a program has the list of libraries, whoever read it before, as it
// is now, and asks for it once.
func TestKeptLibraries(t *testing.T) {
	ctx := t.Context()
	root := ramfs.New()
	etc, _, err := srv.Create(ctx, root, "etc", fs.ModeDir|0o777, p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	_, h, err := srv.Create(ctx, etc, path.Base(ldCache), 0o666, p9.OWRITE)
	if err == nil {
		_, err = h.(srv.Writer).Write(ctx, oneListed("/lib/old/libx.so"), 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	l := srvtest.NewLink(t, srv.New(root), 0)
	c := keptTree(t, l).c
	k := c.root.follow(ctx, ldCache)
	if k == nil {
		t.Fatal("there is no list")
	}
	defer k.Clunk()
	if h, err := k.Open(ctx, p9.OREAD); err != nil {
		t.Fatal(err)
	} else {
		h.(*keptHandle).Clunk()
	}
	l.Traffic()
	for i, step := range []struct {
		place string
		reads int
	}{{"/lib/old/libx.so", 1}, {"/lib/old/libx.so", 0}, {"/lib/new/libx.so", 1}, {"/lib/new/libx.so", 0}} {
		if i == 2 {
			writeFar(t, l, oneListed(step.place))
		}
		if got := c.newProgram(ctx).libraries()["libx.so"]; !slices.Equal(got, []string{step.place}) {
			t.Errorf("%d: %q, not %s", i, got, step.place)
		}
		if n := l.Traffic(); n.Of[p9.Tread] != step.reads {
			t.Errorf("%d: %v", i, n)
		}
	}
}

// writeFar has another client write the list of libraries.
func writeFar(t *testing.T, l *srvtest.Link, list []byte) {
	t.Helper()
	d, err := dial(t.Context(), l.Addr, "y", "")
	if err != nil {
		t.Fatal(err)
	}
	defer d.hangup()
	f, err := d.root.(*mntFile).fid.WalkOpen(t.Context(), p9.OWRITE, "etc", path.Base(ldCache))
	if err == nil {
		_, err = f.Write(t.Context(), list, 0)
		f.Drop()
	}
	if err != nil {
		t.Fatal(err)
	}
}
