package client_test

import (
	"context"
	"errors"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A lockable is a file that is nothing but its locks, each taken through a handle.
type lockable struct {
	srv.Node
	locks srv.Locks
}

type lockHandle struct{ *lockable }

func (f *lockable) Open(context.Context, p9.Mode) (srv.Handle, error) { return &lockHandle{f}, nil }

func (h *lockHandle) Lock(ctx context.Context, l p9.Flock) (uint8, error) {
	return h.locks.Lock(ctx, h, l)
}

func (h *lockHandle) Getlock(_ context.Context, l p9.Flock) (p9.Flock, error) {
	found, _, err := h.locks.Getlock(l)
	return found, err
}

func (h *lockHandle) Clunk() { h.locks.Release(h) }

// TestLock takes a lock that another waits for, gives that up, and has it once the first is
// closed. Where there is an error the status is never that of a lock which was taken.
func TestLock(t *testing.T) {
	srvtest.CheckGoroutines(t)
	file := &lockable{Node: srv.NewNode(0o666)}
	for _, dotl := range []bool{true, false} {
		root := srvtest.Mount(t, srv.NewDir().Add("f", file), dotl)
		open := func() *client.Fid {
			f, err := root.WalkOpen(ctx, p9.ORDWR, "f")
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		one, two := open(), open()
		mine := p9.Flock{Type: p9.LockWrite, ProcID: 1, ClientID: "here"}
		his := p9.Flock{Type: p9.LockWrite, Flags: p9.LockFlagBlock, ProcID: 2, ClientID: "here"}
		if !dotl {
			if st, err := one.Lock(ctx, mine); st != p9.LockError || err == nil {
				t.Errorf("9P2000: status %d, %v", st, err)
			}
			continue
		}
		if st, err := one.Lock(ctx, mine); st != p9.LockSuccess || err != nil {
			t.Fatalf("status %d, %v", st, err)
		}
		if l, err := two.Getlock(ctx, his); l.Type != p9.LockWrite || l.ProcID != 1 || err != nil {
			t.Errorf("in the way: %+v, %v", l, err)
		}
		short, cancel := context.WithCancel(ctx)
		given := make(chan struct{})
		go func() {
			defer close(given)
			if st, err := two.Lock(short, his); st != p9.LockError || !errors.Is(err, context.Canceled) {
				t.Errorf("given up: status %d, %v", st, err)
			}
		}()
		cancel()
		<-given
		if err := one.Clunk(ctx); err != nil {
			t.Error(err)
		}
		if st, err := two.Lock(ctx, his); st != p9.LockSuccess || err != nil {
			t.Errorf("after that: status %d, %v", st, err)
		}
	}
}
