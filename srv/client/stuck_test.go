package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A valve passes on what a client sends, unless it is shut.
type valve struct {
	mu   sync.Mutex
	wait *sync.Cond
	shut bool
}

func newValve() *valve {
	v := new(valve)
	v.wait = sync.NewCond(&v.mu)
	return v
}

func (v *valve) set(shut bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shut = shut
	v.wait.Broadcast()
}

func (v *valve) open() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.shut {
		v.wait.Wait()
	}
}

// pass copies in pieces, each when the valve is open.
func (v *valve) pass(to, from net.Conn) {
	b := make([]byte, 8<<10)
	for {
		v.open()
		n, err := from.Read(b)
		v.open()
		if _, werr := to.Write(b[:n]); err != nil || werr != nil {
			return
		}
	}
}

// A plain stream has nothing but what it must have.
type plain struct{ io.ReadWriteCloser }

// between puts the valve in front of the server.
func (v *valve) between(pipe bool) func(t *testing.T, s *srv.Server) io.ReadWriteCloser {
	return func(t *testing.T, s *srv.Server) io.ReadWriteCloser {
		up := srvtest.Serve(t, s)
		c, down := srvtest.Pair(t)
		if u, ok := c.(*net.UnixConn); ok {
			u.SetWriteBuffer(32 << 10)
		}
		var wg sync.WaitGroup
		wg.Go(func() { v.pass(up, down); up.Close() })
		wg.Go(func() { io.Copy(down, up); down.Close() })
		t.Cleanup(func() { v.set(false); c.Close(); wg.Wait() })
		if pipe {
			return plain{c}
		}
		return c
	}
}

// TestStuck has a server take nothing any more in the middle of calls of all kinds:
// they end with their ctx, and their bytes are their caller's again. When the server
// goes on, so does the connection.
func TestStuck(t *testing.T) {
	const size = 4 << 20
	for _, dotl := range []bool{false, true} {
		for _, pipe := range []bool{false, true} {
			t.Run(fmt.Sprintf("dotl %v, plain %v", dotl, pipe), func(t *testing.T) {
				v := newValve()
				big := newBlob(bytes.Repeat([]byte("a"), size))
				root, _ := setup{dotl: dotl, between: v.between(pipe)}.mount(t, newFolder().Add("big", big).Add("f", newBlob([]byte("text"))))
				s := client.Fsys{Root: root}
				octx, cancel := context.WithCancel(ctx)
				defer cancel()
				f, err := root.WalkOpen(ctx, p9.ORDWR, "big")
				if err != nil {
					t.Fatal(err)
				}
				behind, err := s.Open(octx, "big", p9.OWRITE)
				if err != nil {
					t.Fatal(err)
				}
				if err := behind.WriteBehind(1 << 20); err != nil {
					t.Fatal(err)
				}
				g, err := root.Walk(ctx, "f")
				if err != nil {
					t.Fatal(err)
				}
				client.SetPatience(root.Conn(), 20*time.Millisecond)
				v.set(true)
				mine := bytes.Repeat([]byte("b"), size)
				calls := map[string]func() error{
					"write":        func() error { _, err := f.Write(octx, mine, 0); return err },
					"write behind": func() error { _, err := behind.Write(mine); return err },
					"read":         func() error { _, err := f.ReadAt(octx, make([]byte, size), 0); return err },
					"clunk":        func() error { return g.Clunk(octx) },
				}
				for i, op := range ops {
					calls[fmt.Sprint("op ", i)] = func() error { return op(octx, s) }
				}
				type outcome struct {
					name string
					err  error
				}
				done := make(chan outcome, len(calls))
				for name, call := range calls {
					go func() { done <- outcome{name, call()} }()
				}
				if !srvtest.Until(func() bool { return client.Stuck(root.Conn()) }) {
					t.Fatal("the client is not stuck")
				}
				cancel()
				for range len(calls) {
					select {
					case o := <-done:
						if !errors.Is(o.err, context.Canceled) {
							t.Errorf("%s: %v", o.name, o.err)
						}
						delete(calls, o.name)
					case <-time.After(srvtest.Patience):
						for name := range calls {
							t.Errorf("%s does not end with its ctx", name)
						}
						v.set(false)
						return
					}
				}
				for i := range mine {
					mine[i] = 'c' // to be seen by nobody
				}
				v.set(false)
				if b, err := s.ReadFile(ctx, "f"); string(b) != "text" {
					t.Errorf("then the client reads %q: %v", b, err)
				}
				f.Clunk(ctx)
				behind.Close()
				if b, err := s.ReadFile(ctx, "big"); len(b) != size || bytes.ContainsRune(b, 'c') {
					t.Errorf("the server was given others' bytes: %d, %v", len(b), err)
				}
			})
		}
	}
}

// A deaf file's reads wait for leave, whatever becomes of their ctx.
type deaf struct {
	srv.Node
	leave chan struct{}
	asked chan struct{}
}

func (d *deaf) Read(_ context.Context, p []byte, _ int64) (int, error) {
	d.asked <- struct{}{}
	<-d.leave
	return copy(p, "late"), nil
}

// TestSilent has a server that takes everything, and answers nothing: a call ends with
// its ctx nevertheless. Where others are answered meanwhile, it waits for its answer.
func TestSilent(t *testing.T) {
	const patience = 10 * time.Millisecond
	for _, dotl := range []bool{false, true} {
		for _, talks := range []bool{false, true} {
			t.Run(fmt.Sprintf("dotl %v, talks %v", dotl, talks), func(t *testing.T) {
				d := &deaf{srv.NewNode(0o444), make(chan struct{}), make(chan struct{}, 1)}
				root, _ := setup{dotl: dotl}.mount(t, srv.NewDir().Add("deaf", d))
				client.SetPatience(root.Conn(), patience)
				f, err := root.WalkOpen(ctx, p9.OREAD, "deaf")
				if err != nil {
					t.Fatal(err)
				}
				octx, cancel := context.WithCancel(ctx)
				done := make(chan error, 1)
				p := make([]byte, 10)
				go func() { _, err := f.Read(octx, p, 0); done <- err }()
				<-d.asked
				cancel()
				if !talks {
					if err := <-done; !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					close(d.leave)
				} else {
					for began := time.Now(); time.Since(began) < 30*patience; {
						if _, err := root.Stat(ctx); err != nil {
							t.Fatal(err)
						}
					}
					close(d.leave)
					if err := <-done; err != nil || string(p[:4]) != "late" {
						t.Errorf("%q, %v", p, err)
					}
				}
				f.Clunk(ctx)
			})
		}
	}
}
