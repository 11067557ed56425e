package ns

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// Listings of a tree that is kept.

// loadMost is how many entries a directory has at most that is read as a whole.
const loadMost = 1 << 14

// load reads the directory, unless its names are known and will do, and asks for the
// attributes of its files, unless it is large and few of them were asked for.
func (k *kept) load(ctx context.Context, anew bool) ([]p9.Dirent, error) {
	using(ctx, k.c.conn)
	if err := k.lock(ctx); err != nil {
		return nil, err
	}
	defer k.unlock()
	k.c.mu.Lock()
	xattrs, most := k.c.xattrs && !k.c.noAttr, largeDir
	if k.misses >= batchLarge {
		most = loadMost
	}
	if !anew && k.c.good(k.listed) {
		defer k.c.mu.Unlock()
		return k.entries(), nil
	}
	k.c.mu.Unlock()
	t := k.c.begin()
	from, names, of := k.way()
	defer of.Clunk()
	q, ents, err := from.ListStat(ctx, client.Listing{Most: loadMost, Stats: most, Xattrs: xattrs}, names...)
	if err != nil {
		return nil, err
	}
	if err := k.isIt(q.Path); err != nil {
		return nil, err
	}
	if q.Vers == 0 {
		return nil, p9.ErrNotSup
	}
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	return k.listing(ents, t, xattrs), nil
}

// listing takes a listing. c.mu is held.
func (k *kept) listing(ents []client.Entry, t ticket, xattrs bool) []p9.Dirent {
	k.misses, k.inside = 0, false
	holds, before := t.holds(k), k.names
	k.look(t)
	if holds {
		k.names, k.listed, k.xlists = make(map[string]known, len(ents)), k.stamp(t), xattrs
	}
	list := make([]p9.Dirent, len(ents))
	for i := range ents {
		e := &ents[i]
		list[i] = e.Dirent
		list[i].Cookie = uint64(i) + 1
		var n *kept
		if e.StatErr == nil {
			n = k.c.enter(k, e.Name, &e.Stat, t)
			if e.Target != "" && t.holds(n) {
				n.target = e.Target
			}
			if e.Xattrs == 0 && t.holds(n) && n.st.Qid.Vers != 0 {
				n.xattrs, n.xat = nil, n.stamp(t)
			}
		} else if was := before[e.Name]; was.k != nil && was.k.path == e.Qid.Path && k.c.good(was.k.at) {
			n = was.k // asked for alone
		}
		if holds && t.holds(k) { // and all was not forgotten meanwhile
			k.order++
			k.names[e.Name] = known{k: n, at: k.stamp(t), ent: e.Dirent, order: k.order}
		}
	}
	return list
}

// entries gives the names in their order. c.mu is held.
func (k *kept) entries() []p9.Dirent {
	all := make([]known, 0, len(k.names))
	for _, e := range k.names {
		if !e.none {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b known) int { return cmp.Compare(a.order, b.order) })
	list := make([]p9.Dirent, len(all))
	for i, e := range all {
		list[i] = e.ent
		list[i].Cookie = uint64(i) + 1
	}
	return list
}

// atHand tells whether a name and its file's attributes are known.
func (k *kept) atHand(name string) bool {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	e, ok := k.names[name]
	return ok && e.k != nil && k.c.good(e.at) && k.c.good(e.k.at)
}

// openDir opens the directory for reading.
func (k *kept) openDir(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	list, err := k.load(ctx, false)
	switch {
	case err == nil:
		k.c.mu.Lock()
		defer k.c.mu.Unlock()
		k.usesList()
		k.enters()
		return &keptDir{k.hold(), list}, nil
	case ctx.Err() != nil || errors.Is(err, fs.ErrPermission):
		return nil, err
	}
	fid, err := k.use(ctx)
	if err != nil {
		return nil, err
	}
	g, err := fid.WalkOpen(ctx, mode)
	if err != nil {
		return nil, err
	}
	return &mntHandle{mntFile: mntFile{fid: g}}, nil
}

// A keptDir is an open directory, as it was when it was opened.
type keptDir struct {
	*kept
	list []p9.Dirent
}

// List gives the entries.
func (d *keptDir) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		for i := min(cookie, uint64(len(d.list))); i < uint64(len(d.list)); i++ {
			if !yield(d.list[i], nil) {
				return
			}
		}
	}
}
