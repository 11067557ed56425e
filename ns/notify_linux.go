package ns

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ninespace/ns/devfuse"
)

// What the engine tells the kernel without being asked.

// A toldName is a name that the kernel was told not long ago.
type toldName struct {
	dir  *node
	id   uint64
	name string
}

// changed has the kernel ask again for what a group's names mean that lead to a
// file on which something else is mounted now, or through it; for all where at is
// nil. Those in a directory that a request is on its way about are left for when that is answered:
// the kernel has the directory locked, and a server that does not answer must not stop a bind;
// they may mean what they did for as long as nameTimeout. Of the others the kernel knows when
// this returns, or asks by itself.
func (f *fuseFS) changed(g *Group, at *Chan) {
	if !f.exp {
		return
	}
	f.mu.RLock()
	dirs, names := f.stale(g, at)
	f.mu.RUnlock()
	f.expire(dirs, names, nameTimeout)
}

// forgotten has the kernel ask again for files of a device that others change, and for
// the names in them, and have no data of them any more. Names that lead to what is no directory are told for a moment only.
func (f *fuseFS) forgotten(dev uint64, paths []uint64, all bool) {
	slices.Sort(paths) // the server may say them again and again
	paths = slices.Compact(paths)
	var nodes, files []*node
	f.doubtAnswers()
	f.mu.RLock()
	if all {
		for _, n := range f.nodes {
			switch {
			case n.ch == nil:
			case n.dir:
				nodes = append(nodes, n)
			case n.ch.dev.id == dev:
				files = append(files, n)
			}
		}
	}
	groups := f.eng.all()
	for _, p := range paths {
		k := key{dev, p}
		if n := f.files[fileKey{key: k}]; n != nil {
			files = append(files, n)
		}
		for _, g := range groups {
			for _, at := range append(g.pg.shownAt(k), k) {
				for n := range f.dirs[dirKey{g, at}] {
					nodes = append(nodes, n)
				}
			}
		}
	}
	var ids []uint64
	var names []toldName
	for _, n := range nodes {
		if n.id != 0 {
			ids = append(ids, n.id)
			names = append(names, n.toldNames()...)
		}
	}
	f.mu.RUnlock()
	f.expire(ids, names, tellPatience)
	if f.conn != nil {
		f.dropAll(files)
	}
}

// all gives the groups.
func (e *Engine) all() []*Group {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.groups))
}

// shownAt gives the places on which a file is mounted.
func (pg *Pgrp) shownAt(k key) (at []key) {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	for from, h := range pg.heads {
		for _, m := range h.mount {
			if m.to.key() == k {
				at = append(at, from)
			}
		}
	}
	return at
}

// toldNames gives the names in a directory that the kernel may trust.
func (n *node) toldNames() (names []toldName) {
	if time.Since(n.turn) < 2*nameTimeout {
		for _, m := range n.names {
			for name := range m {
				names = append(names, toldName{n, n.id, name})
			}
		}
	}
	return names
}

// expire has the kernel ask again for attributes of files and for names, and waits for that as
// long as patience.
func (f *fuseFS) expire(ids []uint64, names []toldName, patience time.Duration) {
	if len(ids)+len(names) == 0 || f.conn == nil {
		return
	}
	wait(patience, func() {
		for _, id := range ids {
			f.expireAttr(id)
		}
		if !f.exp || len(names) == 0 {
			return
		}
		f.conn.ExpireNames(func(yield func(uint64, string) bool) {
			for _, n := range names {
				if n.dir.busy.Load() != 0 {
					f.owe(n.dir, n.name, time.Now().Add(nameBelieved))
				} else if !yield(n.id, n.name) {
					return
				}
			}
		})
	})
}

// owed are names that the kernel is to ask for again when nobody has their directory locked any
// more, and until when it believes them in any case.
type owed struct {
	any   atomic.Bool
	mu    sync.Mutex
	names map[*node]map[string]time.Time
}

func (f *fuseFS) owe(dir *node, name string, until time.Time) {
	o := &f.owed
	o.mu.Lock()
	if o.names == nil {
		o.names = map[*node]map[string]time.Time{}
	}
	if o.names[dir] == nil {
		o.names[dir] = map[string]time.Time{}
	}
	o.names[dir][name] = until
	o.any.Store(true)
	o.mu.Unlock()
	if dir.busy.Load() == 0 { // since just now
		f.pay(dir)
	}
}

// pay has it ask for those in a directory, or owes them still, without waiting for it.
func (f *fuseFS) pay(dir *node) {
	o := &f.owed
	if !o.any.Load() {
		return
	}
	o.mu.Lock()
	names := o.names[dir]
	delete(o.names, dir)
	o.any.Store(len(o.names) > 0)
	o.mu.Unlock()
	if len(names) == 0 {
		return
	}
	go f.conn.ExpireNames(func(yield func(uint64, string) bool) {
		for name, until := range names {
			switch {
			case time.Now().After(until):
			case dir.busy.Load() != 0:
				f.owe(dir, name, until)
			case !yield(dir.id, name):
				return
			}
		}
	})
}

// wait waits for the kernel to be told something. It gives what is closed when it has been, nil
// if that was in time.
func wait(patience time.Duration, do func()) (late <-chan struct{}) {
	if done := begin(do); !doneIn(done, patience) {
		return done
	}
	return nil
}

// begin has something be done, and gives what is closed when it is.
func begin(do func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	return done
}

// hidden has the kernel forget what nobody uses of the trees of servers that are mounted in
// a group no more: as long as it knows one of their files they are connected. A name goes
// with the kernel's mounts at it and beneath, so where there are any it stays, and where it goes
// late nothing is mounted before.
func (f *fuseFS) hidden(g *Group, devs []*Dev) {
	if f.conn == nil {
		return
	}
	is := func(n *node) bool { return n.ch != nil && slices.Contains(devs, n.ch.dev) }
	var dirs []toldName
	var files []uint64
	f.mu.RLock()
	for _, n := range f.nodes {
		switch {
		case !is(n):
		case !n.dir:
			files = append(files, n.id)
		case n.group == g && !is(n.parent) && n.parent.id != 0 && !n.parent.forgetting() && !g.mountedBy(n.path()):
			dirs = append(dirs, toldName{n.parent, n.parent.id, n.name})
		}
	}
	f.mu.RUnlock()
	late := wait(tellPatience, func() {
		for _, n := range dirs {
			if n.dir.busy.Load() == 0 {
				f.conn.DropName(n.id, n.name)
			}
		}
		f.conn.Prune(files)
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range dirs {
		n.dir.late = late
	}
}

// forgetting tells whether names in a directory are to be dropped still.
func (n *node) forgetting() bool {
	select {
	case <-n.late:
		return false
	default:
		return n.late != nil
	}
}

// forgetting gives the end of what is to be dropped at a file, or of what it is in.
func (f *fuseFS) forgetting(g *Group, at *Chan) <-chan struct{} {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for n := range f.dirs[dirKey{g, at.key()}] {
		for ; n != nil; n = n.parent {
			if n.forgetting() {
				return n.late
			}
		}
	}
	return nil
}

// stale gives the directories and names of which the kernel may know what is true
// no more. f.mu is locked.
func (f *fuseFS) stale(g *Group, at *Chan) (dirs []uint64, names []toldName) {
	var all func(n *node)
	all = func(n *node) {
		if n.id != 0 {
			dirs = append(dirs, n.id)
			names = append(names, n.toldNames()...)
		}
		for _, k := range n.kids {
			all(k)
		}
	}
	top := f.nodes[devfuse.RootId].kids[groupDir(g.id)]
	switch {
	case top == nil:
	case at == nil || !at.isDir(): // what names a file has is not kept
		all(top)
	default:
		// A directory is the file of its name itself, whatever is mounted on it, so
		// each name of the file that is mounted on is found here.
		for n := range f.dirs[dirKey{g, at.key()}] {
			if n.parent.id != devfuse.RootId && n.parent.id != 0 {
				names = append(names, toldName{n.parent, n.parent.id, n.name})
			}
			all(n)
		}
	}
	return dirs, names
}

// expireAttr has the kernel ask again for a file's attributes.
func (f *fuseFS) expireAttr(id uint64) { f.conn.ExpireAttr(id) }

// dropName has the kernel forget a name of the root, a group's that is gone, and
// all that is beneath.
func (f *fuseFS) dropName(name string) { f.conn.DropName(devfuse.RootId, name) }
