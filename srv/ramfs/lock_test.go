package ramfs

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv/p9"
)

func lockAs(typ uint8, proc uint32, start, length uint64) p9.Flock {
	return p9.Flock{Type: typ, ProcID: proc, ClientID: "c", Start: start, Length: length}
}

// TestManyLocks takes as many locks on a file as one may have. What gives locks up
// goes on, and so do other files.
func TestManyLocks(t *testing.T) {
	root := New().(*dir)
	a, b := mk(t, root, "f", p9.ORDWR), mk(t, root, "g", p9.ORDWR)
	var err error
	n := uint64(0)
	for ; n < 1<<16 && err == nil; n++ {
		_, err = a.Lock(bg, lockAs(p9.LockWrite, 1, 2*n, 1))
	}
	if !errors.Is(err, syscall.ENOLCK) || n < 1000 {
		t.Fatalf("after %d locks: %v", n, err)
	}
	held := a.locks.Len()
	if _, err := b.Lock(bg, lockAs(p9.LockWrite, 1, 0, 1)); err != nil {
		t.Errorf("another file: %v", err)
	}
	if _, err := a.Lock(bg, lockAs(p9.LockUnlock, 1, 0, 1)); err != nil || a.locks.Len() != held-1 {
		t.Errorf("a lock given up: %v, %d are left", err, a.locks.Len())
	}
	if _, err := a.Lock(bg, lockAs(p9.LockWrite, 1, 0, 0)); err != nil || a.locks.Len() != 1 {
		t.Errorf("one lock over all: %v, %d are left", err, a.locks.Len())
	}
	long := lockAs(p9.LockRead, 1, 0, 1)
	long.ClientID = strings.Repeat("x", 60000)
	if _, err := b.Lock(bg, long); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a client of 60,000 letters: %v", err)
	}
}

func TestLock(t *testing.T) {
	const rd, wr, un, ok, blocked = p9.LockRead, p9.LockWrite, p9.LockUnlock, p9.LockSuccess, p9.LockBlocked
	root := New().(*dir)
	a, b := mk(t, root, "f", p9.ORDWR), mk(t, root, "f", p9.ORDWR)
	for i, c := range []struct {
		h      *handle
		l      p9.Flock
		status uint8
	}{
		{a, lockAs(rd, 1, 0, 100), ok},
		{b, lockAs(rd, 2, 50, 100), ok},
		{b, lockAs(wr, 2, 99, 1), blocked},
		{b, lockAs(wr, 2, 100, 0), ok},
		{a, lockAs(wr, 1, 0, 50), ok},
		{a, lockAs(un, 1, 20, 10), ok}, // leaves two
		{b, lockAs(wr, 2, 20, 10), ok},
		{b, lockAs(wr, 2, 19, 1), blocked},
		{b, lockAs(wr, 1, 19, 1), ok}, // the same process by another fid
		{a, lockAs(rd, 1, 1<<40, 1), blocked},
		{b, lockAs(un, 2, 0, 0), ok},
		{a, lockAs(wr, 1, 0, 0), ok},
	} {
		if st, err := c.h.Lock(bg, c.l); st != c.status || err != nil {
			t.Fatalf("%d: %+v: %d %v", i, c.l, st, err)
		}
	}
	if n := a.locks.Len(); n != 1 {
		t.Errorf("one lock of all is held as %d", n)
	}
	g, err := b.Getlock(bg, lockAs(rd, 2, 7, 1))
	if err != nil || g.Type != wr || g.ProcID != 1 || g.Start != 0 || g.Length != 0 {
		t.Errorf("getlock: %+v %v", g, err)
	}
	if g, _ := b.Getlock(bg, lockAs(un, 2, 7, 1)); g.Type != wr || g.ProcID != 1 {
		t.Errorf("getlock as Linux asks: %+v", g)
	}
	if g, _ := a.Getlock(bg, lockAs(wr, 1, 7, 1)); g.Type != un {
		t.Errorf("getlock of one's own: %+v", g)
	}
	if _, err := a.Lock(bg, lockAs(3, 1, 0, 1)); err == nil {
		t.Error("a lock of type 3 is taken")
	}
	wait := lockAs(wr, 2, 0, 1)
	wait.Flags = p9.LockFlagBlock
	ctx, cancel := context.WithCancel(bg)
	errs := make(chan error)
	go func() {
		_, err := b.Lock(ctx, wait)
		errs <- err
	}()
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	go func() {
		_, err := b.Lock(bg, wait)
		errs <- err
	}()
	a.Clunk() // gives up what was taken through it
	if err := <-errs; err != nil {
		t.Errorf("after the holder's clunk: %v", err)
	}
	b.Clunk()
	if n := a.locks.Len(); n != 0 {
		t.Errorf("%d locks are left", n)
	}
}
