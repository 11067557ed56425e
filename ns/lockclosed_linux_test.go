package ns

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
)

// A closeTest is a file of a server that processes have open several times, and who has it there
// by other ways.
type closeTest struct {
	*lockTest
	node  uint64
	other srv.Locker
}

func newCloseTest(t *testing.T, flags ...uint32) *closeTest {
	root := ramfs.New()
	_, h, err := srv.Create(t.Context(), root, "f", 0o666, p9.ORDWR)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Clunk(h) })
	c := &closeTest{lockTest: newLockTestOf(t, root), other: h.(srv.Locker)}
	c.node = c.lookup("f")
	for _, flags := range flags {
		c.open(c.node, flags)
	}
	return c
}

// close closes an owner's descriptor of an open file, which may be the last one.
func (c *closeTest) close(owner uint64, file int, last bool) {
	c.Helper()
	if e := c.f.Flush(&devfuse.Cancel{}, &devfuse.FlushIn{Fh: c.fhs[file], LockOwner: owner}); e != 0 {
		c.Error(e)
	}
	if last {
		c.f.Release(nil, &devfuse.ReleaseIn{Fh: c.fhs[file]})
	}
}

// others has the other ask the server for a lock of a byte, or let it go.
func (c *closeTest) others(typ uint8, at uint64, want uint8) {
	c.Helper()
	l := p9.Flock{Type: typ, Start: at, Length: 1, ClientID: "other", ProcID: 1}
	if got, err := c.other.Lock(context.Background(), l); got != want || err != nil {
		c.Errorf("the other's lock of %d: %d, %v, want %d", at, got, err, want)
	}
}

func (c *closeTest) want(got, want syscall.Errno) {
	c.Helper()
	if got != want {
		c.Errorf("%v, want %v", got, want)
	}
}

// TestLockClosed has a thread wait for a lock while others of its process close descriptors of the
// file: it gets the lock, nobody else does, and it can let it go.
func TestLockClosed(t *testing.T) {
	const waiting, closed, before = 0, 1, 2
	for name, flags := range map[string]uint32{"plain": syscall.O_RDWR, "own": syscall.O_WRONLY} {
		for how, file := range map[string]int{"same": waiting, "another": closed, "first": before} {
			t.Run(name+"/"+how, func(t *testing.T) {
				c := newCloseTest(t, flags, flags, flags)
				const me = 1
				c.want(c.lock(me, before, 5, p9.LockWrite), 0)
				if file != before {
					c.close(me, before, true)
				}
				c.others(p9.LockWrite, 0, p9.LockSuccess)
				got := c.waits(me, waiting, 0, p9.LockWrite)
				c.close(me, file, file != waiting)
				c.others(p9.LockWrite, 5, p9.LockSuccess)
				c.others(p9.LockUnlock, 0, p9.LockSuccess)
				c.want(<-got, 0)
				c.others(p9.LockWrite, 0, p9.LockBlocked)
				c.want(c.lock(me, waiting, 0, p9.LockUnlock), 0)
				c.others(p9.LockWrite, 0, p9.LockSuccess)
			})
		}
	}
}

// TestLockChildren has processes that have an open file from their parent close it all the time, as
// what a shell starts does that has locked the file: who asks for the lock is told that it is taken.
func TestLockChildren(t *testing.T) {
	c := newCloseTest(t, syscall.O_RDWR, syscall.O_RDWR)
	in := devfuse.LkIn{Fh: c.fhs[0], Owner: 1, LkFlags: devfuse.LkFlock, Lk: devfuse.FileLock{Type: p9.LockWrite}}
	c.want(c.f.SetLk(&devfuse.Cancel{}, &in), 0)
	in.Fh, in.Owner = c.fhs[1], 2
	got := make(chan syscall.Errno, 1)
	c.close(3, 0, false)
	go func() { got <- c.f.SetLk(&devfuse.Cancel{}, &in) }()
	const children = 1000
	for i := range children {
		c.close(uint64(i), 0, false)
		select {
		case e := <-got:
			c.want(e, syscall.EAGAIN)
			return
		case <-time.After(moment / 100):
		}
	}
	t.Errorf("no answer while %d children end", children)
	<-got
}

// A noLocks is what has no locks, and says so to all at once.
type noLocks struct {
	modeHandle
	asked *sync.WaitGroup
}

func (h *noLocks) Lock(context.Context, p9.Flock) (uint8, error) {
	h.asked.Done()
	h.asked.Wait()
	return p9.LockError, p9.ErrNotSup
}

// TestLockNone has threads of a process lock a file at once whose server has no locks.
func TestLockNone(t *testing.T) {
	s := &lockState{holders: map[lockOwner]*holder{}}
	var threads, asked sync.WaitGroup
	h := &fileHandle{n: &node{fs: &fuseFS{}}, h: &noLocks{asked: &asked}, lockUse: lockUse{access: syscall.O_RDWR}}
	const most = 8
	asked.Add(most)
	for i := range most {
		threads.Go(func() {
			for _, typ := range []uint8{p9.LockRead, p9.LockUnlock, p9.LockWrite} {
				status, err := s.lock(t.Context(), h, lockOwner{id: 1}, p9.Flock{Type: typ, Start: uint64(i), Length: 1})
				if status != p9.LockSuccess || err != nil {
					t.Errorf("lock %d of %d: %d, %v", typ, i, status, err)
				}
			}
		})
	}
	threads.Wait()
	if n := s.records.Len(); n != 1 { // they touch
		t.Errorf("%d locks, want 1", n)
	}
	patiently(s.drop(lockOwner{id: 1}))
	if n := s.records.Len(); n != 0 {
		t.Errorf("%d locks are left", n)
	}
}

// A modeFile is one whose locks are for who has it open to do what they are against.
type modeFile struct {
	srv.File
	locks    srv.Locks
	readOnly bool
}

func (f *modeFile) Open(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	if f.readOnly && mode != p9.OREAD {
		return nil, p9.ErrPerm
	}
	return &modeHandle{f, mode}, nil
}

type modeHandle struct {
	f    *modeFile
	mode p9.Mode
}

func (h *modeHandle) Lock(ctx context.Context, l p9.Flock) (uint8, error) {
	if l.Type == p9.LockWrite && h.mode == p9.OREAD {
		return p9.LockError, p9.ErrorOfErrno(syscall.EBADF)
	}
	return h.f.locks.Lock(ctx, h, l)
}

func (h *modeHandle) Getlock(context.Context, p9.Flock) (p9.Flock, error) {
	return p9.Flock{}, p9.ErrNotSup
}

// TestLockMode has a process lock by a descriptor for reading, of a file that nobody may write, and
// later by one for writing.
func TestLockMode(t *testing.T) {
	f := &modeFile{readOnly: true}
	s := &lockState{holders: map[lockOwner]*holder{}}
	lock := func(access uint32, typ uint8, want error) {
		t.Helper()
		handle, _ := f.Open(t.Context(), p9.Mode(access))
		h := &fileHandle{n: &node{fs: &fuseFS{}}, c: &Chan{file: f}, h: handle, lockUse: lockUse{access: access}}
		if _, err := s.lock(t.Context(), h, lockOwner{id: 1}, p9.Flock{Type: typ, Length: 1}); !errors.Is(err, want) {
			t.Errorf("lock %d by one of mode %d: %v, want %v", typ, access, err, want)
		}
	}
	lock(syscall.O_RDONLY, p9.LockRead, nil)
	f.readOnly = false
	lock(syscall.O_RDWR, p9.LockWrite, syscall.EBADF) // what it holds would go
	lock(syscall.O_RDONLY, p9.LockUnlock, nil)
	lock(syscall.O_RDWR, p9.LockWrite, nil)
	patiently(s.drop(lockOwner{id: 1}))
	if n := f.locks.Len() + s.records.Len(); n != 0 {
		t.Errorf("%d locks are left", n)
	}
}

// TestLockClosedOften has threads of some processes lock, unlock and close at random: all come back,
// and in the end nothing is locked.
func TestLockClosedOften(t *testing.T) {
	c := newCloseTest(t, syscall.O_RDWR, syscall.O_WRONLY, syscall.O_RDWR)
	done := make(chan bool)
	const threads = 6
	for i := range threads {
		go func() {
			defer func() { done <- true }()
			owner, r := uint64(i/2+1), rand.New(rand.NewPCG(1, uint64(i)))
			for range 200 {
				file, typ := r.IntN(len(c.fhs)), r.IntN(3)
				if e := c.lock(owner, file, r.Uint64N(2), typ); e != 0 && e != syscall.EDEADLK {
					t.Error(e)
				}
				if r.IntN(3) == 0 {
					c.close(owner, file, false)
				}
			}
			c.close(owner, 0, false)
		}()
	}
	for range threads {
		<-done
	}
	for owner := range uint64(threads / 2) {
		c.close(owner+1, 0, false)
	}
	for at := range uint64(2) {
		c.others(p9.LockWrite, at, p9.LockSuccess)
	}
}
