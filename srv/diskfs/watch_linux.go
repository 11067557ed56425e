package diskfs

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// Leases of files on a disk that others use as well: the kernel tells of what is done
// behind the server's back. It tells afterwards, by some milliseconds, and of what is
// written through a mapping only when the mapping has ended with the file closed. A
// file on a network has no lease, for what is done elsewhere is told by nobody.

// Leases gives the leases of the tree's files.
func (r *root) Leases() *srv.Leases { return r.t.leases }

// A watcher has the kernel tell of files.
type watcher struct {
	leases *srv.Leases

	mu      sync.Mutex
	tellers []*teller // those to be asked first are first
	marks   map[uint64]mark
	over    bool
}

// A mark is a file that is watched.
type mark struct {
	t   *teller
	key string
}

// watching has the watchers of the process. What one of them hears of the process, another's
// Server may have done.
var watching struct {
	n   atomic.Int32
	mu  sync.Mutex
	all []*watcher
}

func newWatcher() *watcher {
	w := &watcher{marks: map[uint64]mark{}}
	for _, way := range []way{fanotify{int32(os.Getpid())}, inotify{}} {
		w.tellers = append(w.tellers, &teller{w: w, way: way, paths: map[string]uint64{}})
	}
	w.leases = srv.NewLeases()
	w.leases.Watch, w.leases.Unwatch, w.leases.Notice = w.watch, w.unwatch, w.notice
	watching.mu.Lock()
	defer watching.mu.Unlock()
	watching.all = append(watching.all, w)
	watching.n.Add(1)
	return w
}

// What a file is watched for, and which of these are changes of a directory's entries: the
// numbers are fanotify's too.
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
	d, kind, err := n.known(context.Background())
	if err != nil {
		return err
	}
	if !d.held || d.madeUp || kind == unix.S_IFCHR || kind == unix.S_IFBLK {
		return errUnwatched
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return os.ErrClosed
	}
	for _, t := range w.tellers {
		var key string
		if key, err = t.mark(n, d, kind); err == nil {
			w.enter(path, mark{t, key})
			return nil
		}
	}
	return err
}

// enter notes a file's mark. w.mu is held.
func (w *watcher) enter(path uint64, m mark) {
	if w.marks[path] == m {
		return
	}
	w.forget(path)
	if old, is := m.t.paths[m.key]; is && w.marks[old] == m { // another name of what was on the same number
		delete(w.marks, old)
		m.t.live--
	}
	m.t.paths[m.key], w.marks[path] = path, m
	m.t.live++
}

// unwatch ends it. Leases calls it.
func (w *watcher) unwatch(path uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.forget(path)
		if len(w.marks) == 0 {
			w.stop()
		}
	}
}

// forget forgets a file's mark. w.mu is held.
func (w *watcher) forget(path uint64) {
	m, is := w.marks[path]
	if !is {
		return
	}
	delete(w.marks, path)
	m.t.live--
	if m.t.way.unmark(m.t.fd, m.key) {
		delete(m.t.paths, m.key)
	}
}

// stop closes the descriptors, which are made anew when they are needed. w.mu is held.
func (w *watcher) stop() {
	clear(w.marks)
	for _, t := range w.tellers {
		t.stop()
	}
}

// notice passes on what the kernel can tell by now.
func (w *watcher) notice() {
	for _, t := range w.tellers {
		t.notice()
	}
}

// close ends all.
func (w *watcher) close() {
	w.mu.Lock()
	w.over = true
	w.stop()
	w.mu.Unlock()
	watching.mu.Lock()
	defer watching.mu.Unlock()
	i := slices.Index(watching.all, w)
	if i < 0 {
		return // closed already
	}
	watching.all = slices.Delete(watching.all, i, i+1)
	for _, o := range watching.all { // of what this one's Server did, while it may have done it
		o.notice()
	}
	watching.n.Add(-1)
}
