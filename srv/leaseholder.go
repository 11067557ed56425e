package srv

import (
	"time"
)

// maxLeases is how many files a connection has leases of at most.
const maxLeases = 1 << 17

// A holder is a connection that asked for leases. All is under Leases.mu.
type holder struct {
	l       *Leases
	files   map[uint64]bool
	pending []notice          // to be told
	all     bool              // and all the others
	queued  uint64            // counts what was to be told,
	given   uint64            // what was told of it,
	heeded  uint64            // and what was heeded
	owed    map[uint64]uint64 // by file, the count of its last notice, while that is not heeded
	owedAll uint64            // that of the last notice of all files
	heard   time.Time         // it believes to have leases for p9.LeaseTerm since
	late    *lateness
	greeted bool
	gone    bool
	wake    chan struct{} // there is something to tell
	ack     chan struct{} // closed, and made anew, when something was heeded
}

// A notice is what a holder is told of a file.
type notice struct {
	path uint64
	none bool // there is no lease of it
}

// hold makes a holder, of a connection that was late so far.
func (l *Leases) hold(late *lateness) *holder {
	l.n.Add(1)
	h := &holder{l: l, late: late, files: map[uint64]bool{}, owed: map[uint64]uint64{}, wake: make(chan struct{}, 1), ack: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all[h] = true
	return h
}

// end lets all leases of a holder go.
func (h *holder) end() {
	h.l.mu.Lock()
	defer h.l.mu.Unlock()
	if h.gone {
		return
	}
	h.gone = true
	delete(h.l.all, h)
	h.clear()
	close(h.ack)
	h.l.n.Add(-1)
}

// clear takes all leases from a holder. l.mu is held.
func (h *holder) clear() {
	for p := range h.files {
		h.l.take(p, h)
	}
	h.files = map[uint64]bool{}
}

// take takes a lease from a holder. l.mu is held.
func (l *Leases) take(path uint64, h *holder) {
	hs := l.files[path]
	delete(hs, h)
	delete(h.files, path)
	if len(hs) == 0 {
		delete(l.files, path)
		if l.Unwatch != nil {
			l.Unwatch(path)
		}
	}
}

// look gives a lease of a file that is about to be looked at.
func (h *holder) look(path uint64, f File) {
	l := h.l
	l.mu.Lock()
	for l.watching[path] != nil { // what is looked at before that has ended may change unnoticed
		begun := l.watching[path]
		l.mu.Unlock()
		<-begun
		l.mu.Lock()
	}
	if h.gone || h.files[path] {
		l.mu.Unlock()
		return
	}
	if len(h.files) >= maxLeases {
		h.clear()
		h.tell(notice{}, true)
	}
	hs := l.files[path]
	fresh := hs == nil
	if fresh {
		hs = map[*holder]bool{}
		l.files[path] = hs
	}
	hs[h], h.files[path] = true, true
	if fresh = fresh && l.Watch != nil; fresh {
		l.watching[path] = make(chan struct{})
	}
	l.mu.Unlock()
	if fresh {
		l.watch(path, f)
	}
}

// watch has a file watched of which somebody was given a lease.
func (l *Leases) watch(path uint64, f File) {
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		close(l.watching[path])
		delete(l.watching, path)
		if l.files[path] == nil && l.Unwatch != nil { // it was taken meanwhile
			l.Unwatch(path)
		}
	}()
	if p, ok := f.(Part); ok {
		f = p.Whole()
	}
	if err := l.Watch(path, f); err != nil {
		l.refuse(path)
	}
}

// tell queues what a holder is to be told. One who does not read it is told of all files when
// it has become much. l.mu is held.
func (h *holder) tell(n notice, all bool) {
	if !all && max(len(h.pending), len(h.owed)) >= maxLeases {
		h.clear()
		all = true
	}
	switch h.queued++; {
	case all:
		h.all, h.pending, h.owedAll = true, nil, h.queued
		clear(h.owed) // what is owed of all is owed of each
	case h.all:
		h.owedAll = h.queued
	default:
		h.owed[n.path] = h.queued
		h.pending = append(h.pending, n)
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// lose takes a lease, which is told. l.mu is held.
func (h *holder) lose(path uint64) {
	if h.files[path] {
		h.l.take(path, h)
		h.tell(notice{path: path}, false)
	}
}
