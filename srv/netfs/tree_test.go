package netfs

import (
	"errors"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A tree is one that is served, in one dialect.
type tree struct {
	srvtest.Tree
	fs *FS
}

// each runs a test in both dialects.
func each(t *testing.T, cfg Config, test func(x tree)) {
	t.Helper()
	var f *FS
	srvtest.CheckFiles(t)
	srvtest.Each(t, func() srv.File { f = New(cfg); return f }, func(t *testing.T, root *client.Fid) {
		t.Cleanup(f.Close)
		test(tree{srvtest.Tree{T: t, Root: root}, f})
	})
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
	return x.made(proto, x.Open(proto+"/clone", p9.ORDWR))
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
	return strings.TrimSuffix(c.Text(c.dir+"/"+name), "\n")
}

func (c talk) data() *client.Fid {
	c.Helper()
	return c.Open(c.dir+"/data", p9.ORDWR)
}

// listen waits for a caller.
func (c talk) listen() talk {
	c.Helper()
	return c.made(c.dir[:strings.Index(c.dir, "/")], c.Open(c.dir+"/listen", p9.ORDWR))
}

// end lets go of ctl.
func (c talk) end() { c.ctl.Clunk(c.Context()) }

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
	srvtest.Transcripts(t, func(t *testing.T) srv.File {
		f := New(Config{})
		t.Cleanup(f.Close)
		return f
	})
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
	}, "*/clone", "ipifc/*/data", "*/0/data", "*/0/listen", "log")
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
