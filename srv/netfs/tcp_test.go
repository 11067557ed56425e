package netfs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestTCP(t *testing.T) {
	each(t, Config{}, func(x tree) {
		l, a, b := x.tcpPair()
		if s := l.file("status"); s != "Listen qin 0 qout 0" {
			x.Errorf("status %q", s)
		}
		if got, want := b.file("remote"), a.file("local"); got != want {
			x.Errorf("remote %s, local there %s", got, want)
		}
		ad, bd := a.data(), b.data()
		x.Write(ad, "hello")
		if got := x.Read(bd); got != "hello" {
			x.Errorf("read %q", got)
		}
		x.Write(bd, "there")
		if !strings.HasPrefix(a.file("status"), "Established qin ") {
			x.Error(a.file("status"))
		}
		if got := x.Read(ad); got != "there" {
			x.Errorf("read %q", got)
		}
		a.must("hangup")
		if got := x.Read(bd); got != "" {
			x.Errorf("read %q after hangup", got)
		}
		if got := x.Read(ad); got != "" {
			x.Errorf("read %q after own hangup", got)
		}
		if _, err := ad.Write(x.Context(), []byte("x"), 0); !is(err, errHungup) {
			x.Errorf("write after hangup: %v", err)
		}
		if a.file("err") != "i/o on hungup channel" {
			x.Errorf("err %q", a.file("err"))
		}
	})
}

// TestClunkEnds sees that the last fid of a conversation ends it, and no other.
func TestClunkEnds(t *testing.T) {
	each(t, Config{}, func(x tree) {
		_, a, b := x.tcpPair()
		bd, ad := b.data(), a.data()
		a.end()
		x.Write(ad, "still")
		if got := x.Read(bd); got != "still" {
			x.Errorf("read %q", got)
		}
		stale, err := x.Root.Walk(x.Context(), "tcp", a.dir[4:], "data")
		if err != nil {
			x.Fatal(err)
		}
		ad.Clunk(x.Context())
		if got := x.Read(bd); got != "" {
			x.Errorf("read %q, not the end", got)
		}
		if _, err := x.Root.Walk(x.Context(), "tcp", a.dir[4:]); !errors.Is(err, os.ErrNotExist) {
			x.Errorf("the conversation is still there: %v", err)
		}
		again := x.clone("tcp")
		if again.dir != a.dir {
			x.Errorf("the next is %s, not %s", again.dir, a.dir)
		}
		if err := stale.Open(x.Context(), p9.ORDWR); err != nil {
			x.Errorf("a number's file is not the next one's: %v", err)
		}
		if _, err := stale.Write(x.Context(), []byte("x"), 0); !is(err, errNotConn) {
			x.Errorf("write to the next one: %v", err)
		}
	})
}

// TestFlush sees that what waits ends when it is flushed, having taken nothing.
func TestFlush(t *testing.T) {
	each(t, Config{}, func(x tree) {
		l, a, b := x.tcpPair()
		bd, ad := b.data(), a.data()
		ctx, cancel := context.WithCancel(x.Context())
		done := make(chan error, 2)
		go func() {
			_, err := bd.Read(ctx, make([]byte, 100), 0)
			done <- err
		}()
		go func() {
			_, err := srvtest.Open(ctx, x.Root, l.dir+"/listen", p9.ORDWR)
			done <- err
		}()
		cancel()
		for range 2 {
			if err := <-done; err == nil {
				x.Error("no error")
			}
		}
		x.Write(ad, "kept")
		if got := x.Read(bd); got != "kept" {
			x.Errorf("read %q", got)
		}
		c := x.clone("tcp")
		c.must("connect " + l.file("local"))
		n := l.listen()
		if n.file("remote") != c.file("local") {
			x.Errorf("remote %s", n.file("remote"))
		}
	})
}

// TestMuch sends more than any buffer holds, both ways, by writes that wait.
func TestMuch(t *testing.T) {
	each(t, Config{}, func(x tree) {
		_, a, b := x.tcpPair()
		ad, bd := a.data(), b.data()
		a.end()
		b.end()
		much := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
		done := make(chan error, 2)
		go func() {
			_, err := ad.Write(x.Context(), much, 0)
			if err == nil {
				err = ad.Clunk(x.Context())
			}
			done <- err
		}()
		got := make([]byte, 0, len(much))
		for p := make([]byte, 100<<10); ; {
			n, err := bd.Read(x.Context(), p, int64(len(got)))
			got = append(got, p[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				x.Fatal(err)
			}
		}
		if err := <-done; err != nil {
			x.Error(err)
		}
		if !bytes.Equal(got, much) {
			x.Errorf("%d bytes came of %d, or others", len(got), len(much))
		}
	})
}

func TestTCPErrors(t *testing.T) {
	each(t, Config{}, func(x tree) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			x.Fatal(err)
		}
		_, closedPort, _ := net.SplitHostPort(l.Addr().String())
		l.Close()
		c := x.clone("tcp")
		for _, bad := range []struct{ line, says string }{
			{"connect", "connect: usage: connect addr!port[!r] [localport]: Invalid argument"},
			{"connect localhost!80", "connect localhost!80: bad address localhost: cs knows names"},
			{"connect 1.2.3.4", "connect 1.2.3.4: bad address 1.2.3.4: not addr!port"},
			{"connect 1.2.3.4!http", "connect 1.2.3.4!http: bad port http: a number up to 65535"},
			{"connect 1.2.3.4!80 x", "connect 1.2.3.4!80 x: localport: bad port x: a number up to 65535"},
			{"connect 127.0.0.1!" + closedPort, "connect 127.0.0.1!" + closedPort + ": Connection refused"},
			{"announce 1.2.3!4", "announce 1.2.3!4: bad address 1.2.3: cs knows names"},
			{"announce 192.0.2.1!0", "announce 192.0.2.1!0: Cannot assign requested address"},
			{"ttl 256", "ttl 256: bad hops 256: a number up to 255"},
			{"ttl 0", "ttl 0: bad hops 0: at least 1"},
			{"nodelay maybe", `nodelay maybe: bad word "maybe": on or off`},
			{"foo", "unknown control message \"foo\": not one of accept, announce, bind, connect, hangup, keepalive, nodelay, reject, tos, ttl: Invalid argument"},
		} {
			if err := c.cmd(bad.line); err == nil {
				x.Errorf("%s: no error", bad.line)
			}
			says := strings.TrimSuffix(bad.says, ": Invalid argument")
			if got := strings.TrimSuffix(c.file("err"), ": Invalid argument"); got != says {
				x.Errorf("%s:\n%s\nwant %s", bad.line, got, says)
			}
		}
		if _, err := srvtest.Open(x.Context(), x.Root, c.dir+"/listen", p9.ORDWR); err == nil {
			x.Error("listen, not announced")
		}
		d := c.data()
		if _, err := d.Write(x.Context(), []byte("x"), 0); !is(err, errNotConn) {
			x.Errorf("write, not connected: %v", err)
		}
		c.must("announce 127.0.0.1!0") // after failures
		if err := c.cmd("announce 127.0.0.1!0"); err == nil || c.file("err") != "announce 127.0.0.1!0: conversation is Listen" {
			x.Errorf("%v: %s", err, c.file("err"))
		}
		if got := c.file("status"); got != "Listen qin 0 qout 0" {
			x.Error(got)
		}
	})
}

// TestOptions sees by the system's own eyes what options and addresses do.
func TestOptions(t *testing.T) {
	each(t, Config{}, func(x tree) {
		c := x.clone("tcp")
		c.must("ttl 9\ntos 8\nkeepalive 5000\nnodelay off")
		c.must("bind 127.0.0.1!0")
		near := c.file("local")
		l := x.clone("tcp")
		l.must("announce *!0")
		c.must("connect 127.0.0.1!" + port(l.file("local")))
		if c.file("local") != near {
			x.Errorf("local %s, bound to %s", c.file("local"), near)
		}
		n := l.listen()
		if n.file("remote") != near {
			x.Errorf("remote %s, not %s", n.file("remote"), near)
		}
		r := x.clone("tcp")
		if os.Geteuid() != 0 {
			x.Skip("not root: no restricted ports")
		}
		r.must("connect 127.0.0.1!" + port(l.file("local")) + "!r")
		if p := port(r.file("local")); len(p) > 4 || p < "600" && len(p) == 3 {
			x.Errorf("port %s", p)
		}
	})
}

// TestThousand opens and drops 1,000 conversations: no descriptor stays.
func TestThousand(t *testing.T) {
	srvtest.CheckFiles(t)
	each(t, Config{}, func(x tree) {
		l := x.clone("tcp")
		l.must("announce 127.0.0.1!0")
		addr := l.file("local")
		var all []talk
		for range 500 {
			c := x.clone("tcp")
			c.must("connect " + addr)
			all = append(all, c, l.listen())
		}
		if got := all[len(all)-1].file("local"); got != addr {
			x.Errorf("local %s", got)
		}
		for i, c := range all {
			if i%2 == 0 {
				x.Write(c.data(), "bye")
			}
			c.end()
		}
	})
}
