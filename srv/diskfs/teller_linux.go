package diskfs

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A teller is a descriptor by which the kernel tells of files. What is not about the reading
// is under the watcher's mu.
type teller struct {
	w     *watcher
	way   way
	os    *os.File // nil: none yet
	fd    int
	paths map[string]uint64 // by key
	live  int               // how many of them are watched

	reading sync.Mutex // held from the reading of what the kernel tells until it was passed on
}

// A way is how the kernel tells. It names files by keys.
type way interface {
	open() (fd int, err error)
	mark(fd int, n *node, d *device, kind uint32) (key string, err error)
	unmark(fd int, key string) bool // whether it could
	next(b []byte) (e event, rest []byte)
}

// An event is what it tells.
type event struct {
	key  []byte
	by   who
	gone bool // the mark is, too
	lost bool // not all could be told
}

// A who is who changed a file.
type who uint8

const (
	anyone who = iota
	ourselves
	others
	whos
)

// mostIdle is how many files are marked at most that are no more watched.
const mostIdle = 1 << 14

// mark has the kernel tell of a file. The watcher's mu is held.
func (t *teller) mark(n *node, d *device, kind uint32) (key string, err error) {
	if len(t.paths)-t.live >= mostIdle {
		return "", unix.ENOSPC
	}
	if t.os == nil {
		fd, err := t.way.open()
		if err != nil {
			return "", err
		}
		t.fd, t.os = fd, os.NewFile(uintptr(fd), "notify")
		go t.read(t.os)
	}
	return t.way.mark(t.fd, n, d, kind)
}

// stop closes the descriptor. The watcher's mu is held.
func (t *teller) stop() {
	if t.os != nil {
		go t.os.Close() // which waits for who reads it, and he may wait for us
		t.os, t.fd, t.live = nil, -1, 0
		clear(t.paths)
	}
}

// read passes on what the kernel tells, until the descriptor is closed.
func (t *teller) read(f *os.File) {
	c, err := f.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 64<<10)
	c.Read(func(fd uintptr) bool { return !t.pass(f, int(fd), buf) })
}

// notice passes on what the kernel can tell by now.
func (t *teller) notice() {
	t.w.mu.Lock()
	f := t.os
	t.w.mu.Unlock()
	if f == nil {
		return
	}
	if c, err := f.SyscallConn(); err == nil {
		c.Control(func(fd uintptr) { t.pass(f, int(fd), make([]byte, 4<<10)) })
	}
}

// pass passes on all that is to be read, and tells whether there may be more some time.
func (t *teller) pass(f *os.File, fd int, buf []byte) bool {
	t.reading.Lock()
	defer t.reading.Unlock()
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return true
		case err != nil || n <= 0:
			return false
		}
		changed, ok := t.changed(f, buf[:n])
		if !ok {
			return false
		}
		t.w.leases.Change(changed[anyone]...)
		t.w.leases.ChangeBy(true, changed[ourselves]...)
		t.w.leases.ChangeBy(false, changed[others]...)
	}
}

// changed gives the files that events are of, unless the descriptor is another one by now.
func (t *teller) changed(f *os.File, b []byte) (changed [whos][]uint64, ok bool) {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if t.os != f {
		return changed, false
	}
	lost := false
	for len(b) > 0 {
		var e event
		e, b = t.way.next(b)
		lost = lost || e.lost
		path, is := t.paths[string(e.key)]
		if !is {
			continue
		}
		switch {
		case e.gone: // the next file may have its number, and no mark
			e.by = others
			t.gone(path, string(e.key))
		case e.by == ourselves && watching.n.Load() > 1:
			e.by = anyone
		}
		changed[e.by] = append(changed[e.by], path)
	}
	if lost { // of any of them something may not have been told
		for _, path := range t.paths {
			changed[others] = append(changed[others], path)
		}
	}
	return changed, true
}

// gone forgets a mark that is no more. The watcher's mu is held.
func (t *teller) gone(path uint64, key string) {
	delete(t.paths, key)
	if t.w.marks[path] == (mark{t, key}) {
		delete(t.w.marks, path)
		t.live--
	}
}
