package diskfs

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Clients walk to the same few names again and again: to open and close a descriptor
// each time is half of what a walk, a look at the attributes and a clunk cost. So a
// name that was walked to keeps its file open for a moment after the last clunk. The
// next walk asks what the name means now, which it has to for the qid, and if that is
// the same file of the same mount, takes the descriptor that is open: while it is,
// nothing else can have the file's number.

// Recents are the names walked to last: each has one slot that it can be in.
type recents struct {
	n     atomic.Int32 // names in slots
	mu    sync.Mutex
	seed  maphash.Seed
	slots []recent
	marks []uint32 // of the slots' names
	sweep *time.Timer
	shut  bool
}

// A recent is a name of a directory, and the file that it was.
type recent struct {
	dir  *node
	name string
	e    *entry // held; nil: the slot is free
	used bool   // since the last sweep
}

const (
	mostRecent = 256
	recentTime = time.Second // after which a file is let go, or after twice that
)

// init makes no more slots than a small part of the descriptors that there may be.
func (r *recents) init() {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) == nil {
		r.slots = make([]recent, min(mostRecent, l.Cur/64))
		r.marks = make([]uint32, len(r.slots))
	}
	r.seed = maphash.MakeSeed()
}

// at gives the place of a name's slot and the name's mark, with r.mu held.
func (r *recents) at(dir *node, name string) (int, uint32) {
	h := maphash.String(r.seed, name)
	return int((h + mix(uint64(uintptr(unsafe.Pointer(dir))))) % uint64(len(r.slots))), uint32(h)
}

// get gives the file that a name was, held for the caller; nil if it is not known.
func (r *recents) get(dir *node, name string) *entry {
	if r.n.Load() == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i, _ := r.at(dir, name)
	s := &r.slots[i]
	if s.dir != dir || s.name != name {
		return nil
	}
	s.used = true
	s.e.held.Add(1)
	return s.e
}

// put keeps the file that a name is.
func (r *recents) put(dir *node, name string, e *entry) {
	r.mu.Lock()
	if r.shut || len(r.slots) == 0 {
		r.mu.Unlock()
		return
	}
	e.held.Add(1)
	e.slots.Add(1)
	i, mark := r.at(dir, name)
	old := r.slots[i].e
	r.slots[i], r.marks[i] = recent{dir, name, e, true}, mark
	if old == nil && r.n.Add(1) == 1 {
		if r.sweep == nil {
			r.sweep = time.AfterFunc(recentTime, r.expire)
		} else {
			r.sweep.Reset(recentTime)
		}
	}
	r.mu.Unlock()
	if old != nil {
		old.slots.Add(-1)
		old.Clunk()
	}
}

// forget lets go of a name that is another's now, or nobody's, in whichever directory: each
// client that has walked to one has it as another.
func (r *recents) forget(name string) {
	if r.n.Load() == 0 {
		return
	}
	r.mu.Lock()
	var gone []*entry
	mark := uint32(maphash.String(r.seed, name))
	for i, m := range r.marks {
		if m == mark && r.slots[i].e != nil && r.slots[i].name == name {
			gone = append(gone, r.free(&r.slots[i]))
		}
	}
	r.mu.Unlock()
	for _, e := range gone {
		e.Clunk()
	}
}

// free empties a slot, with r.mu held, and gives what it held.
func (r *recents) free(s *recent) *entry {
	e := s.e
	e.slots.Add(-1)
	*s = recent{}
	r.n.Add(-1)
	return e
}

// expire lets go of what was not walked to for a while, and looks again later.
func (r *recents) expire() { r.drop(false) }

// close lets go of all.
func (r *recents) close() { r.drop(true) }

func (r *recents) drop(all bool) {
	var gone []*entry
	r.mu.Lock()
	for i := range r.slots {
		if s := &r.slots[i]; s.e != nil && (all || !s.used) {
			gone = append(gone, r.free(s))
		} else {
			s.used = false
		}
	}
	if r.shut = r.shut || all; r.sweep != nil {
		if r.sweep.Stop(); r.n.Load() > 0 {
			r.sweep.Reset(recentTime)
		}
	}
	r.mu.Unlock()
	for _, e := range gone {
		e.Clunk()
	}
}

// An identity tells a file from all others for as long as it is open.
type identity struct{ dev, ino, mount uint64 }

func identityOf(st *unix.Statx_t) identity { return identity{devOf(st), st.Ino, st.Mnt_id} }

// recent finds a name that was walked to a moment ago and is the same file still; nil
// where it is not known to be.
func (n *node) recent(ctx context.Context, name string) (e *entry, q p9.Qid, err error) {
	if e = n.t.recents.get(n, name); e == nil {
		return nil, q, nil
	}
	var st unix.Statx_t
	err = n.run(ctx, func() error { return statName(n.fd, name, &st, e.dev.Load().waits == never) })
	if err == nil && st.Mask&unix.STATX_MNT_ID != 0 && identityOf(&st) == e.id {
		return e, qidOf(&st, e.learn(&st)), nil
	}
	e.Clunk()
	if err == srv.ErrAgain {
		return nil, q, err
	}
	n.t.recents.forget(name) // a walk finds out what else there is
	return nil, q, nil
}

// keep has the name keep its file for a while, if the mount it is on is the tree's own:
// others may be to go any time, and are not to be kept busy.
func (n *node) keep(name string, e *entry, st *unix.Statx_t) {
	if d := e.dev.Load(); d.held && st.Mask&unix.STATX_MNT_ID != 0 && st.Mnt_id == n.t.mount {
		n.t.recents.put(n, name, e)
	}
}
