package diskfs

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// A fid may be kept for as long as its client likes, and Linux's own clients keep one of
// every file that they have ever looked up and have the memory for: more than there can be
// descriptors. So beyond a part of these, entries that nobody uses are parked: an entry's
// descriptor is closed, and its file opened again by its path when it is next used. The
// path is what the kernel says at the parking, and follows what the server itself renames;
// what the server removes is opened before. What has been put in its place behind the
// server's back is not taken for it: then the fid is stale, ESTALE.

// Entries have at most so many descriptors, and of all that the process may have one in so
// many: most of them are for what is open.
const (
	mostEntries  = 16 << 10
	entriesShare = 16
)

// lot has the entries of all trees, since the process's descriptors are what they share.
var lot parking

type parking struct {
	mu      sync.Mutex
	most    int
	open    ring        // have a descriptor and can be parked
	gone    ring        // have nothing but their descriptor: their file has no path any more
	crowded atomic.Bool // there have been nearly as many as may be: from now on some may be parked
	changed sync.Cond   // an entry has come, or a change of names has ended
	ended   uint64      // changes
}

// A ring is of entries, the one that came last first.
type ring struct {
	head entry
	n    int
}

// A place is what an entry's parking needs to know; all but uses and used is lot.mu's.
type place struct {
	uses       atomic.Int32 // requests that use the descriptor; -1: it is parked
	used       atomic.Bool  // since it was last looked at
	slots      atomic.Int32 // of recents that it is in: what they say holds for as long as it is open
	ring       *ring        // that it is in; none: it is parked, or nobody else's yet
	coming     bool         // is being opened again
	spot       *spot        // of a parked one: where its file was, or is now
	nth        int          // of a parked one, among those there
	id         identity
	born       unix.StatxTimestamp // where the file system tells
	prev, next *entry
}

// init counts the descriptors that there may be.
func (l *parking) init() {
	l.mu.Lock()
	defer l.mu.Unlock()
	var r unix.Rlimit
	l.most = mostEntries
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) == nil {
		l.most = int(min(mostEntries, r.Cur/entriesShare))
	}
	if l.changed.L == nil {
		l.changed.L = &l.mu
		for _, r := range []*ring{&l.open, &l.gone} {
			r.head.next, r.head.prev = &r.head, &r.head
		}
	}
}

// is says which file an entry is, which nobody else has yet.
func (e *entry) is(st *unix.Statx_t) {
	e.id, e.born = identityOf(st), unix.StatxTimestamp{}
	if st.Mask&unix.STATX_BTIME != 0 {
		e.born = st.Btime
	}
}

// same tells whether attributes are of the file still. On some file systems that is known by
// less: an overlay's file has another time of birth when it was first written, and where
// files are made up as they are read they have numbers only for as long as they are in memory.
func (e *entry) same(st *unix.Statx_t) bool {
	d := e.dev.Load()
	return d != nil && devOf(st) == d.num && uint32(st.Mode)&unix.S_IFMT == e.kind.Load() &&
		(d.madeUp || st.Ino == e.id.ino) && (!d.held || e.born == unix.StatxTimestamp{} || st.Btime == e.born)
}

// lead enters an entry, which others may have from now on, and parks others if there
// are too many.
func (e *entry) lead() {
	lot.mu.Lock()
	lot.open.push(e)
	lot.shrink()
	lot.mu.Unlock()
}

func (r *ring) push(e *entry) {
	e.ring = r
	e.prev, e.next = &r.head, r.head.next
	e.prev.next, e.next.prev = e, e
	r.n++
}

func (r *ring) pull(e *entry) {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next, e.ring = nil, nil, nil
	r.n--
}

// shrink parks what was not used for the longest time, as far as a few looks tell.
func (l *parking) shrink() {
	if l.open.n > l.most/2 && !l.crowded.Load() {
		l.crowded.Store(true)
	}
	for looks := 8 + 2*(l.open.n-l.most); l.open.n > l.most && looks > 0; looks-- {
		e := l.open.head.prev
		l.open.pull(e)
		if e.used.Swap(false) || e.slots.Load() > 0 || !e.uses.CompareAndSwap(0, -1) {
			l.open.push(e)
			continue
		}
		path, ok := e.way()
		switch {
		case !ok || path == "":
			e.uses.Store(0)
			l.gone.push(e)
			l.lose()
		case e.t.parked.changes(path):
			e.uses.Store(0)
			l.open.push(e)
		default:
			unix.Close(e.fd)
			e.fd = -1
			e.t.parked.at(path).add(e)
		}
	}
}

// lose gives up one of those that cannot be found again, if there are too many.
func (l *parking) lose() {
	if l.gone.n <= l.most {
		return
	}
	e := l.gone.head.prev
	l.gone.pull(e)
	if !e.uses.CompareAndSwap(0, -1) {
		l.gone.push(e)
		return
	}
	go unix.Close(e.fd) // the last of a large file: not with the lock held
	e.fd = -1
}

// way gives the path of the file from the root, as it is now; false if it has none.
func (n *node) way() (string, bool) {
	file, ok := n.t.link(n.fd)
	if !ok {
		return "", false
	}
	root, ok := n.t.link(n.t.root.fd)
	if file == root {
		return "", ok
	}
	rest, is := strings.CutPrefix(file, strings.TrimSuffix(root, "/")+"/")
	if !ok || !is {
		return "", false
	}
	if strings.HasSuffix(rest, " (deleted)") && !n.leads(rest) { // or its very name
		return "", false
	}
	return rest, true
}

// leads tells whether a path leads to the file by what the kernel has in memory: nobody is waited for.
func (n *node) leads(path string) bool {
	fd, err := openPath(n.t.root.fd, path, resolveCached)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st, there unix.Statx_t
	return statHeld(n.fd, &st) == nil && statHeld(fd, &there) == nil && identityOf(&st) == identityOf(&there)
}

// statHeld asks for what the kernel has of a file's attributes, who it is among them.
func statHeld(fd int, st *unix.Statx_t) error {
	return unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT|unix.AT_STATX_DONT_SYNC, statxMask, st)
}

// link gives the path of a descriptor's file.
func (x *export) link(fd int) (string, bool) {
	var b [unix.PathMax]byte
	n, err := unix.Readlinkat(x.proc, strconv.Itoa(fd), b[:])
	return string(b[:max(0, n)]), err == nil && n < len(b)
}

// use sees to it that the node has its descriptor until done. On a goroutine that must
// not wait it returns srv.ErrAgain if it has not.
func (n *node) use(ctx context.Context) error {
	e := n.entry
	if e == nil {
		return nil
	}
	for {
		u := e.uses.Load()
		if u < 0 {
			if srv.Nonblock(ctx) {
				return srv.ErrAgain
			}
			return srv.InKernel(ctx, func() error { return e.fetch(ctx, true) })
		}
		if e.uses.CompareAndSwap(u, u+1) {
			if !e.used.Load() {
				e.used.Store(true)
			}
			return nil
		}
	}
}

func (n *node) done() {
	if n.entry != nil {
		n.entry.uses.Add(-1)
	}
}

// fetch is use of what may be parked: its file is opened again. Where that fails while
// names on the way to it are being changed, it is tried again afterwards, with wait; and
// where names have been changed since it began: the path may lead there again as it did before.
// It is called with a thread, as changing is, for others wait until it has ended.
func (e *entry) fetch(ctx context.Context, wait bool) error {
	lot.mu.Lock()
	defer lot.mu.Unlock()
	for e.uses.Load() < 0 {
		if e.coming {
			if err := lot.await(ctx); err != nil {
				return err
			}
			continue
		}
		if e.spot == nil {
			return unix.ESTALE
		}
		path, ended := e.spot.path(), lot.ended
		e.coming = true
		lot.mu.Unlock()
		fd, err := e.find(path)
		lot.mu.Lock()
		e.coming = false
		lot.changed.Broadcast()
		switch {
		case err == nil:
			e.unpark()
			e.fd = fd
			e.uses.Store(1)
			lot.open.push(e)
			lot.shrink()
			return nil
		case e.spot.path() != path, lot.ended != ended: // it has moved, if only there and back
		case wait && e.t.parked.changes(path):
			for was := lot.ended; lot.ended == was && e.uses.Load() < 0; {
				if err := lot.await(ctx); err != nil {
					return err
				}
			}
		default:
			return err
		}
	}
	e.uses.Add(1) // from 0 or more: it is parked with the lock held only
	return nil
}

// await waits until something has changed, or ctx ends. l.mu is held.
func (l *parking) await(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.changed.Broadcast()
	})
	defer stop()
	l.changed.Wait()
	return ctx.Err()
}

// find opens the file, if it is the one that it was.
func (e *entry) find(path string) (int, error) {
	fd, err := openPath(e.t.root.fd, path, 0)
	switch err {
	case nil:
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.EXDEV:
		return -1, unix.ESTALE
	default:
		return -1, err
	}
	var st unix.Statx_t
	if err = statHeld(fd, &st); err == nil && (!e.same(&st) || !e.dev.Load().stays(&st, fd)) {
		err = unix.ESTALE
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// openPath opens what is at a path beneath a directory. With resolveCached it waits for nothing.
func openPath(dir int, path string, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: resolveIn | resolve}
	for looks := 0; ; looks++ {
		fd, err := unix.Openat2(dir, path, &how)
		if err != unix.EINTR && (err != unix.EAGAIN || looks >= 16) {
			return fd, err
		}
	}
}

// leave takes an entry that is clunked out of the lot.
func (e *entry) leave() {
	lot.mu.Lock()
	defer lot.mu.Unlock()
	switch {
	case e.ring != nil:
		e.ring.pull(e)
	case e.spot != nil:
		e.unpark()
	}
}
