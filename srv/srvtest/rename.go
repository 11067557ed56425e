package srvtest

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// A busyDir is a directory in which somebody makes a file of the new name just
// before a rename to it.
type busyDir struct {
	srv.File
	from int // the first rename that is met so, 1 for that
}

func (d *busyDir) Guard() {}

func (d *busyDir) Walk(ctx context.Context, name string) (srv.File, error) {
	return srv.Walk(ctx, d.File, name)
}

func (d *busyDir) Rename(ctx context.Context, old string, newdir srv.File, newname string) error {
	return d.RenameFlags(ctx, old, newdir, newname, 0)
}

func (d *busyDir) RenameFlags(ctx context.Context, old string, _ srv.File, newname string, flags uint32) error {
	if d.from--; d.from <= 0 {
		if f, h, err := srv.Create(ctx, d.File, newname, 0o666, p9.OWRITE|p9.OEXCL); err == nil {
			srv.Clunk(h)
			srv.Clunk(f)
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return srv.RenameFlags(ctx, d.File, old, d.File, newname, flags)
}

// RenameRace holds an empty directory that is an srv.FlagRenamer to wstat's rule: a name
// that another has got in the last moment is not taken away from it, neither on the way
// nor on the way back, when something else of the wstat is refused.
func RenameRace(t *testing.T, root srv.File) {
	ctx := t.Context()
	dir := &busyDir{File: root}
	fsys := client.Fsys{Root: Mount(t, dir, false)}
	has := func(name, text string) {
		t.Helper()
		if b, err := (client.Fsys{Root: Mount(t, root, false)}).ReadFile(ctx, name); err != nil || string(b) != text {
			t.Errorf("%s is %q, %v, not %q", name, b, err, text)
		}
	}
	plain := client.Fsys{Root: Mount(t, root, false)}
	for _, name := range []string{"a", "b"} {
		if err := plain.WriteFile(ctx, name, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	dir.from = 1
	if err := fsys.Wstat(ctx, "a", p9.Wstat{Valid: p9.WName, Name: "c"}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that has just come: %v", err)
	}
	has("a", "a")
	has("c", "")
	dir.from = 2
	f, err := fsys.Walk(ctx, "b", true)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Clunk(ctx)
	if err := f.Wstat(ctx, p9.Wstat{Valid: p9.WName | p9.WLength, Name: "d", Length: 1 << 63}); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("a length that cannot be: %v", err)
	}
	has("b", "")
	has("d", "b")
	if st, err := f.Stat(ctx); err != nil || st.Name != "d" {
		t.Errorf("it is called %q, %v", st.Name, err)
	}
}
