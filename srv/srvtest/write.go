package srvtest

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// A writer checks a tree that can be changed. Each check has a tree of its own.
type writer struct {
	*testing.T
	ctx  context.Context
	root *client.Fid
	tree srv.File
	fsys client.Fsys
}

var writeChecks = []struct {
	name string
	do   func(w *writer)
}{
	{"create", (*writer).create}, {"names", (*writer).names}, {"data", (*writer).data}, {"append", (*writer).append},
	{"remove", (*writer).remove}, {"rename", (*writer).rename}, {"wstat", (*writer).wstat}, {"many", (*writer).many},
	{"links", (*writer).links}, {"xattr", (*writer).xattr},
}

func write(t *testing.T, newRoot func() srv.File, dotl bool) {
	for _, c := range writeChecks {
		t.Run(c.name, func(t *testing.T) {
			tree := newRoot()
			root := Mount(t, tree, dotl)
			c.do(&writer{t, context.Background(), root, tree, client.Fsys{Root: root}})
		})
	}
}

// is checks an error: want nil is success.
func (w *writer) is(what string, err, want error) {
	w.Helper()
	if want == nil && err != nil || !errors.Is(err, want) {
		w.Errorf("%s: %v, want %v", what, err, want)
	}
}

// put makes a file.
func (w *writer) put(name, text string) {
	w.Helper()
	w.is("write "+name, w.fsys.WriteFile(w.ctx, name, []byte(text), 0o644), nil)
}

// has checks what a file reads as.
func (w *writer) has(name, text string) {
	w.Helper()
	b, err := w.fsys.ReadFile(w.ctx, name)
	if err != nil || string(b) != text {
		w.Errorf("%s reads as %.100q, %v; want %.100q", name, b, err, text)
	}
}

func (w *writer) gone(name string) {
	w.Helper()
	_, err := w.fsys.Lstat(w.ctx, name)
	w.is("stat "+name, err, fs.ErrNotExist)
}

// make creates name in the root, open in the mode.
func (w *writer) make(name string, perm fs.FileMode, mode p9.Mode) (*client.Fid, error) {
	w.Helper()
	f, err := w.root.Walk(w.ctx)
	if err != nil {
		w.Fatal(err)
	}
	if err := f.Create(w.ctx, name, perm, mode); err != nil {
		f.Clunk(w.ctx)
		return nil, err
	}
	return f, nil
}

func (w *writer) mustMake(name string, perm fs.FileMode, mode p9.Mode) *client.Fid {
	w.Helper()
	f, err := w.make(name, perm, mode)
	if err != nil {
		w.Fatalf("create %s: %v", name, err)
	}
	return f
}

func (w *writer) create() {
	f := w.mustMake("f", 0o644, p9.ORDWR|p9.OEXCL)
	n, err := f.Write(w.ctx, []byte("hello"), 0)
	if n != 5 || err != nil {
		w.Errorf("write: %d, %v", n, err)
	}
	buf := make([]byte, 10)
	if n, err := f.Read(w.ctx, buf, 1); string(buf[:n]) != "ello" || err != nil {
		w.Errorf("read: %q, %v", buf[:n], err)
	}
	st, err := f.Stat(w.ctx)
	if err != nil || st.Length != 5 || st.Name != "f" || st.Mode.IsDir() || st.Mode&0o600 != 0o600 || st.Mode&0o022 != 0 {
		w.Errorf("stat: %+v, %v", st, err)
	}
	w.is("clunk", f.Clunk(w.ctx), nil)
	w.has("f", "hello")
	_, err = w.make("f", 0o644, p9.ORDWR|p9.OEXCL)
	w.is("create of a name that is there, OEXCL", err, fs.ErrExist)
	w.is("open again", w.mustMake("f", 0o644, p9.OREAD).Clunk(w.ctx), nil)
	w.has("f", "hello")
	w.is("truncate", w.mustMake("f", 0o644, p9.OWRITE|p9.OTRUNC).Clunk(w.ctx), nil)
	w.has("f", "")

	w.is("mkdir", w.fsys.Mkdir(w.ctx, "d", 0o755), nil)
	w.is("mkdir of a name that is there", w.fsys.Mkdir(w.ctx, "d", 0o755), fs.ErrExist)
	w.is("mkdir of a file's name", w.fsys.Mkdir(w.ctx, "f", 0o755), fs.ErrExist)
	if _, err := w.make("d", 0o644, p9.OWRITE); err == nil {
		w.Error("a directory was created as a file")
	}
	w.put("d/g", "g")
	w.is("mkdir in a directory", w.fsys.Mkdir(w.ctx, "d/e", 0o755), nil)
	ents, err := w.fsys.ReadDir(w.ctx, "d")
	if err != nil || len(ents) != 2 || ents[0].Name != "e" || !ents[0].Qid.IsDir() || ents[1].Name != "g" || ents[1].Qid.IsDir() {
		w.Errorf("list: %v, %v", ents, err)
	}
	if f, err := w.fsys.Walk(w.ctx, "f", true); err == nil {
		w.is("create in a file", f.Create(w.ctx, "x", 0o644, p9.OWRITE), p9.ErrNotDir)
		f.Clunk(w.ctx)
	}
}

func (w *writer) names() {
	for _, name := range []string{"", ".", "..", "a/b", "/", "a\x00b", strings.Repeat("x", 300)} {
		if f, err := w.make(name, 0o644, p9.OWRITE|p9.OEXCL); err == nil {
			w.Errorf("create %.20q: no error", name)
			f.Clunk(w.ctx)
		}
		if _, err := w.root.Mkdir(w.ctx, name, 0o755); err == nil {
			w.Errorf("mkdir %.20q: no error", name)
		}
	}
	for _, name := range []string{"a b", "naïve", "...", "-", "*", "\xff\n", strings.Repeat("x", 255)} {
		w.put(name, name)
		w.has(name, name)
		w.is("remove", w.fsys.Remove(w.ctx, name), nil)
	}
}

func (w *writer) data() {
	f := w.mustMake("f", 0o644, p9.ORDWR)
	defer f.Clunk(w.ctx)
	if n, err := f.Write(w.ctx, []byte("end"), 100_000); n != 3 || err != nil {
		w.Errorf("write behind the end: %d, %v", n, err)
	}
	w.has("f", strings.Repeat("\x00", 100_000)+"end")
	big := bytes.Repeat([]byte("0123456789abcde\n"), 3<<20/16)
	if n, err := f.Write(w.ctx, big, 5); n != len(big) || err != nil {
		w.Errorf("write of 3 MiB: %d, %v", n, err)
	}
	w.has("f", "\x00\x00\x00\x00\x00"+string(big))
	if n, err := f.Write(w.ctx, nil, 0); n != 0 || err != nil {
		w.Errorf("write of nothing: %d, %v", n, err)
	}
	r, err := w.root.Walk(w.ctx, "f")
	if err != nil {
		w.Fatal(err)
	}
	defer r.Clunk(w.ctx)
	w.is("open", r.Open(w.ctx, p9.OWRITE), nil)
	if n, err := r.Read(w.ctx, make([]byte, 10), 0); n != 0 || err == nil {
		w.Errorf("open for writing, but %d bytes were read", n)
	}
	if n, err := f.Write(w.ctx, []byte("x"), -1); n != 0 || err == nil {
		w.Errorf("write at offset -1: %d, %v", n, err)
	}
}

func (w *writer) append() {
	w.put("f", "one")
	f, err := w.root.Walk(w.ctx, "f")
	if err != nil {
		w.Fatal(err)
	}
	w.is("open", f.Open(w.ctx, p9.OWRITE|p9.OAPPEND), nil)
	for range 2 {
		if n, err := f.Write(w.ctx, []byte(" more"), 0); n != 5 || err != nil {
			w.Errorf("write: %d, %v", n, err)
		}
	}
	f.Clunk(w.ctx)
	w.has("f", "one more more")
}

func (w *writer) remove() {
	w.put("f", "f")
	open, err := w.fsys.Open(w.ctx, "f", p9.OREAD)
	if err != nil {
		w.Fatal(err)
	}
	w.is("remove of an open file", w.fsys.Remove(w.ctx, "f"), nil)
	w.gone("f")
	open.Close()
	w.is("mkdir", w.fsys.Mkdir(w.ctx, "d", 0o755), nil)
	w.put("d/f", "f")
	w.is("remove of a directory with a file", w.fsys.Remove(w.ctx, "d"), p9.ErrNotEmpty)
	w.has("d/f", "f")
	w.is("unlink a directory as a file", w.root.Unlink(w.ctx, "d", false), syscall.EISDIR)
	d, err := w.root.Walk(w.ctx, "d")
	if err != nil {
		w.Fatal(err)
	}
	w.is("unlink a file as a directory", d.Unlink(w.ctx, "f", true), p9.ErrNotDir)
	w.is("unlink", d.Unlink(w.ctx, "f", false), nil)
	w.is("unlink a name that is not there", d.Unlink(w.ctx, "f", false), fs.ErrNotExist)
	w.is("remove", d.Remove(w.ctx), nil)
	w.gone("d")
	f := w.mustMake("f", 0o644, p9.ORDWR|p9.ORCLOSE)
	w.is("clunk", f.Clunk(w.ctx), nil)
	w.gone("f")
}

func (w *writer) rename() {
	w.put("a", "a")
	held, err := w.root.Walk(w.ctx, "a")
	if err != nil {
		w.Fatal(err)
	}
	defer held.Clunk(w.ctx)
	w.is("open", held.Open(w.ctx, p9.OREAD), nil)
	w.is("rename", w.fsys.Rename(w.ctx, "a", "b"), nil)
	w.gone("a")
	w.has("b", "a")
	if b, err := readAll(w.ctx, held, 100); err != nil || string(b) != "a" {
		w.Errorf("an open file that was renamed: %q, %v", b, err)
	}
	w.is("rename of nothing", w.fsys.Rename(w.ctx, "none", "c"), fs.ErrNotExist)
	for _, name := range []string{"", ".", "..", "x/y", "x\x00"} {
		if err := w.root.Rename(w.ctx, "b", w.root, name); err == nil && name != "" { // "" is no change in 9P2000
			w.Errorf("rename to %q: no error", name)
		}
	}
	w.has("b", "a")
	w.put("c", "c")
	g, err := w.root.Walk(w.ctx, "b")
	if err != nil {
		w.Fatal(err)
	}
	to := p9.Wstat{Valid: p9.WName | p9.WLength, Name: "c"}
	w.is("rename onto a name that is there", g.Wstat(w.ctx, to), fs.ErrExist)
	for _, name := range []string{"b", "n", "b"} { // its own at first
		w.is("wstat of the name "+name, g.Wstat(w.ctx, p9.Wstat{Valid: p9.WName, Name: name}), nil)
		w.has(name, "a")
	}
	w.is("clunk", g.Clunk(w.ctx), nil)
	w.has("b", "a")
	w.has("c", "c")
	err = w.fsys.Rename(w.ctx, "b", "c")
	w.is("rename onto a name that is there", err, nil)
	w.gone("b")
	w.has("c", "a")
	w.is("mkdir", w.fsys.Mkdir(w.ctx, "d", 0o755), nil)
	w.is("mkdir", w.fsys.Mkdir(w.ctx, "d/e", 0o755), nil)
	err = w.fsys.Rename(w.ctx, "c", "d/e/c")
	if errors.Is(err, syscall.EXDEV) {
		return // each directory a file system of its own
	}
	w.is("rename to another directory", err, nil)
	w.has("d/e/c", "a")
	w.is("rename of a directory into itself", w.fsys.Rename(w.ctx, "d", "d/e/d"), syscall.EINVAL)
	w.put("f", "f")
	w.is("rename of a file onto a directory", w.fsys.Rename(w.ctx, "f", "d"), syscall.EISDIR)
	w.is("rename of a directory onto a file", w.fsys.Rename(w.ctx, "d", "f"), p9.ErrNotDir)
	w.has("d/e/c", "a")
	w.has("f", "f")
}

func (w *writer) wstat() {
	w.put("f", "0123456789")
	length := func(n uint64) p9.Wstat { return p9.Wstat{Valid: p9.WLength, Length: n} }
	w.is("length 5", w.fsys.Wstat(w.ctx, "f", length(5)), nil)
	w.has("f", "01234")
	w.is("length 8", w.fsys.Wstat(w.ctx, "f", length(8)), nil)
	w.has("f", "01234\x00\x00\x00")
	w.is("mode", w.fsys.Wstat(w.ctx, "f", p9.Wstat{Valid: p9.WMode, Mode: 0o604}), nil)
	at := time.Unix(1_000_000_000, 0)
	w.is("mtime", w.fsys.Wstat(w.ctx, "f", p9.Wstat{Valid: p9.WMtime, Mtime: at}), nil)
	st, err := w.fsys.Stat(w.ctx, "f")
	if err != nil || st.Mode != 0o604 || !st.Mtime.Equal(at) || st.Length != 8 {
		w.Errorf("stat: %+v, %v", st, err)
	}
	w.is("no change", w.fsys.Wstat(w.ctx, "f", p9.Wstat{}), nil)
}
