package srv

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"ninespace/srv/p9"
)

// Leases are the duty to tell clients of changes. A client asks for it by attaching to
// the tree p9.LeaseTree and reading its only file, again and again: a connection that
// does so has a lease of each file that it looks at, from then on until it is told that
// the file is about to be changed by another one. A read blocks until there is something
// to tell; it gives a line for each file, the qid.path in hexadecimal digits; "all" for
// all files; "-" and the path of one of which there is no lease, as changes of it could
// not be noticed; "ok" where for a third of p9.LeaseTerm there was nothing. The next read says
// that what the last one gave is heeded, and only then is the file changed: or when the
// client was silent for p9.LeaseTerm, after which it goes by no lease, as it knows itself, until
// a read that it made since is answered: by "all", if a file was changed without it. The
// reads of a client that has others wait too much are answered later than that for a while.
//
// What is changed otherwise than by a connection of a Server with these Leases, who
// changes it has to tell by Change. What Notice finds of that a client has heeded before it has a
// lock.
type Leases struct {
	// Watch, where set, is called when the first connection looks at a file, with no
	// lock held; of a Part it is the whole. An error says that changes by others could not
	// be noticed: then there is no lease of it.
	Watch func(path uint64, f File) error
	// Unwatch is called when none has a lease of a file any more.
	Unwatch func(path uint64)
	// Notice, where set, calls Change for what was done by others until now.
	Notice func()

	n     atomic.Int32 // holders
	mu    sync.Mutex
	files map[uint64]map[*holder]bool
	// Those that Watch is called for; closed when it has returned.
	watching map[uint64]chan struct{}
	own      map[uint64]*ownChange
	all      map[*holder]bool
}

// NewLeases makes Leases for a tree that only changes through its Servers.
func NewLeases() *Leases {
	return &Leases{files: map[uint64]map[*holder]bool{}, watching: map[uint64]chan struct{}{}, own: map[uint64]*ownChange{}, all: map[*holder]bool{}}
}

// A Leaser is the root of a tree of which leases can be given: see New.
type Leaser interface {
	File
	Leases() *Leases
}

// A Part is a file that gives a part of another one, such as a directory some of whose names
// are hidden. What is told of it is that file's: Watch gets it.
type Part interface {
	File
	Whole() File
}

// A debtor is a holder that is to heed what it was told up to some count.
type debtor struct {
	h *holder
	n uint64
}

// recall takes the leases of files from all but one and gives those who are to be
// waited for.
func (l *Leases) recall(by *holder, paths []uint64) (ds []debtor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range paths {
		for h := range maps.Clone(l.files[p]) {
			if h != by {
				h.lose(p)
			}
		}
		// One who has lost the lease already, to a change that nobody waited for, may
		// not have heard of it yet, and believes to have it.
		for h := range l.all {
			if n := max(h.owed[p], h.owedAll); h != by && n > h.heeded {
				ds = append(ds, debtor{h, n})
			}
		}
	}
	return ds
}

// refuse takes the leases of a file that cannot be watched.
func (l *Leases) refuse(path uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := range maps.Clone(l.files[path]) {
		l.take(path, h)
		h.tell(notice{path, true}, false)
	}
}

// Change tells that files were changed, perhaps behind the Servers' back. It does not
// wait.
func (l *Leases) Change(paths ...uint64) {
	for _, p := range paths {
		var but *holder
		l.mu.Lock()
		if o := l.own[p]; o != nil {
			o.pending = true
			but = o.by
		}
		l.mu.Unlock()
		l.recall(but, []uint64{p})
	}
}

// ChangeBy is Change by who knows whether the Servers' process did it, or another one. What
// that process does to a file that a holder has just changed is taken for the holder's doing,
// of which the others were told.
func (l *Leases) ChangeBy(self bool, paths ...uint64) {
	for _, p := range paths {
		l.mu.Lock()
		told := self && l.own[p] != nil
		l.mu.Unlock()
		if !told {
			l.recall(nil, []uint64{p})
		}
	}
}

// await waits until what holders were told is heeded, or they have no leases any more.
func (l *Leases) await(ctx context.Context, ds []debtor) {
	for _, d := range ds {
		l.mu.Lock()
		for since := time.Now(); !d.h.gone && d.h.heeded < d.n; d.h.late.charge(since, time.Now()) {
			left := time.Until(d.h.heard.Add(p9.LeaseTerm))
			if left <= 0 { // it does not believe to have any, either
				d.h.clear()
				d.h.tell(notice{}, true)
				break
			}
			ack := d.h.ack
			l.mu.Unlock()
			t := time.NewTimer(min(left, heedMost/4)) // to bar it soon
			select {
			case <-ack:
			case <-t.C:
			case <-ctx.Done():
			}
			t.Stop()
			l.mu.Lock()
			if ctx.Err() != nil {
				break
			}
		}
		l.mu.Unlock()
	}
}

// others tells whether others than one connection may have leases.
func (l *Leases) others(h *holder) bool {
	if l == nil {
		return false
	}
	n := l.n.Load()
	return n > 1 || n == 1 && h == nil
}
