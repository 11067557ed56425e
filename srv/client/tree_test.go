package client_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A blob is a regular file.
type blob struct {
	srv.Node
	mu   sync.Mutex
	b    []byte
	vers uint32       // 0 stays 0
	gone func() error // removes it

	// Where set, asked before each read and write: how many of the n bytes are
	// moved, or an error.
	hook func(ctx context.Context, write bool, off int64, n int) (int, error)
}

func newBlob(b []byte) *blob {
	return &blob{Node: srv.NewNode(0o666), b: slices.Clone(b), vers: 1}
}

func (b *blob) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := b.Node.Stat(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	st.Qid.Vers, st.Length = b.vers, uint64(len(b.b))
	return st, err
}

func (b *blob) Open(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if mode&p9.OTRUNC != 0 {
		b.b = nil
		b.changed()
	}
	return b, nil
}

func (b *blob) Read(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := b.ask(ctx, false, off, len(p))
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if off >= int64(len(b.b)) {
		return 0, io.EOF
	}
	return copy(p[:n], b.b[off:]), nil
}

func (b *blob) Write(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := b.ask(ctx, true, off, len(p))
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed()
	b.b = append(b.b, make([]byte, max(0, int(off)+n-len(b.b)))...)
	return copy(b.b[off:], p[:n]), nil
}

func (b *blob) ask(ctx context.Context, write bool, off int64, n int) (int, error) {
	if b.hook == nil {
		return n, nil
	}
	return b.hook(ctx, write, off, n)
}

func (b *blob) changed() {
	if b.vers != 0 {
		b.vers++
	}
}

func (b *blob) bytes() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.b)
}

func (b *blob) Remove(context.Context) error {
	if b.gone == nil {
		return p9.ErrPerm
	}
	return b.gone()
}

// A folder is a directory that anybody can change.
type folder struct{ *srv.Dir }

func newFolder() *folder { return &folder{srv.NewDir()} }

func (d *folder) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := d.Dir.Stat(ctx)
	st.Mode = fs.ModeDir | 0o777
	return st, err
}

func (d *folder) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	if f, err := d.Walk(ctx, name); err == nil {
		b, ok := f.(*blob)
		if !ok || perm.IsDir() || mode&p9.OEXCL != 0 {
			return nil, nil, p9.ErrExist
		}
		h, err := b.Open(ctx, mode)
		return b, h, err
	}
	if perm.IsDir() {
		sub := newFolder()
		d.Add(name, sub)
		return sub, sub, nil
	}
	b := newBlob(nil)
	b.gone = func() error { d.Del(name); return nil }
	d.Add(name, b)
	return b, b, nil
}

// A link is a symbolic link.
type link struct {
	srv.Node
	to string
}

func newLink(to string) *link { return &link{srv.NewNode(fs.ModeSymlink | 0o777), to} }

func (l *link) Readlink(context.Context) (string, error) { return l.to, nil }

// A ledger follows the conversation of a server: it knows which fids there are,
// how many requests are under way and have been at most, and whether a tag was
// used again too early.
type ledger struct {
	t    *testing.T
	dotl bool
	lied bool // about which request an answer is to: no tag can be held against the client

	mu    sync.Mutex
	reqs  map[uint16]*p9.Fcall
	fids  map[uint32]bool
	most  map[p9.Type]int // how many were under way at once
	count map[p9.Type]int
}

func newLedger(t *testing.T, dotl bool) *ledger {
	return &ledger{t: t, dotl: dotl, reqs: map[uint16]*p9.Fcall{}, fids: map[uint32]bool{}, most: map[p9.Type]int{}, count: map[p9.Type]int{}}
}

func (l *ledger) trace(line string) {
	dir, text, _ := strings.Cut(line, " ")
	text, _, _ = strings.Cut(text, " # ")
	f, err := p9.ParseText(text)
	if err != nil {
		l.t.Errorf("%s: %v", line, err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if dir == "->" {
		if l.reqs[f.Tag] != nil && !l.lied {
			l.t.Errorf("%s: the tag is in use", text)
		}
		for _, r := range l.reqs {
			if r.Type == p9.Tflush && r.Oldtag == f.Tag && !l.lied {
				l.t.Errorf("%s: the tag is being flushed", text)
			}
		}
		l.reqs[f.Tag] = &f
		l.count[f.Type]++
		n := 0
		for _, r := range l.reqs {
			if r.Type == f.Type {
				n++
			}
		}
		l.most[f.Type] = max(l.most[f.Type], n)
		return
	}
	r := l.reqs[f.Tag]
	delete(l.reqs, f.Tag)
	if r == nil {
		if !l.lied {
			l.t.Errorf("%s answers nothing", text)
		}
		return
	}
	ok := f.Type == r.Type+1
	switch {
	case r.Type == p9.Tclunk, r.Type == p9.Tremove:
		delete(l.fids, r.Fid)
	case r.Type == p9.Tflush:
		delete(l.reqs, r.Oldtag)
	case !ok:
	case r.Type == p9.Tattach, r.Type == p9.Tauth:
		l.fids[r.Fid] = true
	case r.Type == p9.Txattrwalk, r.Type == p9.Twalk && len(f.Wqid) == len(r.Wname):
		l.fids[r.Newfid] = true
	}
}

// settled reports whether nothing is under way and only the root is left.
func (l *ledger) settled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.reqs) == 0 && len(l.fids) == 1
}

// wait waits for what is to be seen in the ledger.
func (l *ledger) wait(t *testing.T, seen func() bool) {
	t.Helper()
	if !srvtest.Until(func() bool { l.mu.Lock(); defer l.mu.Unlock(); return seen() }) {
		t.Fatalf("it does not come: %v", l)
	}
}

func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("fids %v, under way %v", maps.Clone(l.fids), l.reqs)
}

// A setup is how a test's client meets its server.
type setup struct {
	dotl  bool
	lies  bool // the server answers a request twice
	msize uint32
	trace func(line string) // of the client
	// Where set, what is between the client's end and the server.
	between func(t *testing.T, s *srv.Server) io.ReadWriteCloser
}

// mount serves a tree, and checks at the end of the test that fids and tags came
// back to both.
func (s setup) mount(t *testing.T, root srv.File) (*client.Fid, *ledger) {
	t.Helper()
	srvtest.CheckGoroutines(t)
	l := newLedger(t, s.dotl)
	l.lied = s.lies
	server := srv.New(root)
	server.Msize, server.Trace = s.msize, l.trace
	version := p9.Version9P2000
	if s.dotl {
		version = p9.Version9P2000L
	}
	var stream io.ReadWriteCloser
	if s.between != nil {
		stream = s.between(t, server)
	} else {
		stream = srvtest.Serve(t, server)
	}
	c, err := client.New(ctx, stream, &client.Options{Version: version + p9.InOrder, Trace: s.trace})
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		over := func() bool { return t.Failed() || c.Err() != nil } // nothing to come back
		if !srvtest.Until(func() bool { return s.lies || over() || l.settled() }) {
			t.Errorf("at the server: %v", l)
		}
		if !srvtest.Until(func() bool { tags, fids := client.InUse(c); return over() || tags == 0 && fids == 1 }) {
			tags, fids := client.InUse(c)
			t.Errorf("at the client: %d tags and %d fids in use", tags, fids)
		}
		c.Close()
	})
	return f, l
}

// setups are dialects and sizes of messages.
func setups(t *testing.T, test func(t *testing.T, s setup)) {
	for _, dotl := range []bool{false, true} {
		for _, msize := range []uint32{p9.MinMsize, 8 << 10, p9.MaxMsize} {
			name := p9.Version9P2000
			if dotl {
				name = p9.Version9P2000L
			}
			t.Run(fmt.Sprint(name, " ", msize), func(t *testing.T) { test(t, setup{dotl: dotl, msize: msize}) })
		}
	}
}
