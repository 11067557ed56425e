package ns

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A Pgrp is the mount table of a group.
type Pgrp struct {
	mu    sync.RWMutex
	heads map[key]*Mhead
	below map[string]int // places in heads that are the host's: how many are at a name or beneath it
	total int            // members in heads
	devs  map[uint64]int // how many places in heads are files of a device, by its id
	base  map[key]*Mhead // what a group starts with; it comes back when all is unmounted
	deny  bool           // mount no more and attach no device (RFNOMNT)
	gen   uint64         // counts changes
}

var lastMount atomic.Uint64

// NewPgrp makes an empty table.
func NewPgrp() *Pgrp {
	return &Pgrp{heads: map[key]*Mhead{}, below: map[string]int{}, devs: map[uint64]int{}, base: map[key]*Mhead{}}
}

// Copy makes a table of its own with the same mounts (RFNAMEG) or, if clean,
// with those that a group starts with (RFCNAMEG). What is denied stays so.
func (pg *Pgrp) Copy(clean bool) *Pgrp {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	heads := pg.heads
	if clean {
		heads = pg.base
	}
	n := &Pgrp{base: holdAll(pg.base), deny: pg.deny}
	n.setAll(holdAll(heads))
	return n
}

// Deny has the group mount no more, nor attach to devices by name (RFNOMNT).
func (pg *Pgrp) Deny() {
	pg.mu.Lock()
	pg.deny = true
	pg.mu.Unlock()
}

func (pg *Pgrp) denied() bool {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	return pg.deny
}

// setBase makes what is mounted what the group starts with.
func (pg *Pgrp) setBase() {
	pg.mu.Lock()
	defer pg.mu.Unlock()
	for _, h := range pg.heads {
		for _, m := range h.mount {
			m.base = true
		}
	}
	pg.base = holdAll(pg.heads)
}

// clean goes back to what the group started with. undo puts back what was there;
// drop, which is called instead, lets it go.
func (pg *Pgrp) clean() (was map[key]*Mhead, undo, drop func()) {
	pg.mu.Lock()
	was = pg.setAll(holdAll(pg.base))
	pg.mu.Unlock()
	undo = func() {
		pg.mu.Lock()
		fresh := pg.setAll(was)
		pg.mu.Unlock()
		closeHeads(fresh)
	}
	return was, undo, func() { closeHeads(was) }
}

// Close lets go of every Chan of the table.
func (pg *Pgrp) Close() {
	pg.mu.Lock()
	heads, base := pg.setAll(map[key]*Mhead{}), pg.base
	pg.base = map[key]*Mhead{}
	pg.mu.Unlock()
	closeHeads(heads)
	closeHeads(base)
}

// set puts a list on a place, nil takes it away. It gives the Mhead that was
// there, whose Chans the caller closes, or puts back with restore.
func (pg *Pgrp) set(k key, h *Mhead) *Mhead {
	old := pg.heads[k]
	if h == nil {
		delete(pg.heads, k)
	} else {
		pg.heads[k] = h
	}
	pg.count(old, -1)
	pg.count(h, 1)
	pg.gen++
	return old
}

// setAll puts a whole table in place of what was there, which it gives.
func (pg *Pgrp) setAll(heads map[key]*Mhead) (was map[key]*Mhead) {
	was, pg.heads = pg.heads, heads
	pg.below, pg.devs, pg.total = map[string]int{}, map[uint64]int{}, 0
	for _, h := range heads {
		pg.count(h, 1)
	}
	pg.gen++
	return was
}

// count keeps below, total and devs.
func (pg *Pgrp) count(h *Mhead, n int) {
	if h == nil {
		return
	}
	pg.total += n * len(h.mount)
	id := h.from.dev.id
	if pg.devs[id] += n; pg.devs[id] == 0 {
		delete(pg.devs, id)
	}
	if !h.from.dev.host {
		return
	}
	ancestors(h.from.rel, func(dir string) bool {
		if pg.below[dir] += n; pg.below[dir] == 0 {
			delete(pg.below, dir)
		}
		return true
	})
}

// restore undoes a set.
func (pg *Pgrp) restore(k key, old *Mhead) {
	pg.mu.Lock()
	h := pg.set(k, old)
	pg.mu.Unlock()
	h.close()
}

// loses tells whether something that stood for a file does so no more, since was was mounted there.
func (pg *Pgrp) loses(k key, was *Mhead) bool {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	h := pg.heads[k]
	switch {
	case h == nil:
		return true
	case was == nil:
		return !slices.ContainsFunc(h.mount, func(m *Mount) bool { return m.self })
	}
	rest := h.mount // those that stay are in the order that they were in
	for _, m := range was.mount {
		i := slices.IndexFunc(rest, func(n *Mount) bool { return n.id == m.id })
		if i < 0 {
			return true
		}
		rest = rest[i+1:]
	}
	return false
}

// mounted tells whether something is mounted on a file.
func (pg *Pgrp) mounted(c *Chan) bool {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	return pg.heads[c.key()] != nil
}

// on tells whether something is mounted on any file of a device.
func (pg *Pgrp) on(d *Dev) bool {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	return pg.devs[d.id] > 0
}

// shows tells whether a file of a device is mounted anywhere.
func (pg *Pgrp) shows(d *Dev) bool {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	for _, h := range pg.heads {
		for _, m := range h.mount {
			if m.to.dev == d {
				return true
			}
		}
	}
	return false
}

// find gives what is mounted on a file, held, or nil.
func (pg *Pgrp) find(c *Chan) *Mhead {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	if h := pg.heads[c.key()]; h != nil {
		return h.hold()
	}
	return nil
}

// members gives, held, the files that stand for c, in order: what is mounted on
// it, or itself.
func (pg *Pgrp) members(c *Chan) []*Chan {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	h := pg.heads[c.key()]
	if h == nil {
		return []*Chan{c.hold()}
	}
	cs := make([]*Chan, len(h.mount))
	for i, m := range h.mount {
		cs[i] = m.to.hold()
	}
	return cs
}

// each calls do with c, or with what is mounted on it.
func (pg *Pgrp) each(c *Chan, do func(*Chan)) {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	h := pg.heads[c.key()]
	if h == nil {
		do(c)
		return
	}
	for _, m := range h.mount {
		do(m.to)
	}
}

// top gives, held, the first file that stands for c.
func (pg *Pgrp) top(c *Chan) *Chan {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	if h := pg.heads[c.key()]; h != nil {
		return h.mount[0].to.hold()
	}
	return c.hold()
}

// creator gives, held, the directory in which names are created for c: in a union
// the first member that was bound with MCREATE. What is bound alone takes them
// with or without it; Plan 9's kernel refuses without, but the kernel's own bind
// mounts, which must not differ, can't.
func (pg *Pgrp) creator(c *Chan) (*Chan, error) {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	h := pg.heads[c.key()]
	if h == nil {
		return c.hold(), nil
	}
	if len(h.mount) == 1 {
		return h.mount[0].to.hold(), nil
	}
	for _, m := range h.mount {
		if m.flag&MCREATE != 0 {
			return m.to.hold(), nil
		}
	}
	return nil, ErrCreate
}
