package client_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// TestWalkSum: who may read a file is told the sum of what it has then, and nobody else; what is
// made up as it is read has none, nor have directories.
func TestWalkSum(t *testing.T) {
	ctx := t.Context()
	tree := ramfs.New()
	big := bytes.Repeat([]byte("0123456789"), 30000)
	for _, f := range []struct {
		name string
		perm fs.FileMode
		text []byte
	}{{"big", 0o644, big}, {"empty", 0o644, nil}, {"secret", 0o200, big}, {"dir", fs.ModeDir | 0o755, nil}} {
		mode := p9.OWRITE
		if f.perm.IsDir() {
			mode = p9.OREAD
		}
		_, h, err := srv.Create(ctx, tree, f.name, f.perm, mode)
		if err == nil && f.text != nil {
			_, err = h.(srv.Writer).Write(ctx, f.text, 0)
		}
		if err != nil {
			t.Fatal(f.name, err)
		}
	}
	if _, err := tree.(srv.Symlinker).Symlink(ctx, "link", "big"); err != nil {
		t.Fatal(err)
	}
	files := srv.NewDir().Add("made", srv.Const("made up\n"))
	root, made := srvtest.Mount(t, tree, true), srvtest.Mount(t, files, true)
	sum := func(b []byte) *[sha256.Size]byte { s := sha256.Sum256(b); return &s }
	want := map[string]*[sha256.Size]byte{"big": sum(big), "empty": sum(nil), "secret": nil, "dir": nil, "link": nil, "made": nil}
	for name, want := range want {
		from := root
		if name == "made" {
			from = made
		}
		for range 2 {
			r, err := from.WalkSum(ctx, name)
			if err != nil || r.HasSum != (want != nil) || r.HasSum && r.Sum != *want {
				t.Errorf("%s: %x %v %v", name, r.Sum, r.HasSum, err)
			}
			if is := name == "link"; is != (r.Target == "big") || r.Stat.Mode.IsDir() != (name == "dir") {
				t.Errorf("%s: %v, to %q", name, r.Stat.Mode, r.Target)
			}
		}
	}
	for _, names := range [][]string{{"none"}, {"none", "f"}, {"dir", "none"}} {
		if _, err := root.WalkSum(ctx, names...); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v: %v", names, err)
		}
	}
	if _, err := root.WalkSum(ctx, "big", "f"); !errors.Is(err, p9.ErrNotDir) {
		t.Error("below a file: ", err)
	}
	if _, err := srvtest.Mount(t, tree, false).WalkSum(ctx, "big"); !errors.Is(err, p9.ErrNotSup) {
		t.Error("9P2000: ", err)
	}
	if b, err := root.Listxattr(ctx); err == nil && len(b) > 0 {
		t.Error("sums are listed: ", b)
	}
	f, err := root.WalkOpen(ctx, p9.OWRITE, "big")
	if err == nil {
		_, err = f.Write(ctx, []byte("x"), 5)
	}
	if err != nil {
		t.Fatal(err)
	}
	big[5] = 'x'
	if r, err := root.WalkSum(ctx, "big"); err != nil || r.Sum != *sum(big) {
		t.Errorf("after a write: %x %v", r.Sum, err)
	}
}
