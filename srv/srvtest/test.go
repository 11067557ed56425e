package srvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// How far Test goes down, and how many entries of a directory it visits.
const (
	maxDepth   = 5
	maxEntries = 100
)

// Test holds a tree to what the interfaces of package srv promise, as a client
// sees it, in each dialect: that walks, lists and stats agree, that listings are
// whole at any message size and can be resumed, that reads end, and, where the
// root is a srv.Creator, that files are made, written, renamed and removed as
// the manual says. newRoot makes a new tree each time. untouched are patterns of
// path.Match for files that are not opened, since that blocks or does something;
// without any, and if nothing changes by itself, testing/fstest.TestFS is run too.
func Test(t *testing.T, newRoot func() srv.File, untouched ...string) {
	for _, dotl := range []bool{false, true} {
		name := p9.Version9P2000
		if dotl {
			name = p9.Version9P2000L
		}
		t.Run(name, func(t *testing.T) {
			t.Run("tree", func(t *testing.T) {
				c := checker{t: t, ctx: context.Background(), root: Mount(t, filled(t, newRoot), dotl), untouched: untouched}
				c.dir(c.root, "/", c.root, 0)
			})
			t.Run("small", func(t *testing.T) { small(t, filled(t, newRoot), dotl) })
			if len(untouched) == 0 {
				t.Run("fstest", func(t *testing.T) {
					fsys := client.Fsys{Root: Mount(t, filled(t, newRoot), dotl)}.FS(context.Background())
					if err := fstest.TestFS(fsys, names(t, fsys)...); err != nil {
						t.Error(err)
					}
				})
			}
			if _, ok := newRoot().(srv.Creator); ok {
				t.Run("write", func(t *testing.T) { write(t, newRoot, dotl) })
			}
		})
	}
}

// names gives the names in the root.
func names(t *testing.T, fsys fs.FS) (l []string) {
	ents, err := fs.ReadDir(fsys, ".")
	if err != nil {
		t.Error(err)
	}
	for _, e := range ents {
		l = append(l, e.Name())
	}
	return l
}

// filled makes a tree and, where that can be changed, puts something in.
func filled(t *testing.T, newRoot func() srv.File) srv.File {
	root := newRoot()
	if _, ok := root.(srv.Creator); !ok {
		return root
	}
	w := &writer{T: t, ctx: context.Background(), root: Mount(t, root, true), tree: root}
	w.fsys.Root = w.root
	for _, dir := range []string{"d", "d/e", "d/e/f", "empty"} {
		w.is("mkdir", w.fsys.Mkdir(w.ctx, dir, 0o755), nil)
	}
	for i := range 20 {
		w.put(fmt.Sprintf("d/file%d", i), strings.Repeat("text\n", i%3))
	}
	w.put("d/e/f/g", "g")
	w.put("none", "")
	return root
}

type checker struct {
	t         *testing.T
	ctx       context.Context
	root      *client.Fid
	untouched []string
}

func list(ctx context.Context, f *client.Fid, cookie uint64) (ents []p9.Dirent, err error) {
	for e, err := range f.List(ctx, cookie) {
		if err != nil {
			return ents, err
		}
		ents = append(ents, e)
	}
	return ents, nil
}

func (c *checker) open(f *client.Fid, name string, mode p9.Mode) *client.Fid {
	c.t.Helper()
	g, err := f.Walk(c.ctx)
	if err != nil {
		c.t.Errorf("%s: walk of no names: %v", name, err)
		return nil
	}
	if g.Qid() != f.Qid() {
		c.t.Errorf("%s: a clone's qid is %v, not %v", name, g.Qid(), f.Qid())
	}
	if err := g.Open(c.ctx, mode); err != nil {
		g.Clunk(c.ctx)
		if st, serr := f.Stat(c.ctx); serr == nil && st.Mode&0o444 != 0 || !errors.Is(err, fs.ErrPermission) {
			c.t.Errorf("%s: open: %v", name, err)
		}
		return nil
	}
	return g
}

// dir checks a directory and what is below it.
func (c *checker) dir(d *client.Fid, name string, parent *client.Fid, depth int) {
	if up, err := d.Walk(c.ctx, ".."); err != nil {
		c.t.Errorf("%s: walk of ..: %v", name, err)
	} else {
		if up.Qid().Path != parent.Qid().Path {
			c.t.Errorf("%s: .. is %v, not %v", name, up.Qid(), parent.Qid())
		}
		up.Clunk(c.ctx)
	}
	if f, err := d.Walk(c.ctx, "no such file"); !errors.Is(err, fs.ErrNotExist) {
		c.t.Errorf("%s: walk of a name that is not there: %v, %v", name, f, err)
	}
	if f, _ := d.Walk(c.ctx); f.Open(c.ctx, p9.OWRITE) == nil {
		c.t.Errorf("%s: a directory opens for writing", name)
		f.Clunk(c.ctx)
	} else {
		f.Clunk(c.ctx)
	}
	f := c.open(d, name, p9.OREAD)
	if f == nil {
		return
	}
	defer f.Clunk(c.ctx)
	if f.Open(c.ctx, p9.OREAD) == nil {
		c.t.Errorf("%s: opens twice", name)
	}
	ents, err := list(c.ctx, f, 0)
	if err != nil {
		c.t.Errorf("%s: list: %v", name, err)
		return
	}
	seen := map[string]bool{}
	for _, e := range ents {
		switch {
		case seen[e.Name]:
			c.t.Errorf("%s: %q is listed twice", name, e.Name)
		case srv.CheckName(e.Name) != nil:
			c.t.Errorf("%s: %q is listed, which is no name", name, e.Name)
		case e.Cookie == 0:
			c.t.Errorf("%s: %q has the cookie 0", name, e.Name)
		}
		seen[e.Name] = true
	}
	if again, err := list(c.ctx, f, 0); err == nil && slices.Equal(again, ents) { // it is at rest
		for i := 0; i < len(ents); i += 1 + len(ents)/20 {
			rest, err := list(c.ctx, f, ents[i].Cookie)
			if err != nil || !slices.Equal(rest, ents[i+1:]) {
				c.t.Errorf("%s: after %q come %d entries, not %d: %v", name, ents[i].Name, len(rest), len(ents)-i-1, err)
			}
		}
	}
	for _, e := range ents[:min(len(ents), maxEntries)] {
		c.entry(d, name, e, depth)
	}
}

// entry checks one entry of a directory.
func (c *checker) entry(d *client.Fid, dir string, e p9.Dirent, depth int) {
	name := path.Join(dir, e.Name)
	f, err := d.Walk(c.ctx, e.Name)
	if errors.Is(err, fs.ErrNotExist) {
		if g := c.open(d, dir, p9.OREAD); g != nil { // gone meanwhile?
			defer g.Clunk(c.ctx)
			if ents, _ := list(c.ctx, g, 0); !slices.ContainsFunc(ents, func(o p9.Dirent) bool { return o.Name == e.Name }) {
				return
			}
		}
	}
	if err != nil {
		c.t.Errorf("%s: listed, but a walk says: %v", name, err)
		return
	}
	defer f.Clunk(c.ctx)
	if f.Qid().Path != e.Qid.Path || f.Qid().Type != e.Qid.Type {
		c.t.Errorf("%s: listed with qid %v, walked to with %v", name, e.Qid, f.Qid())
	}
	st, err := f.Stat(c.ctx)
	if err != nil {
		c.t.Errorf("%s: stat: %v", name, err)
		return
	}
	if st.Name != e.Name {
		c.t.Errorf("%s: stat's name is %q", name, st.Name)
	}
	const inQid = fs.ModeAppend | fs.ModeExclusive | fs.ModeTemporary
	if st.Mode.Type()&^inQid != e.Mode.Type()&^inQid && f.Conn().DotL() {
		c.t.Errorf("%s: listed as %v, stat says %v", name, e.Mode.Type(), st.Mode)
	}
	if st.Qid.Path != f.Qid().Path || st.Qid.Type != p9.QidTypeOf(st.Mode) {
		c.t.Errorf("%s: mode %v and qid %v after a walk to qid %v", name, st.Mode, st.Qid, f.Qid())
	}
	switch {
	case st.Mode.IsDir():
		if st.Length != 0 && !f.Conn().DotL() { // stat(5); Linux has others
			c.t.Errorf("%s: a directory of length %d", name, st.Length)
		}
		if depth < maxDepth {
			c.dir(f, name, d, depth+1)
		}
		return
	case st.Mode&fs.ModeSymlink != 0:
		return
	}
	if g, err := f.Walk(c.ctx, "x"); !errors.Is(err, p9.ErrNotDir) {
		c.t.Errorf("%s: walk into a file: %v, %v", name, g, err)
	}
	for _, p := range c.untouched {
		if ok, _ := path.Match(path.Join("/", p), name); ok {
			return
		}
	}
	if st.Mode.Type()&^inQid == 0 && st.Mode.Perm()&0o444 != 0 {
		c.file(f, name, &st)
	}
}

// readAll reads an open file in pieces.
func readAll(ctx context.Context, f *client.Fid, size int) ([]byte, error) {
	var all []byte
	buf := make([]byte, size)
	for {
		n, err := f.Read(ctx, buf, int64(len(all)))
		if all = append(all, buf[:n]...); err == io.EOF {
			return all, nil
		}
		if err != nil || len(all) > 64<<20 {
			return all, err
		}
	}
}

// file checks what reading a file gives.
func (c *checker) file(f *client.Fid, name string, st *p9.Stat) {
	g := c.open(f, name, p9.OREAD)
	if g == nil {
		return
	}
	defer g.Clunk(c.ctx)
	all, err := readAll(c.ctx, g, 64<<10)
	if err != nil {
		c.t.Errorf("%s: read: %v", name, err)
		return
	}
	if st.Length != 0 && uint64(len(all)) != st.Length {
		c.t.Errorf("%s: %d bytes, stat says %d", name, len(all), st.Length)
	}
	again, err := readAll(c.ctx, g, 64<<10)
	if err != nil || !bytes.Equal(again, all) {
		return // a stream, or it changes
	}
	if len(all) < 64<<10 {
		if pieces, err := readAll(c.ctx, g, 1+len(all)/7); err != nil || !bytes.Equal(pieces, all) {
			c.t.Errorf("%s: read in pieces it is %d bytes, else %d: %v", name, len(pieces), len(all), err)
		}
	}
	for _, off := range []int64{int64(len(all)), int64(len(all)) + 1, 1 << 40} {
		if n, err := g.Read(c.ctx, make([]byte, 10), off); n != 0 || err != io.EOF {
			c.t.Errorf("%s: %d bytes at offset %d, behind the end: %v", name, n, off, err)
		}
	}
	if n, err := g.Write(c.ctx, []byte("x"), 0); err == nil {
		c.t.Errorf("%s: open for reading, but %d bytes were written", name, n)
	}
}

// small lists the root through messages of several sizes.
func small(t *testing.T, root srv.File, dotl bool) {
	ctx := context.Background()
	var first []string
	sizes := []uint32{p9.MaxMsize, 4096}
	for size := uint32(512); size < 1024; size += 13 { // so that entries fit a reply in many ways
		sizes = append(sizes, size)
	}
	for _, msize := range sizes {
		s := srv.New(root)
		s.Msize = msize
		f := MountServer(t, s, dotl)
		if err := f.Open(ctx, p9.OREAD); err != nil {
			t.Fatal(err)
		}
		ents, err := list(ctx, f, 0)
		if err != nil {
			t.Errorf("msize %d: %v", msize, err)
		}
		var names []string
		for _, e := range ents {
			names = append(names, e.Name)
		}
		if first == nil {
			first = names
		}
		if !slices.Equal(names, first) {
			t.Errorf("msize %d: %d entries, with %d %d", msize, len(names), sizes[0], len(first))
		}
	}
}
