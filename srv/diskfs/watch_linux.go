package diskfs

import (
	"context"
	"errors"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// Leases of files on a disk that others use as well: inotify(7) tells of what is done
// behind the server's back. It tells afterwards, by some milliseconds, and of what is
// written through a mapping only when the mapping has ended with the file closed. A
// file on a network has no lease, for what is done elsewhere is told by nobody.

// Leases gives the leases of the tree's files.
func (r *root) Leases() *srv.Leases { return r.t.leases }

// A watcher has the kernel tell of files.
type watcher struct {
	leases *srv.Leases

	mu    sync.Mutex
	os    *os.File // the inotify descriptor; nil: none yet
	fd    int
	paths map[int32]uint64 // by watch
	wds   map[uint64]int32
	over  bool

	reading sync.Mutex // held from the reading of what the kernel tells until it was passed on
}

func newWatcher() *watcher {
	w := &watcher{paths: map[int32]uint64{}, wds: map[uint64]int32{}}
	w.leases = srv.NewLeases()
	w.leases.Watch, w.leases.Unwatch, w.leases.Notice = w.watch, w.unwatch, w.notice
	return w
}

// What a file is watched for, and which of these are changes of a directory's entries.
const (
	watched = ofNames | unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_CLOSE_WRITE | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	ofNames = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO
)

var errUnwatched = errors.New("changes of the file are not noticed")

// watch begins to look after a file.
func (w *watcher) watch(path uint64, f srv.File) error {
	b, ok := f.(interface{ base() *node })
	if !ok {
		return errUnwatched
	}
	n := b.base()
	if d := n.dev.Load(); d != nil && !d.held {
		return errUnwatched
	}
	if err := n.use(context.Background()); err != nil {
		return err
	}
	defer n.done()
	d, kind, err := n.known()
	if err != nil {
		return err
	}
	if !d.held || d.madeUp || kind == unix.S_IFCHR || kind == unix.S_IFBLK {
		return errUnwatched
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.start(); err != nil {
		return err
	}
	wd, err := unix.InotifyAddWatch(w.fd, n.proc(), watched)
	if err != nil {
		return err
	}
	if old, is := w.paths[int32(wd)]; is && old != path { // another name of what was on the same number
		delete(w.wds, old)
	}
	w.paths[int32(wd)], w.wds[path] = path, int32(wd)
	return nil
}

// start opens the descriptor. w.mu is held.
func (w *watcher) start() error {
	if w.over {
		return os.ErrClosed
	}
	if w.os != nil {
		return nil
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return err
	}
	w.fd, w.os = fd, os.NewFile(uintptr(fd), "inotify")
	go w.read(w.os)
	return nil
}

// unwatch ends it. Leases calls it.
func (w *watcher) unwatch(path uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if wd, is := w.wds[path]; is && !w.over {
		unix.InotifyRmWatch(w.fd, uint32(wd))
		delete(w.wds, path)
		delete(w.paths, wd)
		if len(w.wds) == 0 {
			w.stop()
		}
	}
}

// stop closes the descriptor, which is made anew when it is needed. w.mu is held.
func (w *watcher) stop() {
	if w.os != nil {
		go w.os.Close() // which waits for who reads it, and he may wait for us
		w.os, w.fd = nil, -1
		clear(w.paths)
		clear(w.wds)
	}
}

// read passes on what the kernel tells, until the descriptor is closed.
func (w *watcher) read(f *os.File) {
	c, err := f.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 64<<10)
	c.Read(func(fd uintptr) bool { return !w.pass(f, int(fd), buf) })
}

// notice passes on what the kernel can tell by now.
func (w *watcher) notice() {
	w.mu.Lock()
	f := w.os
	w.mu.Unlock()
	if f == nil {
		return
	}
	if c, err := f.SyscallConn(); err == nil {
		c.Control(func(fd uintptr) { w.pass(f, int(fd), make([]byte, 4<<10)) })
	}
}

// pass passes on all that is to be read, and tells whether there may be more some time.
func (w *watcher) pass(f *os.File, fd int, buf []byte) bool {
	w.reading.Lock()
	defer w.reading.Unlock()
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
		var changed []uint64
		lost := false
		w.mu.Lock()
		if w.os != f {
			w.mu.Unlock()
			return false
		}
		for b := buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
			e := (*unix.InotifyEvent)(unsafe.Pointer(&b[0]))
			b = b[unix.SizeofInotifyEvent+int(e.Len):]
			if e.Mask&unix.IN_Q_OVERFLOW != 0 {
				lost = true
				continue
			}
			path, is := w.paths[e.Wd]
			if !is || e.Len > 0 && e.Mask&ofNames == 0 { // of a file in the directory, which has a watch of its own
				continue
			}
			changed = append(changed, path)
			if e.Mask&unix.IN_IGNORED != 0 {
				delete(w.paths, e.Wd)
				if w.wds[path] == e.Wd {
					delete(w.wds, path)
				}
			}
		}
		if lost { // of any of them something may not have been told
			for _, path := range w.paths {
				changed = append(changed, path)
			}
		}
		w.mu.Unlock()
		w.leases.Change(changed...)
	}
}

// close ends all.
func (w *watcher) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.stop()
}
