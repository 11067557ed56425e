package srv_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ninespace/srv"
)

// A hung is calls in the kernel of one connection that wait for its end.
type hung struct {
	ctx   context.Context
	end   chan struct{}
	calls sync.WaitGroup
	began atomic.Int32
}

func newHung(calls int) *hung {
	h := &hung{ctx: srv.WithThreads(context.Background()), end: make(chan struct{})}
	for range calls {
		h.calls.Go(func() { h.call(h.ctx) })
	}
	return h
}

func (h *hung) call(ctx context.Context) error {
	return srv.InKernel(ctx, func() error {
		h.began.Add(1)
		<-h.end
		return nil
	})
}

// in is how many calls have begun when no more do.
func (h *hung) in() int {
	synctest.Wait()
	return int(h.began.Load())
}

func (h *hung) over() {
	close(h.end)
	h.calls.Wait()
}

// TestThreads has connections whose calls hang leave threads for others', down to one for each.
func TestThreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, had := 0, 300
		for i := range 50 {
			h := newHung(300)
			defer h.over()
			in := h.in()
			if in == 0 || in > had || i == 0 && (in < 100 || in == 300) {
				t.Fatalf("connection %d has %d threads, the one before %d", i, in, had)
			}
			all, had = all+in, in
		}
		if all > 2048 {
			t.Errorf("%d threads", all)
		}
		if err := srv.InKernel(t.Context(), func() error { return nil }); err != nil { // of none
			t.Error(err)
		}
	})
}

// TestThreadsUsers has the connections of one user, each with a call that hangs, leave threads for
// others'.
func TestThreadsUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		defer close(end)
		all, had := 0, 1600
		for i := range 4 {
			user := srv.WithUser(t.Context(), &srv.User{Name: strconv.Itoa(i)})
			var began atomic.Int32
			for range 1600 {
				go srv.InKernel(srv.WithThreads(user), func() error { began.Add(1); <-end; return nil })
			}
			synctest.Wait()
			in := int(began.Load())
			if in < 50 || in > had || i == 0 && in > 1500 {
				t.Errorf("user %d has %d threads, the one before %d", i, in, had)
			}
			all, had = all+in, in
		}
		if all > 2048 {
			t.Errorf("%d threads", all)
		}
	})
}

// TestThreadsTurn has a thread that a user has for one call after the other come to others, too.
func TestThreadsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			defer newHung(300).over()
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		defer calls.Wait()
		defer cancel()
		for i := range 1200 { // users, more than there are threads
			ctx := srv.WithThreads(srv.WithUser(ctx, &srv.User{Name: strconv.Itoa(i)}))
			for range 2 {
				calls.Go(func() {
					for ctx.Err() == nil {
						srv.InKernel(ctx, func() error { time.Sleep(time.Second); return nil })
					}
				})
			}
		}
		synctest.Wait()
		ctx, end := context.WithTimeout(srv.WithThreads(srv.WithUser(ctx, &srv.User{Name: "other"})), 20*time.Second)
		defer end()
		if err := srv.InKernel(ctx, func() error { return nil }); err != nil {
			t.Error("another user has no thread:", err)
		}
	})
}

// TestThreadsFlush has what waits for a thread end with its context, or go on when there is one.
func TestThreadsFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHung(300)
		first := h.in()
		ctx, cancel := context.WithTimeout(h.ctx, time.Second)
		defer cancel()
		if err := h.call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		ran := false
		if err := srv.InKernel(srv.WithNonblock(h.ctx), func() error { ran = true; return nil }); err != nil || !ran {
			t.Error("a call that must not wait:", ran, err)
		}
		other := newHung(300)
		defer other.over()
		if n := other.in(); n == 0 || n >= first {
			t.Errorf("another connection has %d threads, the first %d", n, first)
		}
		h.over()
		if n := h.in(); n != 300 {
			t.Errorf("%d of 300 calls began", n)
		}
		if n := other.in(); n != first {
			t.Errorf("when the first has gone, the other has %d, not %d", n, first)
		}
	})
}

// TestThreadsWhole has all that was taken given back, whatever ended the waits.
func TestThreadsWhole(t *testing.T) {
	ctx := srv.WithThreads(context.Background())
	var wg sync.WaitGroup
	for i := range 2000 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, time.Duration(i%7)*time.Millisecond)
			defer cancel()
			srv.InKernel(ctx, func() error { time.Sleep(time.Millisecond); return nil })
		})
	}
	wg.Wait()
	synctest.Test(t, func(t *testing.T) {
		h, other := newHung(300), newHung(300)
		defer h.over()
		defer other.over()
		if all := h.in() + other.in(); all < 256 || all > 512 {
			t.Errorf("%d threads", all)
		}
		fresh := &hung{ctx: ctx, end: make(chan struct{})}
		defer fresh.over()
		fresh.calls.Go(func() { fresh.call(fresh.ctx) })
		if fresh.in() != 1 {
			t.Error("no thread where all were given back")
		}
	})
}
