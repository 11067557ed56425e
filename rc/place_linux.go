package rc

import (
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ninespace/srv/osthread"
)

// A place is threads of their own for the system calls of shells that have
// what Linux keeps by thread: a name space after rfork n, a umask for the programs
// that are started. Shells that come of one share it. A nil one is any thread.
//
// A place has as many threads as calls of it block at once, so that to open a
// FIFO waits for nobody else's.
type place struct {
	holders atomic.Int32
	enter   func() error // makes a new thread one of the place
	close   func()

	mu     sync.Mutex
	idle   []chan func()
	closed bool
}

func newPlace(enter func() error, closer func()) *place {
	p := &place{enter: enter, close: closer}
	p.holders.Store(1)
	return p
}

func (p *place) retain() {
	if p != nil {
		p.holders.Add(1)
	}
}

func (p *place) release() {
	if p == nil || p.holders.Add(-1) > 0 {
		return
	}
	p.mu.Lock()
	p.closed = true
	for _, t := range p.idle {
		close(t)
	}
	p.mu.Unlock()
	p.close()
}

// do runs a function there.
func (p *place) do(f func()) {
	if p == nil {
		f()
		return
	}
	p.mu.Lock()
	var t chan func()
	if n := len(p.idle); n > 0 {
		t, p.idle = p.idle[n-1], p.idle[:n-1]
	}
	p.mu.Unlock()
	if t == nil {
		t = make(chan func())
		osthread.Go(func() { thread(t, p.enter) })
	}
	done := make(chan struct{})
	t <- func() {
		f()
		close(done)
	}
	<-done
	p.mu.Lock()
	if p.closed {
		close(t)
	} else {
		p.idle = append(p.idle, t)
	}
	p.mu.Unlock()
}

// thread is a thread that shares neither directory nor umask with others. It ends with
// its goroutine: there is no way back.
func thread(work chan func(), enter func() error) {
	err := unix.Unshare(unix.CLONE_FS)
	if err == nil {
		err = enter()
	}
	if err != nil {
		// The name space is gone, or the machine has no more to give.
		panic("rc: thread of a name space: " + err.Error())
	}
	for f := range work {
		f()
	}
}

// move makes the shell's place one that has been changed besides, by change on
// a thread of its own, and that other threads come to by follow.
func (sh *shell) move(change func() error, follow func() error, closer func()) error {
	old := sh.place
	enter := func() error { return nil }
	if old != nil {
		old.retain()
		enter = old.enter
	}
	first := make(chan func())
	result := make(chan error)
	osthread.Go(func() {
		err := unix.Unshare(unix.CLONE_FS)
		if err == nil {
			err = enter()
		}
		if err == nil {
			err = change()
		}
		result <- err
		if err == nil {
			for f := range first {
				f()
			}
		}
	})
	if err := <-result; err != nil {
		old.release()
		return err
	}
	p := newPlace(func() error {
		if err := enter(); err != nil {
			return err
		}
		return follow()
	}, func() {
		closer()
		old.release()
	})
	p.idle = []chan func(){first}
	old.release() // the shell's; p has its own
	sh.place = p
	return nil
}

// setUmask gives the shell a umask for the files that it makes and the programs
// that it starts.
func (sh *shell) setUmask(mask int) error {
	set := func() error {
		unix.Umask(mask)
		return nil
	}
	if err := sh.move(set, set, func() {}); err != nil {
		return err
	}
	sh.umask = mask
	return nil
}

// rfork changes the shell's name space.
func (sh *shell) rfork(letters string) error {
	dir := sh.workdir()
	ns, also := -1, (func() error)(nil)
	err := sh.move(func() error {
		var err error
		if also, err = sh.r.hooks.Rfork(letters, dir); err != nil {
			return err
		}
		ns, err = unix.Open("/proc/self/task/"+strconv.Itoa(unix.Gettid())+"/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	}, func() error {
		err := unix.Setns(ns, unix.CLONE_NEWNS)
		if err == nil && also != nil {
			err = also()
		}
		return err
	}, func() {
		unix.Close(ns)
	})
	if err != nil {
		return err
	}
	// The directory is that of the same name there.
	return sh.chdir(dir)
}

// currentUmask gives the shell's umask.
func (sh *shell) currentUmask() int {
	if sh.umask >= 0 {
		return sh.umask
	}
	// The process's cannot be read but by changing it, which is done to a copy.
	got := make(chan int)
	osthread.Go(func() {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			got <- 0
			return
		}
		got <- unix.Umask(0)
	})
	return <-got
}

// osRfork makes a mount namespace, whose changes others do not see, for a thread.
func osRfork(letters, dir string) (func() error, error) {
	if letters != "n" {
		return nil, unix.ENOTSUP
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return nil, err
	}
	return nil, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}
