package cpu

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"ninespace/exportfs/door"
	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/srvtest"
)

// TestSilent: a far side that lets us in and then says nothing is given up.
func TestSilent(t *testing.T) {
	defer func(d time.Duration) { greetLimit = d }(greetLimit)
	greetLimit = 100 * time.Millisecond
	err := hostile(t, nil, func(c net.Conn) {
		io.WriteString(c, "ok\n")
		io.Copy(io.Discard, c)
	})
	if err == nil || !strings.Contains(err.Error(), "no answer within 100ms") {
		t.Error(err)
	}
}

// serve serves a caller who wants something, in this process.
func serve(t *testing.T, want door.Want, cfg Config) (c net.Conn, served chan error) {
	t.Helper()
	near, far := srvtest.Pair(t)
	served = make(chan error, 1)
	go func() {
		c, err := door.Stdio(far, want.String())
		if err == nil {
			err = Serve(t.Context(), c, cfg)
		}
		served <- err
	}()
	return near, served
}

// TestRefused: who does not get what it wants is told why.
func TestRefused(t *testing.T) {
	tree := func(context.Context, *door.Conn) error { return nil }
	for _, c := range []struct {
		want door.Want
		cfg  Config
		says string
	}{
		{door.Want{Service: "nosuch"}, Config{}, `no there is no service "nosuch" here`},
		{door.Want{Service: door.Export}, Config{}, `no there is no service "export" here`},
		{door.Want{Service: door.Export}, Config{Export: tree, Command: "date"}, `no the key is not for service "export"`},
		{door.Want{Service: door.Dial, Arg: "unix!/nosuch"}, Config{Restrict: true}, `no the key is not for service "dial"`},
		{door.Want{Service: door.Dial, Arg: "unix!/nosuch"}, Config{}, "no dial unix!/nosuch: "},
		{door.Want{Service: door.CPU, User: "nosuch"}, Config{}, "no user "},
		{door.Want{Service: door.Attach, Arg: "nosuch.0"}, Config{Restrict: true}, `no the key is not for service "attach"`},
	} {
		near, served := serve(t, c.want, c.cfg)
		said, _ := io.ReadAll(near)
		if !strings.HasPrefix(string(said), c.says) {
			t.Errorf("%v: %q", c.want, said)
		}
		if err := <-served; err == nil {
			t.Errorf("%v: no error", c.want)
		}
		near.Close()
	}
}

// TestServices: a tree, and a connection to somebody else.
func TestServices(t *testing.T) {
	srvtest.CheckGoroutines(t)
	socket := filepath.Join(t.TempDir(), "s")
	l, err := srv.Announce("unix!" + socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	hello := srv.NewDir().Add("hello", srv.Const("hello\n"))
	go func() { done <- srv.New(hello).Serve(ctx, l) }()
	defer func() {
		cancel()
		<-done
	}()
	read := func(stream io.ReadWriteCloser) {
		t.Helper()
		c, err := client.New(t.Context(), stream, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		root, err := c.Attach(t.Context(), nil, "", "")
		if err != nil {
			t.Fatal(err)
		}
		f, err := root.WalkOpen(t.Context(), 0, "hello")
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 10)
		if n, err := f.Read(t.Context(), b, 0); err != nil || string(b[:n]) != "hello\n" {
			t.Errorf("%q, %v", b[:n], err)
		}
	}
	ok := func(c net.Conn) {
		t.Helper()
		b := make([]byte, len("ok "+runtime.GOARCH+"\n"))
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "ok "+runtime.GOARCH+"\n" {
			t.Fatalf("%q, %v", b, err)
		}
	}
	near, served := serve(t, door.Want{Service: door.Dial, Arg: "unix!" + socket}, Config{})
	ok(near)
	read(near)
	if err := <-served; err != nil {
		t.Error(err)
	}
}
