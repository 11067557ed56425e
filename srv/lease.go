package srv

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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
// client was silent for p9.LeaseTerm, after which it has no lease, as it knows itself.
//
// What is changed otherwise than by a connection of a Server with these Leases, who
// changes it has to tell by Change.
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
	own   map[uint64]*ownChange
	all   map[*holder]bool
}

// An ownChange is that a holder has changed a file itself, of which Watch's side will
// say that somebody has. That it was only the holder cannot be told for sure: so it is
// told of it too, but once, when it has left the file alone for a while.
type ownChange struct {
	by        *holder
	first, at time.Time
	pending   bool // somebody has changed it
}

// How long a holder leaves a file alone before it is told, and when it is told even so.
const (
	ownSettles = 200 * time.Millisecond
	ownMost    = 3 * time.Second
)

// NewLeases makes Leases for a tree that only changes through its Servers.
func NewLeases() *Leases {
	return &Leases{files: map[uint64]map[*holder]bool{}, own: map[uint64]*ownChange{}, all: map[*holder]bool{}}
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
	heard   time.Time
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

// hold makes a holder.
func (l *Leases) hold() *holder {
	l.n.Add(1)
	h := &holder{l: l, files: map[uint64]bool{}, owed: map[uint64]uint64{}, wake: make(chan struct{}, 1), ack: make(chan struct{})}
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
	l.mu.Unlock()
	if fresh && l.Watch != nil {
		if p, ok := f.(Part); ok {
			f = p.Whole()
		}
		if err := l.Watch(path, f); err != nil {
			l.refuse(path)
		}
	}
}

// tell queues what a holder is to be told. l.mu is held.
func (h *holder) tell(n notice, all bool) {
	if h.queued++; all {
		h.all, h.pending, h.owedAll = true, nil, h.queued
	} else if h.owed[n.path] = h.queued; !h.all {
		h.pending = append(h.pending, n)
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
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

// Settle returns when all holders have heeded all that was changed before it was called, by
// others too: what they look at then is as it is now. ctx ends the waiting.
func (l *Leases) Settle(ctx context.Context) {
	if l == nil || l.n.Load() == 0 {
		return
	}
	if l.Notice != nil {
		l.Notice()
	}
	var ds []debtor
	l.mu.Lock()
	for p, o := range l.own { // it may not have been the holder alone
		if o.pending {
			o.by.lose(p)
			o.pending = false
		}
	}
	for h := range l.all {
		if h.queued > h.heeded {
			ds = append(ds, debtor{h, h.queued})
		}
	}
	l.mu.Unlock()
	l.await(ctx, ds)
}

// owns notes that a holder has changed files itself.
func (l *Leases) owns(h *holder, paths []uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if len(l.own) == 0 {
		time.AfterFunc(ownSettles, l.settle)
	}
	for _, p := range paths {
		o := l.own[p]
		if o == nil || o.by != h {
			if o != nil && o.pending {
				o.by.lose(p)
			}
			o = &ownChange{by: h, first: now}
			l.own[p] = o
		}
		o.at = now
	}
}

// settle tells those who have left files alone.
func (l *Leases) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for p, o := range l.own {
		if now.Sub(o.at) < ownSettles && now.Sub(o.first) < ownMost && !o.by.gone {
			continue
		}
		delete(l.own, p)
		if o.pending {
			o.by.lose(p)
		}
	}
	if len(l.own) > 0 {
		time.AfterFunc(ownSettles, l.settle)
	}
}

// lose takes a lease, which is told. l.mu is held.
func (h *holder) lose(path uint64) {
	if h.files[path] {
		h.l.take(path, h)
		h.tell(notice{path: path}, false)
	}
}

// await waits until what holders were told is heeded, or they have no leases any more.
func (l *Leases) await(ctx context.Context, ds []debtor) {
	for _, d := range ds {
		l.mu.Lock()
		for !d.h.gone && d.h.heeded < d.n {
			left := time.Until(d.h.heard.Add(p9.LeaseTerm))
			if left <= 0 { // it does not believe to have any, either
				d.h.clear()
				d.h.tell(notice{}, true)
				break
			}
			ack := d.h.ack
			l.mu.Unlock()
			t := time.NewTimer(left)
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

// A leaseTree is the root of p9.LeaseTree for one connection.
type leaseTree struct {
	Node
	c *conn
	h *holder
}

// attachLeases makes the fid one of p9.LeaseTree. It needs no authentication, for it
// tells nothing but of what the connection's other fids have looked at.
func (r *req) attachLeases(f *fid, u *User) error {
	if r.c.srv.Leases == nil {
		return p9.NewError(p9.ErrNotExist.Errno, "no leases are given")
	}
	h := r.c.srv.Leases.hold()
	if !r.c.holder.CompareAndSwap(nil, h) {
		h.end()
		return p9.ErrorOfErrno(syscall.EBUSY)
	}
	t := &leaseTree{NewNode(0o444), r.c, h}
	st, err := t.Stat(r.c.base)
	if err != nil {
		t.Clunk()
		return err
	}
	f.who = r.c.newSession(u)
	f.node = r.c.newNode(t, st.Qid.Path, "/", nil)
	r.reply().Qid = st.Qid
	return nil
}

// Read says what is to be told. l.mu is not held.
func (t *leaseTree) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	h := t.h
	l := h.l
	l.mu.Lock()
	h.heard = time.Now()
	h.heeded = h.given
	maps.DeleteFunc(h.owed, func(_, n uint64) bool { return n <= h.heeded })
	if !h.gone {
		close(h.ack)
		h.ack = make(chan struct{})
	}
	timer := time.NewTimer(p9.LeaseTerm / 3)
	defer timer.Stop()
	for over := !h.greeted; !h.all && len(h.pending) == 0 && !over && !h.gone; {
		l.mu.Unlock()
		select {
		case <-h.wake:
		case <-timer.C:
			over = true
		case <-ctx.Done():
			return 0, p9.ErrInterrupted
		}
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	h.greeted = true
	var b strings.Builder
	switch {
	case h.all:
		b.WriteString("all\n")
		h.all, h.given = false, h.queued
	case len(h.pending) == 0:
		b.WriteString("ok\n")
		h.given = h.queued
	default:
		n := min(len(h.pending), len(p)/18)
		for _, n := range h.pending[:n] {
			if n.none {
				b.WriteByte('-')
			}
			fmt.Fprintf(&b, "%x\n", n.path)
		}
		h.pending = h.pending[n:]
		h.given = h.queued - uint64(len(h.pending))
	}
	return copy(p, b.String()), nil
}

// Clunk ends the leases.
func (t *leaseTree) Clunk() {
	t.c.holder.CompareAndSwap(t.h, nil)
	t.h.end()
}

// leased sees to the leases of what the request looks at, or changes: what it gives is
// called when it is done.
func (r *req) leased(ctx context.Context, f *fid) (after func()) {
	l, h := r.c.srv.Leases, r.c.holder.Load()
	if h != nil && f.node != nil {
		switch r.t.Type {
		case p9.Tgetattr, p9.Tstat, p9.Topen, p9.Tlopen, p9.Treaddir, p9.Treadlink, p9.Txattrwalk:
			if _, own := f.node.file.(*leaseTree); !own {
				h.look(f.node.path, f.node.file)
			}
		}
	}
	if l == nil {
		return nil
	}
	own := h != nil && l.Watch != nil
	if own && r.t.Type == p9.Tclunk && f.open && f.mode.Writable() && f.node != nil { // the end of writing is noticed as well
		l.owns(h, []uint64{f.node.path})
	}
	if !r.changes(f) {
		return nil
	}
	others := l.others(h)
	if !others && !own {
		return nil
	}
	paths := r.changed(ctx, f)
	if own {
		l.owns(h, paths)
	}
	if !others {
		return nil
	}
	l.await(ctx, l.recall(h, paths))
	return func() { // who looked at it meanwhile
		l.await(ctx, l.recall(h, paths))
	}
}

// changes tells whether the request may change what others have leases of.
func (r *req) changes(f *fid) bool {
	switch r.t.Type {
	case p9.Twrite:
		return f.xattr == nil
	case p9.Topen:
		return p9.Mode(r.t.Mode)&(p9.OTRUNC|p9.ORCLOSE) != 0
	case p9.Tlopen:
		return p9.ModeOfLinux(r.t.Flags)&p9.OTRUNC != 0
	case p9.Tclunk:
		return f.xattr != nil && f.xattr.set || f.open && f.mode&p9.ORCLOSE != 0
	case p9.Tcreate, p9.Tlcreate, p9.Tremove, p9.Twstat, p9.Tsetattr, p9.Tmkdir, p9.Tsymlink, p9.Tmknod, p9.Tlink,
		p9.Trename, p9.Trenameat, p9.Tunlinkat:
		return true
	}
	return false
}

// changed gives the files that it changes: with a name that goes or comes its
// directory, and the file that has it.
func (r *req) changed(ctx context.Context, f *fid) (paths []uint64) {
	entry := func(dir *node, name string) {
		paths = append(paths, dir.path)
		if w, ok := dir.file.(Walker); ok && CheckName(name) == nil {
			if c, err := w.Walk(ctx, name); err == nil {
				if st, err := c.Stat(ctx); err == nil {
					paths = append(paths, st.Qid.Path)
				}
				Clunk(c)
			}
		}
	}
	t := &r.t
	switch t.Type {
	case p9.Tcreate, p9.Tlcreate, p9.Tunlinkat:
		entry(f.node, t.Name)
		return paths
	case p9.Tmkdir, p9.Tsymlink, p9.Tmknod:
		return append(paths, f.node.path)
	case p9.Trenameat:
		entry(f.node, t.Name)
		if d := r.second(); d.node != nil {
			entry(d.node, t.Name2)
		}
		return paths
	case p9.Tlink, p9.Trename:
		if d := r.second(); d.node != nil {
			entry(d.node, t.Name)
		}
	}
	paths = append(paths, f.node.path)
	switch t.Type {
	case p9.Tremove, p9.Trename, p9.Twstat, p9.Tclunk:
		_, parent := f.node.at()
		if parent != nil {
			paths = append(paths, parent.path)
			parent.unref()
		}
	}
	return paths
}
