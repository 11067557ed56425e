package ns

import (
	"context"
	"errors"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A lateServer is silent for a while: whose ctx ends meanwhile hears nothing more, but the server
// does what it was asked, in order, once it is on again.
type lateServer struct {
	locks srv.Locks
	asked chan func()
}

func (s *lateServer) Lock(ctx context.Context, l p9.Flock) (status uint8, err error) {
	if err := ctx.Err(); err != nil {
		return p9.LockError, err
	}
	done := make(chan struct{})
	l.Flags = 0
	s.asked <- func() { status, err = s.locks.Lock(context.Background(), s, l); close(done) }
	select {
	case <-done:
		return status, err
	case <-ctx.Done():
		return p9.LockError, ctx.Err()
	}
}

func (s *lateServer) Getlock(context.Context, p9.Flock) (p9.Flock, error) {
	return p9.Flock{}, p9.ErrNotSup
}

// on has it do what it was asked so far and, until it is off again, at once.
func (s *lateServer) on() (off func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case do := <-s.asked:
				do()
			case <-end:
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

// had tells what an owner has of the first bytes of a file, one letter for each.
func had(locks *srv.Locks, k *holder) (text string) {
	for at := range uint64(4) {
		l := p9.Flock{Start: at, Length: 1, ClientID: k.as.ClientID, ProcID: k.as.ProcID}
		for _, p := range locks.Held(l) {
			text += string("rw-"[p.Type])
		}
	}
	return text
}

type lateTest struct {
	*testing.T
	*lateServer
	*holder
	state *lockState
}

func newLateTest(t *testing.T) *lateTest {
	srvtest.CheckGoroutines(t)
	s := &lateServer{asked: make(chan func(), 100)}
	l := &lateTest{T: t, lateServer: s, state: &lockState{holders: map[lockOwner]*holder{}}}
	l.holder = l.state.newHolder(&fileHandle{n: &node{fs: &fuseFS{}}}, lockOwner{id: 1}, 1)
	l.by = s
	l.state.holders[l.owner] = l.holder
	return l
}

// ask asks for a lock of bytes, or lets it go.
func (l *lateTest) ask(ctx context.Context, typ uint8, start, n uint64) error {
	status, err := l.holder.lock(ctx, p9.Flock{Type: typ, Flags: p9.LockFlagBlock, Start: start, Length: n})
	if err == nil && status != p9.LockSuccess {
		err = errors.New("it is not had")
	}
	return err
}

// asks has it be asked for, and comes back when the server has the request.
func (l *lateTest) asks(ctx context.Context, typ uint8, start, n uint64) <-chan error {
	l.Helper()
	before, got := len(l.asked), make(chan error, 1)
	go func() { got <- l.ask(ctx, typ, start, n) }()
	if !srvtest.Until(func() bool { return len(l.asked) > before }) {
		l.Fatal("the server is not asked")
	}
	return got
}

// cancelled has a lock be given up that the server will grant.
func (l *lateTest) cancelled(typ uint8, start, n uint64) {
	l.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	got := l.asks(ctx, typ, start, n)
	before := len(l.asked)
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		l.Errorf("given up: %v", err)
	}
	if !srvtest.Until(func() bool { return len(l.asked) > before }) {
		l.Error("the server is not told")
	}
}

func (l *lateTest) want(want string) {
	l.Helper()
	if !srvtest.Until(func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.telling == nil
	}) {
		l.Fatal("the server is not told to the end")
	}
	if got, known := had(&l.locks, l.holder), had(l.table, l.holder); got != want || known != want {
		l.Errorf("the server has it that %s is held, and %s is known, want %s", got, known, want)
	}
}

// TestLockGivenUp has a lock be given up that the server grants afterwards: nobody has it then, but
// who had some of it has that.
func TestLockGivenUp(t *testing.T) {
	l := newLateTest(t)
	l.cancelled(p9.LockWrite, 0, 4)
	off := l.on()
	l.want("----")
	for start, typ := range []uint8{p9.LockUnlock, p9.LockRead, p9.LockWrite} {
		if err := l.ask(t.Context(), typ, uint64(start), 1); err != nil {
			t.Fatal(err)
		}
	}
	off()
	l.cancelled(p9.LockWrite, 0, 4)
	off = l.on()
	l.want("-rw-")
	off()
}

// TestLockAgain has another lock be asked for, before and after one is given up: it is had.
func TestLockAgain(t *testing.T) {
	l := newLateTest(t)
	before := l.asks(t.Context(), p9.LockWrite, 0, 2)
	l.cancelled(p9.LockWrite, 0, 4)
	after := make(chan error, 1)
	go func() { after <- l.ask(t.Context(), p9.LockWrite, 1, 2) }()
	late, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := l.ask(late, p9.LockRead, 3, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("asked for behind it: %v", err)
	}
	off := l.on()
	for _, got := range []<-chan error{before, after} {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
	off()
	l.want("www-")
}

// TestLockGivenUpClosed has the file be closed before the server is on again: then nothing of it is
// locked.
func TestLockGivenUpClosed(t *testing.T) {
	l := newLateTest(t)
	off := l.on()
	if err := l.ask(t.Context(), p9.LockRead, 1, 1); err != nil {
		t.Fatal(err)
	}
	off()
	l.cancelled(p9.LockWrite, 0, 4)
	left := l.state.drop(l.owner)
	off = l.on()
	defer off()
	<-left
	l.want("----")
	if n := l.state.records.Len(); n != 0 {
		t.Errorf("%d locks are known of", n)
	}
}

// TestLockThreads has two threads of one owner ask for the same bytes at once: what is known to be held
// is what the server has, whichever of its answers is seen first.
func TestLockThreads(t *testing.T) {
	for _, types := range [][2]uint8{{p9.LockWrite, p9.LockRead}, {p9.LockWrite, p9.LockUnlock}, {p9.LockUnlock, p9.LockRead}} {
		for range 100 {
			l := newLateTest(t)
			off := l.on()
			if err := l.ask(t.Context(), p9.LockRead, 0, 1); err != nil { // who has none does not ask to unlock
				t.Fatal(err)
			}
			off()
			first := l.asks(t.Context(), types[0], 0, 4)
			second := l.asks(t.Context(), types[1], 0, 4)
			l.mu.Lock()
			(<-l.asked)()
			(<-l.asked)()
			l.mu.Unlock()
			off = l.on()
			for _, got := range []<-chan error{first, second} {
				if err := <-got; err != nil {
					t.Error(err)
				}
			}
			off()
			if got, known := had(&l.locks, l.holder), had(l.table, l.holder); got != known {
				t.Fatalf("%d and %d: the server has it that %s is held, and %s is known", types[0], types[1], got, known)
			}
		}
	}
}

// TestLockReordered has a server do an unlock after a lock that was asked for later: it is asked for
// again, and if another has some of it by then, nothing is had.
func TestLockReordered(t *testing.T) {
	for _, taken := range []bool{false, true} {
		l := newLateTest(t)
		off := l.on()
		if err := l.ask(t.Context(), p9.LockRead, 0, 1); err != nil {
			t.Fatal(err)
		}
		off()
		unlocked := l.asks(t.Context(), p9.LockUnlock, 0, 2)
		status := make(chan uint8, 1)
		go func() {
			st, err := l.holder.lock(t.Context(), p9.Flock{Type: p9.LockWrite, Length: 4})
			if err != nil {
				t.Error(err)
			}
			status <- st
		}()
		unlock := <-l.asked
		(<-l.asked)()
		var again func()
		select {
		case again = <-l.asked:
		case <-status:
			t.Fatal("it is had, though an unlock is under way")
		}
		unlock()
		if err := <-unlocked; err != nil {
			t.Error(err)
		}
		want, wantStatus := "wwww", uint8(p9.LockSuccess)
		if taken {
			want, wantStatus = "----", p9.LockBlocked
			l.locks.Put(t, p9.Flock{Type: p9.LockWrite, Start: 1, Length: 1, ClientID: "other"})
		}
		again()
		off = l.on()
		if got := <-status; got != wantStatus {
			t.Errorf("taken %t: status %d, want %d", taken, got, wantStatus)
		}
		l.want(want)
		off()
	}
}
