package ramfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
	"testing/fstest"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestRenameRace: what another client makes is not renamed over.
func TestRenameRace(t *testing.T) { srvtest.RenameRace(t, New()) }

func TestConformance(t *testing.T) {
	srvtest.Test(t, func() srv.File { return New() })
}

// TestWire goes through the engine, in both dialects.
func TestWire(t *testing.T) {
	srvtest.Each(t, func() srv.File { return New() }, func(t *testing.T, root *client.Fid) {
		f := client.Fsys{Root: root}
		must(0, f.Mkdir(bg, "d", 0o755))(t)
		must(0, f.Mkdir(bg, "d/e", 0o755))(t)
		must(0, f.WriteFile(bg, "d/a", []byte("hello"), 0o644))(t)
		must(0, f.WriteFile(bg, "d/e/b", nil, 0o600))(t)
		must(0, f.Rename(bg, "d/a", "d/c"))(t)
		if err := fstest.TestFS(f.FS(bg), "d/c", "d/e/b"); err != nil {
			t.Error(err)
		}
		wantErr(t, "remove of a full directory", f.Remove(bg, "d"), syscall.ENOTEMPTY)
		// Unlinked while open.
		h := must(f.Open(bg, "d/c", p9.ORDWR))(t)
		must(0, f.Remove(bg, "d/c"))(t)
		must(h.Write([]byte("J")))(t)
		b := make([]byte, 10)
		if n, _ := h.ReadAt(b, 0); string(b[:n]) != "Jello" {
			t.Errorf("removed file: %q", b[:n])
		}
		h.Close()
		// A file that is removed when it is closed, one that its maker cannot write.
		d := must(root.Walk(bg, "d"))(t)
		must(0, d.Create(bg, "tmp", 0o444|fs.ModeTemporary, p9.ORDWR|p9.ORCLOSE))(t)
		must(d.Write(bg, []byte("text"), 0))(t)
		must(0, d.Wstat(bg, p9.Wstat{Valid: p9.WLength, Length: 2}))(t)
		must(0, d.Clunk(bg))(t)
		_, err := f.Stat(bg, "d/tmp")
		wantErr(t, "stat after ORCLOSE", err, fs.ErrNotExist)
	})
}

func TestWireList(t *testing.T) {
	root := New().(*dir)
	for i := range 10000 {
		put(t, root, fmt.Sprintf("f%d", i), "")
	}
	for _, version := range []string{p9.Version9P2000, p9.Version9P2000L} {
		for _, msize := range []uint32{256, 4096, 1 << 20} {
			c := must(client.New(bg, srvtest.Serve(t, srv.New(root)), &client.Options{Version: version, Msize: msize}))(t)
			fid := must(c.Attach(bg, nil, "", ""))(t)
			must(0, fid.Open(bg, p9.OREAD))(t)
			seen := map[string]bool{}
			for e, err := range fid.List(bg, 0) {
				if err != nil {
					t.Fatal(err)
				}
				seen[e.Name] = true
			}
			if len(seen) != 10000 {
				t.Errorf("%s, msize %d: %d entries", version, msize, len(seen))
			}
			c.Close()
		}
	}
}

func TestWireLock(t *testing.T) {
	root := srvtest.Mount(t, New(), true)
	a := must(root.Walk(bg))(t)
	must(0, a.Create(bg, "f", 0o644, p9.ORDWR))(t)
	b := must(root.Walk(bg, "f"))(t)
	must(0, b.Open(bg, p9.ORDWR))(t)
	wait := lockAs(p9.LockWrite, 2, 0, 0)
	wait.Flags = p9.LockFlagBlock
	must(a.Lock(bg, lockAs(p9.LockWrite, 1, 0, 0)))(t)
	ctx, cancel := context.WithCancel(bg)
	errs := make(chan error)
	lock := func(ctx context.Context) { _, err := b.Lock(ctx, wait); errs <- err }
	go lock(ctx)
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("flushed: %v", err)
	}
	go lock(bg)
	must(0, a.Clunk(bg))(t)
	must(0, <-errs)(t)
}

func TestCounts(t *testing.T) {
	srvtest.Counts(t, func(names []string) srv.File {
		root := New()
		for _, name := range names {
			f, h, err := srv.Create(bg, root, name, 0o666, p9.OREAD)
			if err != nil {
				t.Fatal(err)
			}
			if srv.Clunk(h); f != srv.File(h.(srv.File)) {
				srv.Clunk(f)
			}
		}
		return root
	})
}
