package srvtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// many removes files while they are listed: what stays is listed once, and what
// goes at most once.
func (w *writer) many() {
	const files = 400
	for i := range files {
		f := w.mustMake(fmt.Sprintf("a file with a long name, number %d", i), 0o644, p9.OWRITE)
		f.Clunk(w.ctx)
	}
	d, err := w.root.Walk(w.ctx)
	if err != nil {
		w.Fatal(err)
	}
	defer d.Clunk(w.ctx)
	w.is("open", d.Open(w.ctx, p9.OREAD), nil)
	var seen []string
	var last uint64
	for len(seen) < files*2 {
		var batch []p9.Dirent
		for e, err := range d.List(w.ctx, last) {
			if err != nil {
				w.Fatal(err)
			}
			if batch = append(batch, e); len(batch) == 7 {
				break
			}
		}
		if len(batch) == 0 {
			break
		}
		last = batch[len(batch)-1].Cookie
		for i, e := range batch {
			if seen = append(seen, e.Name); i%2 == 0 {
				w.is("remove", w.fsys.Remove(w.ctx, e.Name), nil)
			}
		}
	}
	slices.Sort(seen)
	if n := len(slices.Compact(slices.Clone(seen))); n != len(seen) || n != files {
		w.Errorf("%d entries, %d of them different, of %d files", len(seen), n, files)
	}
}

// links makes symbolic and further hard links, which only 9P2000.L can.
func (w *writer) links() {
	w.put("f", "f")
	f, err := w.root.Walk(w.ctx, "f")
	if err != nil {
		w.Fatal(err)
	}
	defer f.Clunk(w.ctx)
	if !w.root.Conn().DotL() {
		_, err := w.root.Symlink(w.ctx, "s", "f")
		w.is("symlink", err, p9.ErrNotSup)
		w.is("link", w.root.Link(w.ctx, f, "l"), p9.ErrNotSup)
		return
	}
	if _, ok := w.tree.(srv.Symlinker); ok {
		q, err := w.root.Symlink(w.ctx, "s", "../f")
		w.is("symlink", err, nil)
		st, err := w.fsys.Lstat(w.ctx, "s")
		if err != nil || st.Mode.Type() != fs.ModeSymlink || st.Qid.Path != q.Path {
			w.Errorf("symlink: %+v, %v", st, err)
		}
		if target, err := w.fsys.Readlink(w.ctx, "s"); err != nil || target != "../f" {
			w.Errorf("readlink: %q, %v", target, err)
		}
		w.has("s", "f")
		_, err = w.root.Symlink(w.ctx, "s", "x")
		w.is("symlink over a name that is there", err, p9.ErrExist)
		w.is("remove", w.fsys.Remove(w.ctx, "s"), nil)
		w.has("f", "f")
	}
	if _, ok := w.tree.(srv.Linker); ok {
		w.is("link", w.root.Link(w.ctx, f, "l"), nil)
		st, err := f.Stat(w.ctx)
		if err != nil || st.Nlink != 2 {
			w.Errorf("%d links, %v", st.Nlink, err)
		}
		lst, err := w.fsys.Lstat(w.ctx, "l")
		if err != nil || lst.Qid.Path != st.Qid.Path {
			w.Errorf("qids %v and %v of one file, %v", lst.Qid, st.Qid, err)
		}
		w.is("link over a name that is there", w.root.Link(w.ctx, f, "l"), p9.ErrExist)
		w.is("rename to another name of the file", w.root.Rename(w.ctx, "f", w.root, "l"), nil)
		for _, name := range []string{"f", "l"} { // rename(2) leaves both
			if st, err := w.fsys.Lstat(w.ctx, name); err != nil || st.Nlink != 2 {
				w.Errorf("%s: %d links, %v", name, st.Nlink, err)
			}
		}
		w.is("remove", w.fsys.Remove(w.ctx, "f"), nil)
		w.has("l", "f")
	}
}

func (w *writer) xattr() {
	w.put("f", "f")
	f, err := w.root.Walk(w.ctx, "f")
	if err != nil {
		w.Fatal(err)
	}
	defer f.Clunk(w.ctx)
	const name = "user.ninespace"
	err = f.Setxattr(w.ctx, name, []byte("value"), 0)
	if _, ok := w.tree.(srv.Xattrer); !ok || !w.root.Conn().DotL() {
		w.is("setxattr", err, p9.ErrNotSup)
		return
	}
	if err != nil {
		w.Skipf("the file system below has no attributes: %v", err)
	}
	get := func(want string) {
		w.Helper()
		v, err := f.Getxattr(w.ctx, name)
		if err != nil || string(v) != want {
			w.Errorf("getxattr: %.20q, %v", v, err)
		}
	}
	get("value")
	if l, err := f.Listxattr(w.ctx); err != nil || !slices.Contains(l, name) {
		w.Errorf("listxattr: %q, %v", l, err)
	}
	const create = 1 // XATTR_CREATE
	w.is("setxattr of one that is there", f.Setxattr(w.ctx, name, []byte("x"), create), syscall.EEXIST)
	long := bytes.Repeat([]byte("v"), 1000)
	w.is("setxattr", f.Setxattr(w.ctx, name, long, 0), nil)
	get(string(long))
	w.is("setxattr to nothing", f.Setxattr(w.ctx, name, nil, 0), nil)
	get("")
	w.is("removexattr", f.Removexattr(w.ctx, name), nil)
	_, err = f.Getxattr(w.ctx, name)
	w.is("getxattr of one that was removed", err, syscall.ENODATA)
	w.is("removexattr again", f.Removexattr(w.ctx, name), syscall.ENODATA)
	w.has("f", "f")
}
