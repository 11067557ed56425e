package srvtest

import (
	"context"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// Patience is how long a condition that must come about is waited for. It costs nothing where it does.
const Patience = time.Minute

// Until waits until a condition holds and reports whether it came to that.
func Until(cond func() bool) bool {
	for end := time.Now().Add(Patience); !cond(); {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return true
}

// CheckGoroutines fails the test if, at its end, more goroutines run than when
// it was called. Call it first: what is cleaned up is cleaned up in reverse.
func CheckGoroutines(t testing.TB) {
	t.Helper()
	before, _ := goroutines()
	t.Cleanup(func() {
		if !Until(func() bool { n, _ := goroutines(); return n <= before }) {
			n, stacks := goroutines()
			t.Errorf("%d goroutines were left behind, among these:\n%s", n-before, stacks)
		}
	})
}

// goroutines counts those that can end; package os/signal's never does.
func goroutines() (n int, stacks string) {
	buf := make([]byte, 1<<20)
	stacks = string(buf[:runtime.Stack(buf, true)])
	for s := range strings.SplitSeq(stacks, "\n\n") {
		if !strings.Contains(s, "os/signal.loop") {
			n++
		}
	}
	return n, stacks
}

// CheckFiles fails the test if, at its end, more files are open than when it was
// called.
func CheckFiles(t testing.TB) {
	t.Helper()
	if r, w, err := os.Pipe(); err == nil { // what Go waits for files by is opened with the first
		r.Close()
		w.Close()
	}
	count := func() int {
		ents, _ := os.ReadDir("/proc/self/fd")
		return len(ents)
	}
	before := count()
	t.Cleanup(func() {
		if !Until(func() bool { return count() <= before }) {
			t.Errorf("%d files were left open", count()-before)
		}
	})
}

// Serve serves one connection and gives the client's end of it. The test ends
// when the server has.
func Serve(t testing.TB, s *srv.Server) net.Conn {
	t.Helper()
	CheckGoroutines(t)
	a, b := Pair(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ServeConn(ctx, b)
	}()
	t.Cleanup(func() {
		a.Close()
		cancel()
		select {
		case <-done:
		case <-time.After(Patience):
			t.Error("the server does not end with its connection")
		}
	})
	return a
}

// MountServer connects to a server in one dialect and attaches as the user who
// runs the test.
func MountServer(t testing.TB, s *srv.Server, dotl bool) *client.Fid {
	t.Helper()
	version := p9.Version9P2000
	if dotl {
		version = p9.Version9P2000L
	}
	ctx := context.Background()
	c, err := client.New(ctx, Serve(t, s), &client.Options{Version: version + p9.InOrder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	root, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// Mount serves a tree and gives its root as a client has it, in one dialect.
func Mount(t testing.TB, root srv.File, dotl bool) *client.Fid {
	t.Helper()
	return MountServer(t, srv.New(root), dotl)
}

// Each runs a test once in each dialect on a new tree.
func Each(t *testing.T, newRoot func() srv.File, test func(t *testing.T, root *client.Fid)) {
	t.Helper()
	for _, dotl := range []bool{false, true} {
		name := p9.Version9P2000
		if dotl {
			name = p9.Version9P2000L
		}
		t.Run(name, func(t *testing.T) { test(t, Mount(t, newRoot(), dotl)) })
	}
}
