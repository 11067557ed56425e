package client_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestFlush cancels reads that block while records come in: each record is read
// exactly once, whether its reader was just being flushed or not.
func TestFlush(t *testing.T) {
	for _, dotl := range []bool{false, true} {
		root, q, _ := tree()
		f, err := srvtest.Mount(t, root, dotl).Walk(ctx, "q")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Open(ctx, p9.OREAD); err != nil {
			t.Fatal(err)
		}
		const records = 500
		var mu sync.Mutex
		got, flushed := 0, 0
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				p := make([]byte, 16)
				for {
					rctx, cancel := context.WithCancel(ctx)
					stop := make(chan struct{})
					go func() { q.Put([]byte("r")); cancel(); close(stop) }()
					n, err := f.Read(rctx, p, 0)
					<-stop
					mu.Lock()
					if err == nil {
						got += n
					} else if flushed++; !errors.Is(err, context.Canceled) {
						t.Errorf("flushed read: %v", err)
					}
					over := got+flushed >= records
					mu.Unlock()
					if over {
						return
					}
				}
			})
		}
		wg.Wait()
		put := got + flushed // one for each read
		q.Close()
		for p := make([]byte, 16); ; {
			n, err := f.Read(ctx, p, 0)
			if err != nil {
				break
			}
			got += n
		}
		if got != put {
			t.Errorf("dotl %v: %d records put, %d read", dotl, put, got)
		}
		t.Logf("%d records, %d reads flushed", put, flushed)
	}
}

// TestCancelled has calls whose ctx ended before them, and clunks, which are
// sent nevertheless.
func TestCancelled(t *testing.T) {
	each(t, func(t *testing.T, root *client.Fid) {
		over, cancel := context.WithCancel(ctx)
		f, err := root.Walk(ctx, "hello")
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := f.Stat(over); !errors.Is(err, context.Canceled) {
			t.Errorf("stat: %v", err)
		}
		if _, err := root.Walk(over); !errors.Is(err, context.Canceled) {
			t.Errorf("walk: %v", err)
		}
		if _, _, err := root.WalkStat(over, "hello"); !errors.Is(err, context.Canceled) {
			t.Errorf("walkstat: %v", err)
		}
		if err := f.Clunk(over); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("clunk: %v", err)
		}
		if _, err := root.Stat(ctx); err != nil {
			t.Error(err)
		}
	})
}

// clunks counts the clunks of its entries.
type clunks struct {
	*srv.Dir
	mu    sync.Mutex
	alive int
}

type counted struct {
	srv.File
	of *clunks
}

func (c *clunks) Walk(ctx context.Context, name string) (srv.File, error) {
	f, err := c.Dir.Walk(ctx, name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alive++
	return &counted{f, c}, nil
}

func (f *counted) Clunk() {
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	f.of.alive--
}

// TestFidsComeBack walks under contexts that end at any moment: no fid may stay
// with the server.
func TestFidsComeBack(t *testing.T) {
	for _, dotl := range []bool{false, true} {
		dir := &clunks{Dir: srv.NewDir().Add("f", srv.Const("f"))}
		root := srvtest.Mount(t, dir, dotl)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := range 200 {
					rctx, cancel := context.WithCancel(ctx)
					go cancel()
					var f *client.Fid
					var err error
					if i%2 == 0 {
						f, err = root.Walk(rctx, "f")
					} else {
						f, _, err = root.WalkStat(rctx, "f")
					}
					if err == nil {
						f.Clunk(rctx)
					}
					cancel()
				}
			})
		}
		wg.Wait()
		if !srvtest.Until(func() bool { dir.mu.Lock(); defer dir.mu.Unlock(); return dir.alive == 0 }) {
			t.Errorf("dotl %v: %d fids were not clunked", dotl, dir.alive)
		}
	}
}

// TestHangup ends the connection under calls that block.
func TestHangup(t *testing.T) {
	for _, how := range []string{"client", "server"} {
		root, _, _ := tree()
		conn := srvtest.Serve(t, srv.New(root))
		c, err := client.New(ctx, conn, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Attach(ctx, nil, "", "")
		if err != nil {
			t.Fatal(err)
		}
		f, err := r.Walk(ctx, "q")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Open(ctx, p9.OREAD); err != nil {
			t.Fatal(err)
		}
		errs := make(chan error)
		for range 100 {
			go func() {
				_, err := f.Read(ctx, make([]byte, 10), 0)
				errs <- err
			}()
		}
		if how == "client" {
			c.Close()
		} else {
			conn.Close()
		}
		for range 100 {
			if err := <-errs; !errors.Is(err, p9.ErrHungup) {
				t.Fatalf("read: %v", err)
			}
		}
		<-c.Done()
		if err := c.Err(); !errors.Is(err, p9.ErrHungup) {
			t.Errorf("%v", err)
		}
		if _, err := r.Stat(ctx); !errors.Is(err, p9.ErrHungup) {
			t.Errorf("stat on a dead connection: %v", err)
		}
	}
}
