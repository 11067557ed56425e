package ns

import (
	"math/rand/v2"
	"syscall"
	"testing"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A lockTest is files that some owners lock.
type lockTest struct {
	*testing.T
	f   *fuseFS
	dir uint64 // where they are
	fhs []uint64
}

func newLockTest(t *testing.T, names ...string) *lockTest {
	l := newLockTestOf(t, tree(names...))
	for _, name := range names {
		l.open(l.lookup(name), syscall.O_RDWR)
	}
	return l
}

// newLockTestOf has a server's files, none of which are open.
func newLockTestOf(t *testing.T, host srv.File) *lockTest {
	g := newGroup(t, host)
	f := newFuseFS(g.eng)
	l := &lockTest{T: t, f: f, dir: devfuse.RootId}
	t.Cleanup(func() {
		for _, fh := range l.fhs {
			f.Release(nil, &devfuse.ReleaseIn{Fh: fh})
		}
		for _, n := range f.nodes {
			n.ch.close()
		}
	})
	l.dir = l.lookup(groupDir(g.id))
	return l
}

func (l *lockTest) lookup(name string) uint64 {
	var out devfuse.EntryOut
	if e := l.f.Lookup(nil, &devfuse.InHeader{NodeId: l.dir}, name, &out); e != 0 {
		l.Fatal(name, e)
	}
	return out.NodeId
}

func (l *lockTest) open(node uint64, flags uint32) {
	var open devfuse.OpenOut
	if e := l.f.Open(nil, &devfuse.OpenIn{InHeader: devfuse.InHeader{NodeId: node}, Flags: flags}, &open); e != 0 {
		l.Fatal(e)
	}
	l.fhs = append(l.fhs, open.Fh)
}

// lock locks a byte of a file for an owner, and may wait.
func (l *lockTest) lock(owner uint64, file int, at uint64, typ int) syscall.Errno {
	return l.f.SetLkw(&devfuse.Cancel{}, &devfuse.LkIn{Fh: l.fhs[file], Owner: owner,
		Lk: devfuse.FileLock{Start: at, End: at, Type: uint32(typ), Pid: uint32(owner)}})
}

// waits has an owner wait for a lock, and says that it does.
func (l *lockTest) waits(owner uint64, file int, at uint64, typ int) <-chan syscall.Errno {
	l.Helper()
	got := make(chan syscall.Errno, 1)
	go func() { got <- l.lock(owner, file, at, typ) }()
	if !srvtest.Until(func() bool {
		l.f.waits.mu.Lock()
		defer l.f.waits.mu.Unlock()
		return len(l.f.waits.of[lockOwner{owner, false}]) > 0
	}) {
		l.Fatalf("%d does not wait", owner)
	}
	return got
}

// TestDeadlock wants who would close a circle to be told, and nobody else.
func TestDeadlock(t *testing.T) {
	l := newLockTest(t, "a", "b", "c")
	want := func(got, want syscall.Errno) {
		t.Helper()
		if got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	for i := range 3 {
		want(l.lock(uint64(i+1), i, 0, p9.LockWrite), 0)
	}
	one := l.waits(1, 1, 0, p9.LockWrite)
	two := l.waits(2, 2, 0, p9.LockRead)
	want(l.lock(3, 0, 0, p9.LockRead), syscall.EDEADLK) // 1 waits for 2, 2 for 3
	want(l.lock(3, 0, 1, p9.LockRead), 0)               // nobody has that byte
	want(l.lock(3, 2, 0, p9.LockUnlock), 0)
	want(<-two, 0)
	three := l.waits(3, 0, 0, p9.LockWrite) // for 1, which waits for 2, which waits for nothing
	want(l.lock(2, 1, 0, p9.LockUnlock), 0)
	want(<-one, 0)
	want(l.lock(1, 0, 0, p9.LockUnlock), 0)
	want(<-three, 0)
	if n := len(l.f.waits.of); n != 0 {
		t.Errorf("%d still wait", n)
	}
}

// TestDeadlockReaders wants a circle to be found through any of several that hold what
// is asked for.
func TestDeadlockReaders(t *testing.T) {
	l := newLockTest(t, "a", "b")
	for _, owner := range []uint64{1, 2, 3} {
		if e := l.lock(owner, 0, 0, p9.LockRead); e != 0 {
			t.Fatal(e)
		}
	}
	if e := l.lock(4, 1, 0, p9.LockWrite); e != 0 {
		t.Fatal(e)
	}
	three := l.waits(3, 1, 0, p9.LockRead)
	if e := l.lock(4, 0, 0, p9.LockWrite); e != syscall.EDEADLK {
		t.Error(e)
	}
	l.lock(4, 1, 0, p9.LockUnlock)
	if e := <-three; e != 0 {
		t.Error(e)
	}
}

// TestDeadlocks has owners lock at random and let all go when they are told: none may
// wait for ever.
func TestDeadlocks(t *testing.T) {
	l := newLockTest(t, "a", "b")
	done := make(chan bool)
	const owners = 4
	for i := range owners {
		go func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 300 {
				file, at, typ := r.IntN(2), r.Uint64N(3), r.IntN(2)
				e := l.lock(uint64(i+1), file, at, typ)
				if e != 0 && e != syscall.EDEADLK {
					t.Error(e)
				}
				if e != 0 || r.IntN(3) == 0 {
					for file := range 2 {
						for at := range uint64(3) {
							l.lock(uint64(i+1), file, at, p9.LockUnlock)
						}
					}
				}
			}
			for file := range 2 {
				for at := range uint64(3) {
					l.lock(uint64(i+1), file, at, p9.LockUnlock)
				}
			}
			done <- true
		}()
	}
	for range owners {
		<-done
	}
}
