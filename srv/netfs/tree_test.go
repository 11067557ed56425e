package netfs

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A tree is one that is served, in one dialect.
type tree struct {
	*testing.T
	root *client.Fid
	fs   *FS
}

// each runs a test in both dialects.
func each(t *testing.T, cfg Config, test func(x tree)) {
	t.Helper()
	var f *FS
	srvtest.CheckFiles(t)
	srvtest.Each(t, func() srv.File { f = New(cfg); return f }, func(t *testing.T, root *client.Fid) {
		t.Cleanup(f.Close)
		test(tree{t, root, f})
	})
}

// open opens a file.
func (x tree) open(name string, mode p9.Mode) *client.Fid {
	x.Helper()
	f, err := x.tryOpen(x.Context(), name, mode)
	if err != nil {
		x.Fatalf("%s: %v", name, err)
	}
	return f
}

func (x tree) tryOpen(ctx context.Context, name string, mode p9.Mode) (*client.Fid, error) {
	f, err := x.root.Walk(x.Context(), strings.Split(name, "/")...)
	if err == nil {
		if err = f.Open(ctx, mode); err != nil {
			f.Clunk(x.Context())
		}
	}
	return f, err
}

// text is what a file reads as.
func (x tree) text(name string) string {
	x.Helper()
	f := x.open(name, p9.OREAD)
	defer f.Clunk(x.Context())
	p := make([]byte, 8192)
	n, err := f.Read(x.Context(), p, 0)
	if err != nil && err != io.EOF {
		x.Fatalf("%s: %v", name, err)
	}
	return string(p[:n])
}

// A talk is a conversation as a client has it.
type talk struct {
	tree
	dir string // tcp/0
	ctl *client.Fid
}

// clone makes a conversation.
func (x tree) clone(proto string) talk {
	x.Helper()
	return x.made(proto, x.open(proto+"/clone", p9.ORDWR))
}

func (x tree) made(proto string, ctl *client.Fid) talk {
	x.Helper()
	p := make([]byte, 100)
	n, err := ctl.Read(x.Context(), p, 0)
	if err != nil {
		x.Fatal(err)
	}
	return talk{x, proto + "/" + strings.TrimSpace(string(p[:n])), ctl}
}

// cmd writes a command.
func (c talk) cmd(line string) error {
	_, err := c.ctl.Write(c.Context(), []byte(line), 0)
	return err
}

// must is cmd that may not fail.
func (c talk) must(line string) {
	c.Helper()
	if err := c.cmd(line); err != nil {
		c.Fatalf("%s: %v", line, err)
	}
}

func (c talk) file(name string) string {
	c.Helper()
	return strings.TrimSuffix(c.text(c.dir+"/"+name), "\n")
}

func (c talk) data() *client.Fid {
	c.Helper()
	return c.open(c.dir+"/data", p9.ORDWR)
}

// listen waits for a caller.
func (c talk) listen() talk {
	c.Helper()
	return c.made(c.dir[:strings.Index(c.dir, "/")], c.open(c.dir+"/listen", p9.ORDWR))
}

// end lets go of ctl.
func (c talk) end() { c.ctl.Clunk(c.Context()) }

// read is one read.
func (x tree) read(f *client.Fid) string {
	x.Helper()
	p := make([]byte, 8192)
	n, err := f.Read(x.Context(), p, 0)
	if err != nil && err != io.EOF {
		x.Fatal(err)
	}
	return string(p[:n])
}

func (x tree) write(f *client.Fid, s string) {
	x.Helper()
	if _, err := f.Write(x.Context(), []byte(s), 0); err != nil {
		x.Fatal(err)
	}
}

// port is that of an address.
func port(addr string) string { return addr[strings.LastIndex(addr, "!")+1:] }

// pair makes two conversations of a protocol that speak with each other.
func (x tree) pair(proto, announce string, connect func(l talk) string) (l, a, b talk) {
	x.Helper()
	l = x.clone(proto)
	l.must("announce " + announce)
	a = x.clone(proto)
	done := make(chan error, 1)
	go func() { done <- a.cmd("connect " + connect(l)) }()
	b = l.listen()
	if err := <-done; err != nil {
		x.Fatal(err)
	}
	return l, a, b
}

func (x tree) tcpPair() (l, a, b talk) {
	x.Helper()
	return x.pair("tcp", "127.0.0.1!0", func(l talk) string { return l.file("local") })
}

func TestTranscripts(t *testing.T) {
	names, err := filepath.Glob("testdata/*.9p")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			f := New(Config{})
			defer f.Close()
			srvtest.Transcript(t, srv.New(f), name)
		})
	}
}

// is reports whether an error is the one that is meant, by number in 9P2000.L and by
// text in 9P2000.
func is(err error, want *p9.Error) bool {
	return errors.Is(err, want.Errno) || err != nil && strings.Contains(err.Error(), want.Ename)
}

// TestTree holds the tree to the rules, with conversations in it.
func TestTree(t *testing.T) {
	srvtest.CheckFiles(t)
	srvtest.Test(t, func() srv.File {
		f := New(Config{})
		ctl := openClone(t, f, "tcp")
		t.Cleanup(func() {
			srv.Clunk(ctl)
			f.Close()
		})
		return f
	}, "*/clone", "*/0/data", "*/0/listen", "log")
}

func openClone(t *testing.T, f *FS, proto string) srv.Handle {
	t.Helper()
	d, err := f.Walk(t.Context(), proto)
	if err == nil {
		d, err = srv.Walk(t.Context(), d, "clone")
	}
	var h srv.Handle
	if err == nil {
		h, err = srv.Open(t.Context(), d, p9.ORDWR)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestDrawing(t *testing.T) {
	f := New(Config{})
	ctl := openClone(t, f, "tcp")
	t.Cleanup(func() {
		srv.Clunk(ctl)
		f.Close()
	})
	srvtest.Drawing(t, "netfs.go", f)
}
