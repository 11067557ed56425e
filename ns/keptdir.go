package ns

import (
	"context"
	"errors"
	"io/fs"
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
	k.look(t)
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
	if !ok {
		asked, err := k.awaitName(ctx, name)
		if err != nil {
			return nil, p9.Stat{}, err
		}
		if asked {
			n, ok, many = k.find(name)
		}
	}
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
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		k.look(t) // who walks in a directory is told of its changes
	}
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
	case is && !k.c.good(e.at), is && !e.none && !e.k.known():
	case e.none, !is && all:
		k.usesList()
		return nil, true, false
	case is && (all || k.c.good(e.k.at)): // else the name is asked for with the attributes
		if all {
			k.usesList()
		}
		e.k.dir, e.k.name = k, name // it may have had another that is gone
		return e.k.hold(), true, false
	}
	k.usesList()
	if k.misses++; k.st.Qid.Vers == 0 || !k.c.conn.Ordered() {
		return nil, false, false
	}
	if k.c.far && k.listed.none() && k.lapses < fetchLapses && k.c.lease.holds() {
		k.c.fetchDir(k) // by when the next one is asked for
	}
	switch k.misses {
	case batchAt: // a large directory's listing has no more than is known already
		many = !all || len(k.names) <= largeDir
	case batchLarge:
		many = true
	}
	return nil, false, many
}
