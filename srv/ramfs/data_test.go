package ramfs

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// TestData holds what a file reads as against a plain slice.
func TestData(t *testing.T) {
	root := New().(*dir)
	h := mk(t, root, "f", p9.ORDWR)
	defer h.Clunk()
	rnd := rand.New(rand.NewSource(1))
	var want []byte
	for i := range 2000 {
		off, n := rnd.Intn(5*blockSize), rnd.Intn(3*blockSize)
		if i%2 == 0 {
			n = rnd.Intn(600)
		}
		switch rnd.Intn(5) {
		case 0:
			must(0, h.Wstat(bg, p9.Wstat{Valid: p9.WLength, Length: uint64(off)}))(t)
			if off <= len(want) {
				want = want[:off]
			} else {
				want = append(want, make([]byte, off-len(want))...)
			}
		case 1, 2:
			p := make([]byte, n)
			rnd.Read(p)
			must(h.Write(bg, p, int64(off)))(t)
			if n > 0 {
				want = append(want, make([]byte, max(0, off+n-len(want)))...)
				copy(want[off:], p)
			}
		default:
			p := bytes.Repeat([]byte{0xAA}, n)
			m, _ := h.Read(bg, p, int64(off))
			w := want[min(off, len(want)):min(off+n, len(want))]
			if !bytes.Equal(p[:m], w) {
				t.Fatalf("step %d: read of %d at %d of %d differs", i, n, off, len(want))
			}
		}
		if l := stat(t, h).Length; l != uint64(len(want)) {
			t.Fatalf("step %d: length %d, want %d", i, l, len(want))
		}
	}
}

func TestSparseAndLimit(t *testing.T) {
	root := New(Limit(1 << 20)).(*dir)
	tr := root.t
	h := mk(t, root, "f", p9.ORDWR)
	must(h.Write(bg, []byte("end"), 1<<40))(t)
	if st := stat(t, h); st.Length != 1<<40+3 || st.Blocks > 2*blockSize/512 {
		t.Errorf("sparse file: %+v", st)
	}
	b := []byte{1, 2, 3}
	if n, err := h.Read(bg, b, 1<<39); n != 3 || err != nil || b[0]+b[1]+b[2] != 0 {
		t.Errorf("hole: %v %d %v", b, n, err)
	}
	n, err := h.Write(bg, make([]byte, 2<<20), 0)
	if n == 0 || n >= 1<<20 {
		t.Errorf("write past the limit took %d", n)
	}
	wantErr(t, "write past the limit", err, syscall.ENOSPC)
	for i := 0; err == nil || i == 0; i++ {
		var f *handle
		var file srv.File
		if file, _, err = root.Create(bg, fmt.Sprint(i), 0o644, p9.OREAD); err == nil {
			f = file.(*handle)
			f.Clunk()
		}
	}
	wantErr(t, "files past the limit", err, syscall.ENOSPC)
	st := must(root.Statfs(bg))(t)
	if st.Bfree > 1 || st.Blocks != 256 {
		t.Errorf("statfs when full: %+v", st)
	}
	for _, name := range names(t, root) {
		if err := root.Unlink(bg, name, false); err != nil {
			t.Fatal(err)
		}
	}
	if tr.used.Load() == 0 {
		t.Error("an open file takes no room once it is removed")
	}
	if n, err := h.Read(bg, b, 1<<40); n != 3 || string(b) != "end" {
		t.Errorf("read of a removed file: %q %v", b[:n], err)
	}
	if st := stat(t, h); st.Nlink != 0 || !st.Unlinked {
		t.Errorf("nlink of a removed file: %d", st.Nlink)
	}
	h.Clunk()
	h.Clunk() // counts once
	if u, f := tr.used.Load(), tr.files.Load(); u != 0 || f != 0 {
		t.Errorf("empty tree holds %d bytes, %d files", u, f)
	}
}

func TestOpenModes(t *testing.T) {
	root := New().(*dir)
	f, h, err := root.Create(bg, "log", 0o644|fs.ModeAppend, p9.OWRITE)
	must(h, err)(t)
	must(h.(*handle).Write(bg, []byte("one"), 0))(t)
	must(h.(*handle).Write(bg, []byte("two"), 0))(t)
	must(f.(*handle).file.Open(bg, p9.OWRITE|p9.OTRUNC))(t)
	if s := get(t, root, "log"); s != "onetwo" {
		t.Errorf("append-only file: %q", s)
	}
	if q := stat(t, f).Qid; q.Type != p9.QTAPPEND {
		t.Errorf("its qid: %v", q)
	}
	put(t, root, "f", "123")
	a := mk(t, root, "f", p9.OWRITE|p9.OAPPEND)
	must(a.Write(bg, []byte("4"), 0))(t)
	a.Clunk()
	if s := get(t, root, "f"); s != "1234" {
		t.Errorf("OAPPEND: %q", s)
	}
	_, h, err = root.Create(bg, "lock", 0o600|fs.ModeExclusive, p9.ORDWR)
	must(h, err)(t)
	lf := must(root.Walk(bg, "lock"))(t).(*file)
	_, err = lf.Open(bg, p9.OREAD)
	wantErr(t, "second open of an exclusive file", err, p9.ErrExclOpen)
	srv.Clunk(h)
	h = must(lf.Open(bg, p9.OREAD))(t)
	srv.Clunk(h)
	must(root.Symlink(bg, "link", "../x"))(t)
	l := must(root.Walk(bg, "link"))(t)
	if s := must(l.(srv.Readlinker).Readlink(bg))(t); s != "../x" {
		t.Errorf("readlink: %q", s)
	}
	_, err = srv.Open(bg, l, p9.OREAD)
	wantErr(t, "open of a link", err, syscall.ELOOP)
	_, _, err = root.Create(bg, "link", 0o644, p9.OWRITE)
	wantErr(t, "create over a link", err, syscall.ELOOP)
	n := must(root.Mknod(bg, "null", fs.ModeDevice|fs.ModeCharDevice|0o666, 0x103))(t)
	if st := stat(t, n); st.Rdev != 0x103 {
		t.Errorf("device: %+v", st)
	}
}
