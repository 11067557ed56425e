package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A flight writes down which requests go out before a reply: types, with a slash
// wherever a reply came first.
type flight struct {
	mu   sync.Mutex
	s    []string
	came bool
}

func (f *flight) trace(line string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := strings.Fields(line)
	if w[0] == "<-" {
		f.came = f.came || w[1] != "Rclunk" // nobody waited for it, maybe
		return
	}
	if f.came && len(f.s) > 0 {
		f.s = append(f.s, "/")
	}
	f.came = false
	f.s = append(f.s, w[1])
}

func (f *flight) take() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.s, " ")
	f.s, f.came = nil, false
	return s
}

// pipeTree has a bit of everything.
func pipeTree() *folder {
	sub := newFolder()
	sub.Add("leaf", newBlob([]byte("leaf\n")))
	root := newFolder()
	root.Add("a", newBlob([]byte("hello"))).Add("big", newBlob(bytes.Repeat([]byte("0123456789abcdef"), 5000)))
	root.Add("sub", sub).Add("link", newLink("sub/leaf")).Add("dirlink", newLink("/sub"))
	root.Add("shut", srv.NewDir().Add("ctl", &store{Node: srv.NewNode(0o666)}).Add("ro", srv.Const("ro\n")))
	root.Add("ctl", &store{Node: srv.NewNode(0o666)})
	return root
}

// TestOneRoundTrip has each call send all it can before the first reply.
func TestOneRoundTrip(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	for _, dotl := range []bool{false, true} {
		var f flight
		root, _ := setup{dotl: dotl, trace: f.trace}.mount(t, pipeTree())
		s := client.Fsys{Root: root}
		s.Stat(ctx, "a") // the first call asks one thing more
		for _, c := range []struct {
			name     string
			do       func()
			nine, el string // the requests in each dialect
		}{
			{"stat", func() { _, err := s.Stat(ctx, "sub/leaf"); must(err) },
				"Twalk Tstat Tclunk", "Twalk Tgetattr Tclunk"},
			{"lstat", func() { _, err := s.Lstat(ctx, "a"); must(err) },
				"Twalk Tstat Tclunk", "Twalk Tgetattr Tclunk"},
			{"walkstat", func() { g, _, err := root.WalkStat(ctx, "sub", "leaf"); must(err); must(g.Clunk(ctx)) },
				"Twalk Tstat / Tclunk", "Twalk Tgetattr / Tclunk"},
			{"walkopen", func() { g, err := root.WalkOpen(ctx, p9.OREAD, "sub", "leaf"); must(err); must(g.Clunk(ctx)) },
				"Twalk Topen / Tclunk", "Twalk Tlopen / Tclunk"},
			{"walkcreate", func() { g, err := root.WalkCreate(ctx, "n", 0o666, p9.OWRITE); must(err); must(g.Clunk(ctx)) },
				"Twalk Tcreate / Tclunk", "Twalk Tlcreate / Tclunk"},
			{"open", func() { g, err := s.Open(ctx, "sub/leaf", p9.OREAD); must(err); must(g.Close()) },
				"Twalk Topen / Tclunk", "Twalk Tlopen / Tclunk"},
			{"create", func() { g, err := s.Create(ctx, "sub/n", 0o666, p9.OREAD); must(err); must(g.Close()) },
				"Twalk Tcreate / Tclunk", "Twalk Tlcreate / Tclunk"},
			{"readfile", func() { _, err := s.ReadFile(ctx, "sub/leaf"); must(err) },
				"Twalk Topen Tread Tstat / Tclunk", "Twalk Tlopen Tread Tgetattr / Tclunk"},
			{"readfile of 80 kB", func() { _, err := s.ReadFile(ctx, "big"); must(err) },
				"Twalk Topen Tread Tstat / Tread / Tclunk", "Twalk Tlopen Tread Tgetattr / Tread / Tclunk"},
			{"writefile", func() { must(s.WriteFile(ctx, "sub/new", []byte("x"), 0o666)) },
				"Twalk Tcreate Twrite Tclunk", "Twalk Tlcreate Twrite Tclunk"},
			{"writefile again", func() { must(s.WriteFile(ctx, "sub/new", []byte("x"), 0o666)) },
				"Twalk Tcreate Twrite Tclunk / Twalk Topen Twrite Tclunk", "Twalk Tlcreate Twrite Tclunk"},
			{"writefile of 80 kB", func() { must(s.WriteFile(ctx, "sub/big", make([]byte, 80000), 0o666)) },
				"Twalk Tcreate Twrite / Twrite / Tclunk", "Twalk Tlcreate Twrite / Twrite / Tclunk"},
			{"writefile of a ctl file", func() { must(s.WriteFile(ctx, "shut/ctl", []byte("x"), 0o666)) },
				"Twalk Tcreate Twrite Tclunk / Twalk Topen Twrite Tclunk", "Twalk Tlcreate Twrite Tclunk / Twalk Tlopen Twrite Tclunk"},
			{"mkdir", func() { must(s.Mkdir(ctx, "sub/d", 0o777)) },
				"Twalk Tcreate Tclunk", "Twalk Tmkdir Tclunk"},
			{"remove", func() { must(s.Remove(ctx, "sub/new")) },
				"Twalk Tremove", "Twalk Tremove"},
			{"readdir", func() { _, err := s.ReadDir(ctx, "sub"); must(err) },
				"Twalk Topen / Tread / Tread / Tclunk", "Twalk Tlopen Treaddir / Treaddir / Tclunk"},
		} {
			f.take()
			c.do()
			want := c.nine
			if dotl {
				want = c.el
			}
			if got := f.take(); got != want {
				t.Errorf("dotl %v, %s: %s, want %s", dotl, c.name, got, want)
			}
		}
		if dotl {
			l, err := s.Readlink(ctx, "link")
			if got := f.take(); err != nil || l != "sub/leaf" || got != "Twalk Treadlink Tclunk" {
				t.Errorf("readlink: %q, %v, %s", l, err, got)
			}
		}
	}
}

// TestOneByOne has calls wait for each reply of a server that promises no order.
func TestOneByOne(t *testing.T) {
	var f flight
	s9 := &shuffler{dotl: true, rand: rand.New(rand.NewPCG(1, 2))}
	root, _ := setup{dotl: true, trace: f.trace, between: s9.between}.mount(t, pipeTree())
	s := client.Fsys{Root: root}
	f.take()
	if b, err := s.ReadFile(ctx, "sub/leaf"); err != nil || string(b) != "leaf\n" {
		t.Errorf("%q, %v", b, err)
	}
	if got, want := f.take(), "Twalk / Tlopen / Tread / Tgetattr / Tclunk"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestFailures has each step fail: it is that step's error, what was sent behind
// it did nothing, and no fid stays.
func TestFailures(t *testing.T) {
	setups(t, func(t *testing.T, su setup) { failures(t, su) })
}

func failures(t *testing.T, su setup) {
	tree := pipeTree()
	full := newBlob(nil)
	full.hook = func(_ context.Context, write bool, _ int64, n int) (int, error) {
		return 0, syscall.ENOSPC
	}
	tree.Add("full", full)
	half := newBlob(nil)
	half.hook = func(_ context.Context, _ bool, _ int64, n int) (int, error) { return (n + 1) / 2, nil }
	tree.Add("half", half)
	root, _ := su.mount(t, tree)
	s := client.Fsys{Root: root}
	data := []byte("data")
	read := func(name string) func() error {
		return func() error { _, err := s.ReadFile(ctx, name); return err }
	}
	write := func(name string) func() error {
		return func() error { return s.WriteFile(ctx, name, data, 0o666) }
	}
	open := func(name string, mode p9.Mode) func() error {
		return func() error {
			f, err := s.Open(ctx, name, mode)
			if err == nil {
				f.Close()
			}
			return err
		}
	}
	create := func(name string, mode p9.Mode) func() error {
		return func() error {
			f, err := s.Create(ctx, name, 0o666, mode)
			if err == nil {
				f.Close()
			}
			return err
		}
	}
	for _, c := range []struct {
		what string
		do   func() error
		want error
	}{
		{"stat of nothing", func() error { _, err := s.Stat(ctx, "none"); return err }, fs.ErrNotExist},
		{"stat in nothing", func() error { _, err := s.Stat(ctx, "none/none"); return err }, fs.ErrNotExist},
		{"stat of nothing in a directory", func() error { _, err := s.Stat(ctx, "sub/none"); return err }, fs.ErrNotExist},
		{"stat in a file", func() error { _, err := s.Stat(ctx, "a/none"); return err }, syscall.ENOTDIR},
		{"read of nothing", read("none"), fs.ErrNotExist},
		{"read of nothing in a directory", read("sub/none"), fs.ErrNotExist},
		{"read in a file", read("sub/leaf/x"), syscall.ENOTDIR},
		{"read of a directory", read("sub"), syscall.EISDIR},
		{"read that fails", read("full"), syscall.ENOSPC},
		{"open for writing", open("shut/ro", p9.OWRITE), fs.ErrPermission},
		{"open of nothing", open("sub/none", p9.OREAD), fs.ErrNotExist},
		{"open a file as a directory", open("a", p9.OREAD|p9.ODIRECTORY), syscall.ENOTDIR},
		{"open a directory for writing", open("sub", p9.OWRITE), syscall.EISDIR},
		{"create in nothing", create("none/x", p9.OWRITE), fs.ErrNotExist},
		{"create in a file", create("a/x", p9.OWRITE), syscall.ENOTDIR},
		{"create of what is there", create("a", p9.OWRITE|p9.OEXCL), fs.ErrExist},
		{"create of a directory's name", create("sub", p9.OWRITE), syscall.EISDIR},
		{"create without leave", create("shut/new", p9.OWRITE), fs.ErrPermission},
		{"create of the root", create("/", p9.OWRITE), p9.ErrBadName},
		{"write in nothing", write("none/x"), fs.ErrNotExist},
		{"write in nothing", write("sub/none/x"), fs.ErrNotExist},
		{"write in a file", write("a/x"), syscall.ENOTDIR},
		{"write a directory", write("sub"), syscall.EISDIR},
		{"write without leave", write("shut/new"), fs.ErrPermission},
		{"write what cannot be written", write("shut/ro"), fs.ErrPermission},
		{"write that fails", write("full"), syscall.ENOSPC},
		{"write that is short", write("half"), io.ErrShortWrite},
		{"mkdir of what is there", func() error { return s.Mkdir(ctx, "sub", 0o777) }, fs.ErrExist},
		{"mkdir in nothing", func() error { return s.Mkdir(ctx, "sub/none/d", 0o777) }, fs.ErrNotExist},
		{"mkdir without leave", func() error { return s.Mkdir(ctx, "shut/d", 0o777) }, fs.ErrPermission},
		{"remove of nothing", func() error { return s.Remove(ctx, "none") }, fs.ErrNotExist},
		{"remove of nothing in a directory", func() error { return s.Remove(ctx, "sub/none") }, fs.ErrNotExist},
		{"remove without leave", func() error { return s.Remove(ctx, "shut/ro") }, fs.ErrPermission},
		{"list of nothing", func() error { _, err := s.ReadDir(ctx, "sub/none"); return err }, fs.ErrNotExist},
		{"list of a file", func() error { _, err := s.ReadDir(ctx, "a"); return err }, syscall.ENOTDIR},
		{"list of a queue", func() error { _, err := s.ReadDir(ctx, "ctl"); return err }, syscall.ENOTDIR},
	} {
		if err := c.do(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	// What failed wrote nothing anywhere.
	for name, text := range map[string]string{"a": "hello", "sub/leaf": "leaf\n"} {
		if b, err := s.ReadFile(ctx, name); err != nil || string(b) != text {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if got := half.bytes(); got != "da" {
		t.Errorf("half is %q", got)
	}
}

// TestAttachAhead: what is asked behind an attach goes without its answer, and fails with it.
func TestAttachAhead(t *testing.T) {
	asked := make(chan struct{})
	server := srv.New(nil)
	server.Attach = func(ctx context.Context, _, aname string) (srv.File, error) {
		select {
		case <-asked:
		case <-ctx.Done():
		}
		if aname != "" {
			return nil, p9.ErrPerm
		}
		return pipeTree(), nil
	}
	begun := sync.OnceFunc(func() { close(asked) })
	c, err := client.New(ctx, srvtest.Serve(t, server), &client.Options{Trace: func(line string) {
		if strings.HasPrefix(line, "-> Tread") {
			begun()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	root, attached := c.AttachAhead(ctx, "", "")
	var b [8]byte
	f, first, err := root.WalkOpenStat(ctx, p9.OREAD, b[:], "a")
	if aerr := attached(); aerr != nil || err != nil || first.ReadErr != nil || string(b[:first.N]) != "hello" {
		t.Fatalf("%v, %v, %v, %q", aerr, err, first.ReadErr, b[:first.N])
	}
	if !root.Qid().IsDir() {
		t.Errorf("the root is %v", root.Qid())
	}
	if err := errors.Join(f.Clunk(ctx), root.Clunk(ctx)); err != nil {
		t.Error(err)
	}
	root, attached = c.AttachAhead(ctx, "", "none")
	if _, _, err = root.WalkOpenStat(ctx, p9.OREAD, b[:], "a"); err == nil {
		t.Error("a walk from a root that is none")
	}
	if err := attached(); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
	other, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root.Walk(ctx, "a"); err == nil {
		t.Error("a root that is none walks as another, which has its number")
	}
	if err := other.Clunk(ctx); err != nil {
		t.Error(err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	root, attached = c.AttachAhead(over, "", "")
	if _, err := root.Walk(ctx, "a"); err == nil {
		t.Error("a walk from a root that was not asked for")
	}
	if err := attached(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if !srvtest.Until(func() bool { tags, fids := client.InUse(c); return tags == 0 && fids == 0 }) {
		tags, fids := client.InUse(c)
		t.Errorf("%d tags and %d fids in use", tags, fids)
	}
}
