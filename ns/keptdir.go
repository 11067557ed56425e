package ns

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// Names and directories of a tree that is kept.

// Stat gives the attributes.
func (k *kept) Stat(ctx context.Context) (p9.Stat, error) {
	using(ctx, k.c.conn)
	if err := k.settle(ctx); err != nil {
		return p9.Stat{}, err
	}
	k.c.mu.Lock()
	st, ok, fid := k.st, k.c.good(k.at), k.fid
	k.c.mu.Unlock()
	if ok {
		return st, nil
	}
	t := k.c.begin()
	var err error
	if fid != nil {
		st, err = fid.Stat(ctx)
	} else {
		st, err = k.walkStat(ctx)
	}
	if err != nil {
		return st, err
	}
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	k.take(&st, t)
	return st, nil
}

// walkStat gets a fid and the attributes along with it.
func (k *kept) walkStat(ctx context.Context) (p9.Stat, error) {
	from, names, of := k.way()
	defer of.Clunk()
	g, st, err := from.WalkStat(ctx, names...)
	if err != nil {
		return st, k.wayError(err)
	}
	if err := k.isIt(st.Qid.Path); err != nil {
		g.Drop()
		return st, err
	}
	k.give(g)
	return st, nil
}

// Walk finds a name in the directory.
func (k *kept) Walk(ctx context.Context, name string) (srv.File, error) {
	f, _, err := k.WalkStat(ctx, name)
	return f, err
}

// At how many names that are not known the whole directory is asked for: one that is
// large with nothing but names at first.
const (
	batchAt    = 2
	batchLarge = 16
)

// largeDir is how many entries a directory has that is large.
const largeDir = 512

// WalkStat finds a name and its file's attributes. Who asks for several names of a
// directory gets all of it.
func (k *kept) WalkStat(ctx context.Context, name string) (srv.File, p9.Stat, error) {
	using(ctx, k.c.conn)
	if err := srv.CheckName(name); err != nil {
		return nil, p9.Stat{}, err
	}
	ahead := k.ahead()
	n, ok, many := k.find(name)
	if !ok && ahead != nil {
		select {
		case <-ahead:
		case <-ctx.Done():
			return nil, p9.Stat{}, ctx.Err()
		}
		n, ok, many = k.find(name)
	}
	if !ok && many {
		if _, err := k.load(ctx, true); err == nil {
			n, ok, _ = k.find(name)
		}
	}
	switch {
	case ok && n == nil:
		return nil, p9.Stat{}, p9.ErrNotExist
	case ok:
		st, err := n.Stat(ctx)
		if err == nil {
			return n, st, nil
		}
		n.Clunk()
		if !errors.Is(err, errMoved) {
			return nil, st, err
		}
	}
	n, st, fresh, err := k.walkName(ctx, name)
	if err != nil {
		return nil, st, err
	}
	if !fresh { // it is being changed here
		if st, err = n.Stat(ctx); err != nil {
			n.Clunk()
			return nil, st, err
		}
	}
	return n, st, nil
}

// walkName asks for a name. fresh tells that nobody here was changing the file.
func (k *kept) walkName(ctx context.Context, name string) (n *kept, st p9.Stat, fresh bool, err error) {
	t := k.c.begin()
	from, names, of := k.way()
	defer of.Clunk()
	var d, g *client.Fid
	if began := time.Now(); len(names) == 0 {
		g, st, err = from.WalkStat(ctx, name)
		k.c.took(time.Since(began))
	} else if d, g, st, err = from.WalkStatIn(ctx, names, name); d == nil {
		return nil, st, false, k.wayError(err)
	} else if d.Qid().Path != k.path {
		d.Drop()
		if g != nil {
			g.Drop()
		}
		return nil, st, false, k.isIt(d.Qid().Path)
	}
	if d != nil {
		k.give(d)
	}
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	if errors.Is(err, fs.ErrNotExist) && k.st.Qid.Vers != 0 && t.holds(k) {
		k.know(name, nil, t)
	}
	if err != nil {
		return nil, st, false, err
	}
	n = k.c.enter(k, name, &st, t).hold()
	if n.fid == nil {
		n.fid = g
	} else {
		g.Drop()
	}
	return n, st, t.holds(n) && !n.writing(), nil
}

// writing tells whether writes are under way. c.mu is held.
func (k *kept) writing() bool {
	for h := range k.writers {
		if h.behind.busy() {
			return true
		}
	}
	return false
}

// find gives, held, what a name is known to lead to, nil for nothing. many tells that
// the directory is worth asking for as a whole.
func (k *kept) find(name string) (n *kept, ok, many bool) {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	k.enters()
	all := k.c.good(k.listed)
	e, is := k.names[name]
	switch {
	case is && !k.c.good(e.at), is && !e.none && e.k == nil:
	case e.none, !is && all:
		return nil, true, false
	case is && (all || k.c.good(e.k.at)): // else the name is asked for with the attributes
		return e.k.hold(), true, false
	}
	if k.misses++; k.st.Qid.Vers == 0 || !k.c.conn.Ordered() {
		return nil, false, false
	}
	if k.c.far && k.listed.at.IsZero() && k.lapses < guessLapses && k.c.lease.holds() {
		k.c.guessDir(k) // by when the next one is asked for
	}
	switch k.misses {
	case batchAt: // a large directory's listing has no more than is known already
		many = !all || len(k.names) <= largeDir
	case batchLarge:
		many = true
	}
	return nil, false, many
}

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
	k.misses, k.inside = 0, false
	holds := t.holds(k)
	if holds {
		k.names, k.listed = make(map[string]known, len(ents)), k.stamp(t)
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
		}
		if holds {
			k.order++
			k.names[e.Name] = known{k: n, at: k.stamp(t), ent: e.Dirent, order: k.order}
		}
	}
	return list, nil
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

// Create makes a file and opens it.
func (k *kept) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	fid, err := k.use(ctx)
	if err != nil {
		return nil, nil, err
	}
	if perm.IsDir() {
		_, err := fid.Mkdir(ctx, name, perm)
		n, err := k.made(ctx, fid, name, err)
		return n, nil, err
	}
	t := k.c.begin()
	g, first, err := fid.WalkCreateStat(ctx, name, perm, mode)
	if err == nil {
		if err = first.StatErr; err != nil {
			g.Clunk(gone)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	k.c.mu.Lock()
	was := k.is(t)
	k.c.mu.Unlock()
	n := k.entered(name, &first.Stat)
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	k.became(was, first.Dir, t)
	return n, n.handle(g, mode), nil
}

// made takes what was made in the directory, of which fid is one, without being opened.
// Servers that keep the order of requests do not keep it of these, so the name is walked
// to afterwards.
func (k *kept) made(ctx context.Context, fid *client.Fid, name string, err error) (srv.File, error) {
	if err != nil {
		return nil, err
	}
	g, st, err := fid.WalkStat(ctx, name)
	if err != nil {
		k.c.drop(k)
		return nil, err
	}
	n := k.entered(name, &st)
	n.give(g)
	return n, nil
}

// entered gives, held, the file of a name that was made just now. It may have been
// there before, and be another now.
func (k *kept) entered(name string, st *p9.Stat) *kept {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	now := func() ticket { return ticket{stamp{time.Now(), k.c.lease.holds()}, k.c.clock} }
	n := k.c.enter(k, name, st, now())
	n.change()
	k.put(name, n)
	n.take(st, now())
	return n.hold()
}

// Symlink makes a symbolic link.
func (k *kept) Symlink(ctx context.Context, name, target string) (srv.File, error) {
	fid, err := k.use(ctx)
	if err != nil {
		return nil, err
	}
	_, err = fid.Symlink(ctx, name, target)
	return k.made(ctx, fid, name, err)
}

// Mknod makes a device, pipe or socket.
func (k *kept) Mknod(ctx context.Context, name string, perm fs.FileMode, rdev uint64) (srv.File, error) {
	fid, err := k.use(ctx)
	if err != nil {
		return nil, err
	}
	_, err = fid.Mknod(ctx, name, perm, rdev)
	return k.made(ctx, fid, name, err)
}

// there gives, held, the file that a name is known to have, and sees to it that it has
// a fid if it is open: its name is about to go.
func (k *kept) there(ctx context.Context, name string) *kept {
	k.c.mu.Lock()
	n := k.names[name].k
	if n == nil {
		k.c.mu.Unlock()
		return nil
	}
	used := n.opens > 0
	n.hold()
	k.c.mu.Unlock()
	if used {
		n.settle(ctx)
		n.use(ctx)
	}
	return n
}

// Unlink removes a name.
func (k *kept) Unlink(ctx context.Context, name string, isDir bool) error {
	fid, err := k.use(ctx)
	if err != nil {
		return err
	}
	n := k.there(ctx, name)
	t := k.c.begin()
	now, err := fid.UnlinkStat(ctx, name, isDir)
	k.c.mu.Lock()
	if n != nil {
		n.change()
	}
	if err == nil {
		was := k.is(t)
		k.cut(name)
		k.became(was, now, t)
	}
	k.c.mu.Unlock()
	if n != nil {
		n.Clunk()
	}
	return err
}

// Rename moves a name.
func (k *kept) Rename(ctx context.Context, old string, newdir srv.File, newname string) error {
	d, ok := newdir.(*kept)
	if !ok || d.c != k.c {
		return errCross
	}
	fid, err := k.use(ctx)
	if err != nil {
		return err
	}
	to, err := d.use(ctx)
	if err != nil {
		return err
	}
	n, over := k.there(ctx, old), d.there(ctx, newname)
	err = fid.Rename(ctx, old, to, newname)
	k.c.mu.Lock()
	for _, f := range []*kept{n, over} {
		if f != nil {
			f.touch()
		}
	}
	if err == nil {
		k.cut(old)
		if n != nil {
			n.dir, n.name = d, newname
			d.put(newname, n)
		} else {
			d.change()
		}
	}
	k.c.mu.Unlock()
	for _, f := range []*kept{n, over} {
		if f != nil {
			f.Clunk()
		}
	}
	return err
}

// Link gives a file a further name.
func (k *kept) Link(ctx context.Context, target srv.File, name string) error {
	t, ok := target.(*kept)
	if !ok || t.c != k.c {
		return errCross
	}
	fid, err := k.use(ctx)
	if err != nil {
		return err
	}
	to, err := t.use(ctx)
	if err != nil {
		return err
	}
	if err = fid.Link(ctx, to, name); err != nil {
		return err
	}
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	t.touch()
	k.put(name, t)
	return nil
}
