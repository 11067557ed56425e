package diskfs

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestRenameRace: what somebody else of the machine makes is not renamed over.
func TestRenameRace(t *testing.T) { srvtest.RenameRace(t, serve(t, t.TempDir())) }

func TestConformance(t *testing.T) {
	srvtest.Test(t, func() srv.File { return serve(t, t.TempDir()) })
}

// TestWire goes through the engine, in both dialects.
func TestWire(t *testing.T) {
	srvtest.Each(t, func() srv.File { return serve(t, t.TempDir()) }, func(t *testing.T, root *client.Fid) {
		f := client.Fsys{Root: root}
		must(0, f.Mkdir(bg, "d", 0o755))(t)
		must(0, f.Mkdir(bg, "d/e", 0o755))(t)
		must(0, f.WriteFile(bg, "d/a", []byte("hello"), 0o644))(t)
		must(0, f.WriteFile(bg, "d/e/b", nil, 0o600))(t)
		must(0, f.Rename(bg, "d/a", "d/c"))(t)
		if err := fstest.TestFS(f.FS(bg), "d/c", "d/e/b"); err != nil {
			t.Error(err)
		}
		wantErr(t, "remove of a full directory", f.Remove(bg, "d"), unix.ENOTEMPTY)
		h := must(f.Open(bg, "d/c", p9.ORDWR))(t)
		must(0, f.Remove(bg, "d/c"))(t)
		must(h.Write([]byte("J")))(t)
		b := make([]byte, 10)
		if n, _ := h.ReadAt(b, 0); string(b[:n]) != "Jello" {
			t.Errorf("removed file: %q", b[:n])
		}
		h.Close()
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
	dir := t.TempDir()
	for i := range 10000 {
		write(t, fmt.Sprintf("%s/f%d", dir, i), "")
	}
	r := serve(t, dir)
	for _, version := range []string{p9.Version9P2000, p9.Version9P2000L} {
		for _, msize := range []uint32{256, 4096, 1 << 20} {
			c := must(client.New(bg, srvtest.Serve(t, srv.New(r)), &client.Options{Version: version, Msize: msize}))(t)
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

// TestWireEscape tries to leave the tree as a client can.
func TestWireEscape(t *testing.T) {
	dir, r := outside(t)
	must(0, os.Symlink("..", dir+"/export/up"))(t)
	for _, dotl := range []bool{false, true} {
		root := srvtest.Mount(t, r, dotl)
		want := root.Qid().Path
		up := must(root.Walk(bg, "d", "..", "..", "..", ".."))(t)
		if up.Qid().Path != want {
			t.Errorf("dotl %v: .. leads to %v", dotl, up.Qid())
		}
		for _, names := range [][]string{{"../secret"}, {"up", "secret"}, {"..", "secret"}, {"d", "..", "..", "secret"}, {"/etc"}} {
			if f, err := root.Walk(bg, names...); err == nil {
				t.Errorf("dotl %v: walk of %q gives %v", dotl, names, f.Qid())
			}
		}
		d := must(root.Walk(bg, "d"))(t)
		must(0, os.Rename(dir+"/export/d", dir+"/moved"))(t)
		up = must(d.Walk(bg, "..", ".."))(t)
		if up.Qid().Path != want {
			t.Errorf("dotl %v: .. of a directory moved out leads to %v", dotl, up.Qid())
		}
		if err := d.Create(bg, "../x", 0o644, p9.OWRITE); err == nil {
			t.Errorf("dotl %v: create of ../x works", dotl)
		}
		must(0, os.Rename(dir+"/moved", dir+"/export/d"))(t)
	}
}

// TestWireFlush flushes what waits for the other end of a pipe.
func TestWireFlush(t *testing.T) {
	dir := t.TempDir()
	must(0, unix.Mkfifo(dir+"/p", 0o600))(t)
	srvtest.Each(t, func() srv.File { return serve(t, dir) }, func(t *testing.T, root *client.Fid) {
		rd := must(root.Walk(bg, "p"))(t)
		ctx, cancel := context.WithCancel(bg)
		errs := make(chan error)
		go func() {
			w := must(root.Walk(bg, "p"))(t)
			errs <- w.Open(ctx, p9.OWRITE)
		}()
		cancel()
		wantErr(t, "open for writing", <-errs, context.Canceled)
		must(0, rd.Open(bg, p9.OREAD))(t)
		ctx, cancel = context.WithCancel(bg)
		b := make([]byte, 10)
		go func() {
			_, err := rd.Read(ctx, b, 0)
			errs <- err
		}()
		cancel()
		wantErr(t, "read", <-errs, context.Canceled)
		w := must(root.Walk(bg, "p"))(t)
		must(0, w.Open(bg, p9.OWRITE))(t)
		must(w.Write(bg, []byte("late"), 0))(t)
		if n, err := rd.Read(bg, b, 0); string(b[:n]) != "late" || err != nil {
			t.Errorf("read after a flushed one: %q %v", b[:n], err)
		}
		// Left blocked: the connection's end has to cancel it.
		go rd.Read(bg, b, 0)
	})
}

func TestCounts(t *testing.T) {
	srvtest.Counts(t, func(names []string) srv.File {
		dir := t.TempDir()
		for _, name := range names {
			write(t, dir+"/"+name, "")
		}
		return serve(t, dir)
	})
}
