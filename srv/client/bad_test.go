package client_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// scripted serves a connection by hand: each line answers the request that comes
// next, with that request's tag where the line says tag 0. A line of hex digits
// is sent as it is. After the last line the connection is closed.
func scripted(t *testing.T, o *client.Options, lines ...string) (*client.Conn, error) {
	t.Helper()
	srvtest.CheckGoroutines(t)
	a, b := srvtest.Pair(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		serveLines(t, b, lines)
	}()
	t.Cleanup(func() { a.Close(); <-done })
	c, err := client.New(ctx, a, o)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func serveLines(t *testing.T, c net.Conn, lines []string) {
	defer c.Close()
	dotl := false
	for _, line := range lines {
		var h [7]byte
		if _, err := io.ReadFull(c, h[:]); err != nil {
			return
		}
		io.CopyN(io.Discard, c, int64(h[0])+int64(h[1])<<8+int64(h[2])<<16-7)
		if line == "" {
			continue
		}
		b, err := hex.DecodeString(line)
		if err != nil {
			f, err := p9.ParseText(line)
			if err != nil {
				t.Error(err)
				return
			}
			if f.Type == p9.Rversion {
				dotl = strings.HasPrefix(f.Version, p9.Version9P2000L)
			}
			if f.Tag == 0 {
				f.Tag = uint16(h[5]) | uint16(h[6])<<8
			}
			if b, err = f.Append(nil, dotl || f.Type == p9.Rlerror); err != nil {
				t.Error(err)
				return
			}
		}
		c.Write(b)
	}
}

func TestVersion(t *testing.T) {
	for _, c := range []struct {
		want  string
		lines []string
		dotl  bool
		err   string
	}{
		{"", []string{"Rversion msize 8192 version 9P2000.L.inorder"}, true, ""},
		{"", []string{vL}, true, ""},
		{"", []string{no, vL}, true, ""},
		{"", []string{v9, vL}, true, ""},
		{"", []string{v9, v9}, false, ""},
		{"", []string{no, no, v9}, false, ""},
		{"", []string{"Rerror ename what?", "Rerror ename what?", v9}, false, ""},
		{"", []string{"Rlerror errno 22", "Rlerror errno 22", v9}, false, ""},
		{"", []string{no, no, no}, false, `version: server answers "unknown" to 9P2000`},
		{p9.Version9P2000L, []string{v9}, false, `version: server answers "9P2000" to 9P2000.L`},
		{p9.Version9P2000, []string{v9}, false, ""},
		{p9.Version9P2000, []string{no}, false, `version: server answers "unknown" to 9P2000`},
		{p9.Version9P2000 + p9.InOrder, []string{"Rversion msize 8192 version 9P2000.inorder"}, false, ""},
		{p9.Version9P2000 + p9.InOrder, []string{v9}, false, ""},
		{p9.Version9P2000 + p9.InOrder, []string{no}, false, `version: server answers "unknown" to 9P2000.inorder`},
		{"9P1999", nil, false, "version: 9P1999: Operation not supported"},
		{"", []string{"Rversion msize 2000000 version 9P2000.L"}, false, "version: protocol botch: msize 2000000 in answer to 1048576"},
		{"", []string{"Rversion msize 100 version 9P2000.L"}, false, "version: protocol botch: msize 100 in answer to 1048576"},
		{"", []string{"Rflush"}, false, "version: protocol botch: Rflush answers Tversion"},
		{"", []string{"ffffff7f65ffff"}, false, "version: no 9P is spoken there: protocol botch: message of 2147483647 bytes"},
		{"", []string{""}, false, "version: closed by the server"},
	} {
		conn, err := scripted(t, &client.Options{Version: c.want}, c.lines...)
		if err != nil && err.Error() != c.err || err == nil && c.err != "" {
			t.Errorf("%q: %v, want %s", c.lines, err, c.err)
		} else if err == nil && (conn.DotL() != c.dotl || conn.Msize() != 8192) {
			t.Errorf("%q: dotl %v, msize %d", c.lines, conn.DotL(), conn.Msize())
		}
	}
}

const (
	v9 = "Rversion msize 8192 version 9P2000"
	vL = "Rversion msize 8192 version 9P2000.L"
	no = "Rversion msize 8192 version unknown"
	at = "Rattach qid (1 0 d)"
)

// TestBadServers has servers that answer nonsense: it is an error that says so,
// for the call and, where the stream is lost, for the connection.
func TestBadServers(t *testing.T) {
	walk := func(names ...string) func(r *client.Fid) error {
		return func(r *client.Fid) error { _, err := r.Walk(ctx, names...); return err }
	}
	read := func(n int) func(r *client.Fid) error {
		return func(r *client.Fid) error { _, err := r.Read(ctx, make([]byte, n), 0); return err }
	}
	list := func(r *client.Fid) error {
		if err := r.Open(ctx, p9.OREAD); err != nil {
			return err
		}
		for _, err := range r.List(ctx, 0) {
			if err != nil {
				return err
			}
		}
		return nil
	}
	stat := func(r *client.Fid) error { _, err := r.Stat(ctx); return err }
	long := strings.Repeat("x", 100)
	for _, c := range []struct {
		version string
		line    string // answers what do asks
		do      func(r *client.Fid) error
		err     string
		dead    bool
	}{
		{vL, "Rwalk wqid [(1 0) (2 0)]", walk("a"), "protocol botch: Rwalk of 2 qids for 1 names", false},
		{vL, "Rwalk wqid [(1 0) (2 0)]", walk("a", "b"), `protocol botch: Rwalk through "a", which is no directory`, false},
		{vL, "Rwalk", walk("a"), "protocol botch: Rwalk without qids", false},
		{v9, `Rread data "12345"`, read(4), "protocol botch: Rread of 5 bytes, 4 asked for", false},
		{v9, "Rwrite count 100", func(r *client.Fid) error { _, err := r.Write(ctx, []byte("x"), 0); return err }, "protocol botch: Rwrite of 100 bytes for 1", false},
		{v9, `Rstat stat "\x03\x00abc"`, stat, "stat reply: bogus wstat buffer", false},
		{v9, `Rstat stat {name "a/b"}`, stat, `directory entry "a/b": illegal name`, false},
		{v9, `Rstat stat {name a qid (1 0 d)}`, stat, "protocol botch: qid type 0x80 of a file with mode ----------", false},
		{vL, "Rgetattr attr {qid (1 0) mode 040755}", stat, "protocol botch: qid type 0x0 of a file with mode drwxr-xr-x", false},
		{vL, "Rread", walk("a"), "i/o on hungup channel: Rread answers Twalk", true},
		{vL, "Rflush", walk("a"), "i/o on hungup channel: Rflush answers Twalk", true},
		{vL, "Rwalk tag 7", walk("a"), "i/o on hungup channel: Rwalk has the unknown tag 7", true},
		{v9, "0a0000006f0000" + "010000", walk("a"), "i/o on hungup channel: Rwalk: message truncated", true},
		{v9, "0a000000750000" + "ffffff", read(4), "i/o on hungup channel: Rread: message truncated", true},
		{v9, "0b000000750000" + "ffffffff", read(4), "i/o on hungup channel: Rread of 11 bytes has a count of 4294967295", true},
		{v9, "030000006f0000", walk("a"), "i/o on hungup channel: message of 3 bytes, msize 8192", true},
		{v9, "ffffff0f6f0000", walk("a"), "i/o on hungup channel: message of 268435455 bytes, msize 8192", true},
		{v9, "0b0000006f00", walk("a"), "i/o on hungup channel: closed by the server", true},
		{v9, "Rerror ename " + long, walk("a"), long, false},
	} {
		dialect := p9.Version9P2000L
		if c.version == v9 {
			dialect = p9.Version9P2000
		}
		conn, err := scripted(t, &client.Options{Version: dialect}, c.version, at, c.line)
		if err != nil {
			t.Fatal(err)
		}
		root, err := conn.Attach(ctx, nil, "glenda", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.do(root); err == nil || err.Error() != c.err {
			t.Errorf("%s: %v, want %s", c.line, err, c.err)
		}
		if c.dead {
			<-conn.Done()
			if err := conn.Err(); !errors.Is(err, p9.ErrHungup) {
				t.Errorf("%s: connection: %v", c.line, err)
			}
		}
	}

	for _, c := range []struct{ line, err string }{
		{`Rreaddir data [{qid (2 0) cookie 1 type 8 name "a/b"}]`, `directory entry "a/b": illegal name`},
		{`Rreaddir data [{qid (2 0) cookie 1 type 8}]`, `directory entry "": illegal name`},
		{`Rreaddir data [{qid (2 0) name a}]`, "protocol botch: directory goes in a circle"},
		{`Rreaddir data "garbage that is no directory"`, "readdir reply: message truncated"},
	} {
		conn, err := scripted(t, nil, vL, at, "Rlopen qid (1 0 d)", c.line, "Rreaddir")
		if err != nil {
			t.Fatal(err)
		}
		root, err := conn.Attach(ctx, nil, "glenda", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := list(root); err == nil || err.Error() != c.err {
			t.Errorf("%s: %v, want %s", c.line, err, c.err)
		}
	}
}

// TestFlushRace has the reply arrive after Tflush was sent and before Rflush:
// the reply counts.
func TestFlushRace(t *testing.T) {
	a, b := srvtest.Pair(t)
	flushing := make(chan struct{})
	rctx, cancel := context.WithCancel(ctx)
	go func() {
		serve := func(line string) {
			var h [7]byte
			io.ReadFull(b, h[:])
			rest := make([]byte, int(h[0])-7)
			io.ReadFull(b, rest)
			if line == "" {
				cancel()
				return
			}
			f, _ := p9.ParseText(line)
			if f.Tag = uint16(h[5]) | uint16(h[6])<<8; h[4] == uint8(p9.Tflush) {
				close(flushing)
				r, _ := p9.ParseText(`Rread data "not lost"`)
				r.Tag = uint16(rest[0]) | uint16(rest[1])<<8
				buf, _ := r.Append(nil, true)
				b.Write(buf)
			}
			buf, _ := f.Append(nil, true)
			b.Write(buf)
		}
		serve("Rversion msize 8192 version 9P2000.L")
		serve("Rattach qid (1 0 d)")
		serve("")
		serve("Rflush")
		serve("Rclunk")
		b.Close()
	}()
	c, err := client.New(ctx, a, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	root, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 100)
	n, err := root.Read(rctx, p, 0)
	if err != nil || !bytes.Equal(p[:n], []byte("not lost")) {
		t.Errorf("%q, %v", p[:n], err)
	}
	<-flushing
	if err := root.Clunk(ctx); err != nil {
		t.Error(err)
	}
}

func TestDial(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("NAMESPACE", dir)
	for _, c := range []struct{ dial, err string }{
		{"none", "none: no such server is posted in " + dir},
		{"unix!" + dir + "/none", "dial unix!" + dir + "/none: file does not exist"},
		{"tcp!127.0.0.1!1", "dial tcp!127.0.0.1!1: Connection refused"},
		{"vsock!2!564", `dial string "vsock!2!564": unknown network vsock`},
		{"", `dial string "": empty`},
	} {
		if _, err := client.Dial(ctx, c.dial, nil); err == nil || err.Error() != c.err {
			t.Errorf("%s: %v, want %s", c.dial, err, c.err)
		}
	}
}
