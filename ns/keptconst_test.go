package ns

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ninespace/ns/nstest"
	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// A constant tree's server, and what is in it.
type constantTree struct {
	*srvtest.Link
	files map[string][]byte
}

// newConstant makes one that is far away.
func newConstant(t *testing.T) *constantTree {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	c := &constantTree{files: map[string][]byte{"small": []byte("small\n"), "large": bytes.Repeat([]byte("0123456789abcde\n"), 40<<10)}}
	c.Link = srvtest.NewLink(t, srv.New(ramWith(t, c.files)), 2*time.Millisecond)
	return c
}

// ramWith makes a ramfs with files in it.
func ramWith(t *testing.T, files map[string][]byte) srv.File {
	t.Helper()
	root := ramfs.New()
	for name, text := range files {
		_, h, err := srv.Create(t.Context(), root, name, 0o666, p9.OWRITE)
		if err == nil {
			_, err = h.(srv.Writer).Write(t.Context(), text, 0)
			srv.Clunk(h)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// session reads all files, tells how many bytes came over the wire, and has what is to be kept
// written down.
func (c *constantTree) session(t *testing.T, midway func()) (came int) {
	t.Helper()
	c.Traffic()
	root := keptTree(t, c.Link)
	root.declare()
	for name, want := range c.files {
		if got := root.text(t, name); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, not what the server has", name, len(got))
		}
	}
	came = c.Traffic().Bytes
	if midway != nil {
		midway()
		for name, want := range c.files {
			if got := root.text(t, name); !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, not what the server has now", name, len(got))
			}
		}
	}
	root.c.settleStore(srvtest.Patience)
	return came
}

// text reads a file.
func (k *kept) text(t *testing.T, name string) (all []byte) {
	t.Helper()
	f, _, err := k.WalkStat(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Clunk(f)
	h, err := f.(*kept).Open(t.Context(), p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Clunk(h)
	for buf := make([]byte, 128<<10); ; {
		n, err := h.(srv.Reader).Read(t.Context(), buf, int64(len(all)))
		if all = append(all, buf[:n]...); err == io.EOF || err == nil && n == 0 {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// change has another client of the server change a file, which stays as long as it is.
func (c *constantTree) change(t *testing.T, name string) {
	t.Helper()
	f, err := linkRoot(t, c.Link).WalkOpen(t.Context(), p9.OWRITE, name)
	if err == nil {
		_, err = f.Write(t.Context(), []byte("X"), 2)
	}
	if err == nil {
		err = f.Clunk(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	c.files[name][2] = 'X'
}

const fewBytesCame = 4 << 10 // sums, and what the lease says

// TestConstant: what was read in one session is not read again in the next one, but for what
// was changed, or is damaged in the store.
func TestConstant(t *testing.T) {
	c := newConstant(t)
	large := len(c.files["large"])
	if n := c.session(t, nil); n < large {
		t.Fatalf("%d bytes came of %d", n, large)
	}
	if n := c.session(t, nil); n > fewBytesCame {
		t.Errorf("%d bytes came again", n)
	}
	c.change(t, "large")
	if n := c.session(t, nil); n < large {
		t.Errorf("%d bytes came of a file that was changed, of %d", n, large)
	}
	if n := c.session(t, func() { c.change(t, "small"); c.change(t, "large") }); n > fewBytesCame {
		t.Errorf("%d bytes came again of a file that was changed before", n)
	}
	c.session(t, nil)
	files, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "ninespace", "constant", "*", "*"))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err == nil {
			b[0]++
			err = os.WriteFile(name, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c.session(t, nil)
	c.session(t, nil)
	if n := c.session(t, nil); n > fewBytesCame {
		t.Errorf("%d bytes came after the store was mended", n)
	}
}

// TestConstantTwo: sessions at once have the same store.
func TestConstantTwo(t *testing.T) {
	c := newConstant(t)
	var roots [2]*kept
	for i := range roots {
		roots[i] = keptTree(t, c.Link)
	}
	var all sync.WaitGroup
	for _, root := range roots {
		all.Go(func() {
			root.declare()
			for name, want := range c.files {
				if got := root.text(t, name); !bytes.Equal(got, want) {
					t.Errorf("%s: %d bytes, not what the server has", name, len(got))
				}
			}
			root.c.settleStore(srvtest.Patience)
		})
	}
	all.Wait()
	if n := c.session(t, nil); n > fewBytesCame {
		t.Errorf("%d bytes came again", n)
	}
}

// TestConstantLarge: what is too long to be kept the server is not asked to read for its sum.
func TestConstantLarge(t *testing.T) {
	c := newConstant(t)
	c.files["huge"] = bytes.Repeat([]byte("x"), aheadWhole+1)
	f, err := linkRoot(t, c.Link).WalkCreate(t.Context(), "huge", 0o666, p9.OWRITE)
	if err == nil {
		_, err = f.Write(t.Context(), c.files["huge"], 0)
	}
	if err == nil {
		err = f.Clunk(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	c.session(t, nil)
	root := keptTree(t, c.Link)
	c.Traffic()
	root.declare()
	root.text(t, "small")
	root.text(t, "large")
	if n := c.Traffic().Of[p9.Txattrwalk]; n != 2 {
		t.Errorf("%d sums were asked for, not 2", n)
	}
}

// TestConstantWithout: without a store all is read as ever.
func TestConstantWithout(t *testing.T) {
	c := newConstant(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", file)
	for range 2 {
		if n := c.session(t, nil); n < len(c.files["large"]) {
			t.Errorf("%d bytes came", n)
		}
	}
}

// TestConstantStuck: who needs a file does not wait for ever for sums that do not come, of it or of
// others.
func TestConstantStuck(t *testing.T) {
	defer func(d time.Duration) { answerMost = d }(answerMost)
	answerMost = 50 * time.Millisecond
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, uses := srv.NewDir(), []use{{path: "ok"}}
	for i := range 8 { // more than a server sums at once
		name := fmt.Sprint("pit", i)
		dir.Add(name, nstest.NewPit())
		uses = append(uses, use{path: name})
	}
	ok := nstest.NewPit()
	dir.Add("ok", ok)
	server := srv.New(dir)
	server.Leases = srv.NewLeases()
	root := keptTree(t, srvtest.NewLink(t, server, 2*time.Millisecond))
	s, err := openStore(root.c.server)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.setUses(uses, nil); err != nil {
		t.Fatal(err)
	}
	s.close()
	root.declare()

	for _, name := range []string{"ok", "pit0"} {
		f, _, err := root.WalkStat(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		h, err := f.(*kept).Open(t.Context(), p9.OREAD)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := h.(srv.Reader).Read(t.Context(), make([]byte, 4096), 0); n != 4096 || err != nil {
			t.Error(name, n, err)
		}
		srv.Clunk(h)
		srv.Clunk(f)
	}
}

// TestConstantApart: what one server's tree had, and what was used of it, is nothing to another
// server: it is asked about nothing, and what it says that its files have is read of it.
func TestConstantApart(t *testing.T) {
	one := newConstant(t)
	dir := os.Getenv("XDG_CACHE_HOME")
	one.session(t, nil)
	other := newConstant(t)
	t.Setenv("XDG_CACHE_HOME", dir)
	other.Traffic()
	root := keptTree(t, other.Link)
	root.declare()
	root.c.mu.Lock()
	asked := len(root.c.constant.asked)
	root.c.mu.Unlock()
	if asked > 0 {
		t.Errorf("it was asked about %d files that were used elsewhere", asked)
	}
	for name, want := range other.files {
		if got := root.text(t, name); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, not what the server has", name, len(got))
		}
	}
	if n := other.Traffic().Bytes; n < len(other.files["large"]) {
		t.Errorf("%d bytes came: it can tell that the rest was here", n)
	}
	root.c.settleStore(srvtest.Patience)
	for _, c := range []*constantTree{one, other} {
		if n := c.session(t, nil); n > fewBytesCame {
			t.Errorf("%d bytes came again", n)
		}
	}
}

// TestConstantServer: what a later session finds at the same place is the same server, whatever
// it was called; of what has no place nothing is said.
func TestConstantServer(t *testing.T) {
	server := srv.New(ramfs.New())
	link := srvtest.NewLink(t, server, 0)
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "ram"))
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(t.Context(), l)
	g := &Group{eng: NewEngine(EngineOptions{Host: ramfs.New(), Namespace: dir, Streams: []io.ReadWriteCloser{srvtest.Serve(t, server)}})}
	for name, want := range map[string]string{
		link.Addr: link.Addr, "ram": "unix!" + dir + "/ram", "#s/ram": "unix!" + dir + "/ram", "#d/0": "#d/0",
	} {
		tree, err := g.server(t.Context(), name)
		if err != nil {
			t.Fatal(name, err)
		}
		d, err := tree(t.Context(), "")
		if err != nil {
			t.Fatal(name, err)
		}
		if d.server != want {
			t.Errorf("%s: %q, not %q", name, d.server, want)
		}
		d.unused()
	}
	s := newStream(srvtest.Serve(t, server), nil)
	defer s.release()
	d, err := s.attach(t.Context(), "#s/fd", "")
	if err != nil {
		t.Fatal(err)
	}
	defer d.unused()
	new(Engine).keep(d)
	if k := d.root.(*kept); k.c.server != "" {
		t.Errorf("a descriptor is the server %q", k.c.server)
	}
}
