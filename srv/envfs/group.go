package envfs

import (
	"context"
	"io/fs"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A group is the variables of one environment group.
type group struct {
	fs    *FS
	node  srv.Node
	n     uint64
	owner *srv.User
	used  *atomic.Int64 // its user's
	refs  int           // attaches; under FS.mu

	vers  atomic.Uint32 // grows with every change of any variable
	mtime atomic.Int64  // of the last, in ns of 1970

	mu    sync.RWMutex
	last  uint64 // id of the newest variable
	vars  map[string]*variable
	order []*variable // by id, which is the order in which they were made
}

// varCost is what a variable is taken to need beside its name and value.
const varCost = 256

// charge takes n bytes of the user's limit, or gives them back if n is negative.
func (g *group) charge(n int64) error {
	for {
		used := g.used.Load()
		if n > 0 && n > g.fs.limit-used { // not used+n, which may be past what an int64 holds
			return syscall.ENOSPC
		}
		if g.used.CompareAndSwap(used, used+n) {
			return nil
		}
	}
}

// fill copies another group's variables to a new one.
func (g *group) fill(from *group) error {
	from.mu.RLock()
	defer from.mu.RUnlock()
	for _, v := range from.order {
		c, err := g.add(v.name)
		if err == nil {
			v.mu.Lock()
			// Each may append to its own, beyond what the other sees.
			c.value, c.mtime = slices.Clip(v.value), v.mtime
			v.mu.Unlock()
			if err = g.charge(int64(len(c.value))); err != nil {
				c.value = nil
			}
		}
		if err != nil {
			g.end()
			return err
		}
	}
	return nil
}

// end gives back what the group was charged for. Nobody can reach it any more.
func (g *group) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, v := range g.order {
		v.remove()
	}
	g.vars, g.order = nil, nil
}

// add makes a variable of a name that is not there. g.mu is held, or g is new.
func (g *group) add(name string) (*variable, error) {
	if err := g.charge(varCost + int64(len(name))); err != nil {
		return nil, err
	}
	g.last++
	now := time.Now()
	v := &variable{g: g, id: g.last, path: srv.NewPath(), name: name, vers: 1, mtime: now, made: now}
	g.vars[name] = v
	g.order = append(g.order, v)
	g.changed()
	return v, nil
}

// drop takes a variable out. g.mu is held.
func (g *group) drop(v *variable) {
	delete(g.vars, v.name)
	if i, ok := g.at(v.id); ok {
		g.order = slices.Delete(g.order, i, i+1)
	}
	v.remove()
	g.changed()
}

func (g *group) changed() {
	g.vers.Add(1)
	g.mtime.Store(time.Now().UnixNano())
}

// at finds the place in order of an id, or that of the next.
func (g *group) at(id uint64) (int, bool) {
	return slices.BinarySearchFunc(g.order, id, func(v *variable, id uint64) int {
		switch {
		case v.id < id:
			return -1
		case v.id > id:
			return 1
		}
		return 0
	})
}

// stat completes attributes with the group's owner.
func (g *group) stat(st *p9.Stat) {
	if g.owner == nil {
		made, _ := g.node.Stat(context.Background())
		st.Nuid, st.Ngid = made.Nuid, made.Ngid
	} else {
		st.Uid, st.Nuid = g.owner.Name, g.owner.Uid
		st.Gid, st.Ngid = g.owner.Name, g.owner.Gid
		if g.owner.Gid != p9.NoUid {
			st.Gid = "" // the number says which
		}
	}
}

// A dir is a group as one attach has it.
type dir struct{ g *group }

// Inline marks that no method blocks.
func (d *dir) Inline() {}

// Clunk lets the attach go.
func (d *dir) Clunk() { d.g.fs.release(d.g) }

// Stat tells the directory's attributes; the qid's path is the group's number.
func (d *dir) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := d.g.node.Stat(ctx)
	st.Qid.Path, st.Qid.Vers = d.g.n, d.g.vers.Load()
	st.Mtime = time.Unix(0, d.g.mtime.Load())
	st.Ctime = st.Mtime
	d.g.stat(&st)
	return st, err
}

// Wstat accepts new times and does nothing.
func (d *dir) Wstat(ctx context.Context, w p9.Wstat) error {
	if w.Valid&p9.WLength != 0 {
		return p9.ErrIsDir
	}
	return d.g.node.Wstat(ctx, w)
}

// Walk finds a variable.
func (d *dir) Walk(_ context.Context, name string) (srv.File, error) {
	d.g.mu.RLock()
	defer d.g.mu.RUnlock()
	if v := d.g.vars[name]; v != nil {
		return v, nil
	}
	return nil, p9.ErrNotExist
}

// List gives the variables in the order in which they were made.
func (d *dir) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		var batch [64]p9.Dirent
		for {
			n := 0
			d.g.mu.RLock()
			i, found := d.g.at(cookie)
			if found {
				i++
			}
			for ; i < len(d.g.order) && n < len(batch); i++ {
				v := d.g.order[i]
				batch[n] = p9.Dirent{Qid: v.qid(), Cookie: v.id, Name: v.name}
				n++
			}
			d.g.mu.RUnlock()
			if n == 0 {
				return
			}
			for _, e := range batch[:n] {
				cookie = e.Cookie
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// Create makes a variable, or opens the one that is there.
func (d *dir) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	if perm.IsDir() {
		return nil, nil, p9.ErrPerm
	}
	g := d.g
	g.mu.Lock()
	defer g.mu.Unlock()
	v := g.vars[name]
	if v != nil {
		if mode&p9.OEXCL != 0 {
			return nil, nil, p9.ErrExist
		}
		st, _ := v.Stat(ctx)
		if u := srv.UserOf(ctx); u != nil && !u.Allowed(&st, 6) {
			return nil, nil, p9.ErrPerm
		}
	} else {
		var err error
		if v, err = g.add(name); err != nil {
			return nil, nil, err
		}
	}
	h, err := v.Open(ctx, mode)
	return v, h, err
}

// Unlink removes a variable.
func (d *dir) Unlink(_ context.Context, name string, isDir bool) error {
	d.g.mu.Lock()
	defer d.g.mu.Unlock()
	v := d.g.vars[name]
	switch {
	case v == nil:
		return p9.ErrNotExist
	case isDir:
		return p9.ErrNotDir
	}
	d.g.drop(v)
	return nil
}

// Rename gives a variable another name, in place of what has that.
func (d *dir) Rename(_ context.Context, old string, newdir srv.File, newname string) error {
	to, ok := newdir.(*dir)
	if !ok || to.g != d.g {
		return p9.ErrorOfErrno(syscall.EXDEV)
	}
	g := d.g
	g.mu.Lock()
	defer g.mu.Unlock()
	v := g.vars[old]
	if v == nil {
		return p9.ErrNotExist
	}
	if old == newname {
		return nil
	}
	if err := g.charge(int64(len(newname) - len(old))); err != nil {
		return err
	}
	if was := g.vars[newname]; was != nil {
		g.drop(was)
	}
	delete(g.vars, old)
	v.mu.Lock()
	v.name = newname
	v.mu.Unlock()
	g.vars[newname] = v
	g.changed()
	return nil
}
