package diskfs

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Who lists a directory with the attributes of all that is in it uses few of the files. So an
// entry that was only listed has no descriptor yet: it has its directory and its name there, and
// is opened when it is first used, as a parked one is. What the server itself renames or removes
// is opened before. As with parked ones, another file that has been put in its place behind the
// server's back is not taken for it.

// A listing says where an entry is that was only listed. All is lot.mu's.
type listing struct {
	dir *node // held; nil: the entry was not listed, or has been opened
	at  listed
}

// A listed is a name of a directory, whichever node that has.
type listed struct {
	dev, ino uint64
	name     string
}

// listed gives a name of n, which is in use.
func (n *node) listed(name string) listed {
	id := n.t.id
	if e := n.entry; e != nil && e.id.ino != 0 {
		id = e.id
	} else if e != nil || n.open { // as it was made
		var st unix.Statx_t
		statx(n.fd, &st, false)
		id = identityOf(&st)
	}
	return listed{id.dev, id.ino, name}
}

// listeds are the entries of an export that were only listed, those of the same name linked.
type listeds struct {
	all     map[listed]*entry // lot.mu's
	n       atomic.Int64      // how many these are
	changes atomic.Uint64     // of names: how many are under way, and from bit 32 on how many have ended
}

const changeEnded = 1<<32 - 1

// ListStat is WalkStat for who will most likely not use the file. If known, which may be nil, says
// of the attributes that he has the file there is none.
func (n *node) ListStat(ctx context.Context, name string, known func(*p9.Stat) bool) (srv.File, p9.Stat, error) {
	d, changes := n.dev.Load(), n.t.listeds.changes.Load()
	if d == nil || !d.held || n.open || uint32(changes) != 0 || srv.CheckName(name) != nil {
		return n.WalkStat(ctx, name)
	}
	if err := n.use(ctx); err != nil {
		return nil, p9.Stat{}, err
	}
	defer n.done()
	var st unix.Statx_t
	if err := n.t.do(ctx, func() error { return statName(n.fd, name, &st, d.waits == never) }); err != nil {
		return nil, p9.Stat{}, err
	}
	kind := uint32(st.Mode) & unix.S_IFMT
	if kind != unix.S_IFREG && kind != unix.S_IFLNK || devOf(&st) != d.num || st.Mask&unix.STATX_BTIME == 0 {
		return n.WalkStat(ctx, name)
	}
	s := statOf(&st, d)
	if known != nil && known(&s) {
		return nil, s, nil
	}
	e := n.t.entry(-1)
	e.dev.Store(d)
	e.kind.Store(kind)
	e.is(&st)
	if !e.list(n, n.listed(strings.Clone(name)), changes) {
		e.Clunk()
		return n.WalkStat(ctx, name)
	}
	return e, s, nil
}

// list enters an entry that nobody else has yet. It reports false if names have been changed
// since there were so many changes: it may not be what the name is now.
func (e *entry) list(dir *node, at listed, changes uint64) bool {
	if dir.entry != nil {
		dir.entry.held.Add(1)
	}
	e.uses.Store(-1)
	l := &e.t.listeds
	lot.mu.Lock()
	defer lot.mu.Unlock()
	e.listing = listing{dir, at}
	if e.next = l.all[at]; e.next != nil {
		e.next.prev = e
	}
	if l.all == nil {
		l.all = map[listed]*entry{}
	}
	l.all[at] = e
	l.n.Store(int64(len(l.all)))
	return l.changes.Load() == changes
}

// unlist takes an entry out, if it is one, and gives what it held of its directory. lot.mu is held.
func (e *entry) unlist() *entry {
	switch {
	case e.dir == nil:
		return nil
	case e.prev != nil:
		e.prev.next = e.next
	case e.next != nil:
		e.t.listeds.all[e.at] = e.next
	default:
		delete(e.t.listeds.all, e.at)
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	e.t.listeds.n.Store(int64(len(e.t.listeds.all)))
	dir := e.dir
	e.listing, e.prev, e.next = listing{}, nil, nil
	return dir.entry
}

// letGo is Clunk of a directory that was held, if one was; not with lot.mu held.
func (e *entry) letGo() {
	if e != nil {
		e.Clunk()
	}
}

// any tells whether there may be entries that were only listed by names which are about to be
// changed: those that are listed afterwards are refused, as the change is counted.
func (l *listeds) any(names []named) bool {
	if l.n.Load() == 0 {
		return false
	}
	lot.mu.Lock()
	defer lot.mu.Unlock()
	return slices.ContainsFunc(names, func(n named) bool { return l.all[n.dir.listed(n.name)] != nil })
}

// open has the files of such entries opened, with a thread. On a goroutine that must not wait it
// returns srv.ErrAgain where there are any.
func (l *listeds) open(ctx context.Context, names []named) error {
	if !l.any(names) {
		return nil
	}
	if srv.Nonblock(ctx) {
		return srv.ErrAgain
	}
	var all []*entry
	lot.mu.Lock()
	for _, n := range names {
		for e := l.all[n.dir.listed(n.name)]; e != nil && len(all) < lot.most; e = e.next {
			if e.hold() {
				all = append(all, e)
			}
		}
	}
	lot.mu.Unlock()
	for _, e := range all {
		if e.fetch(ctx, false) == nil {
			e.done()
		}
		e.Clunk()
	}
	return ctx.Err() // then not all may have been opened
}
