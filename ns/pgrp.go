package ns

import (
	"sync"
	"sync/atomic"

	"ninespace/srv/p9"
)

// Flag says how a bind or mount joins what is there already, bind(2).
type Flag uint8

// The order is MREPL, MBEFORE or MAFTER; MCREATE and MCACHE go with each.
const (
	MREPL   Flag = 0
	MBEFORE Flag = 1
	MAFTER  Flag = 2
	MCREATE Flag = 4
	MCACHE  Flag = 16

	order = MBEFORE | MAFTER
)

// String gives the flags as bind and mount take them: "-ac", "" for MREPL alone.
func (f Flag) String() string {
	s := ""
	for _, v := range []struct {
		bit Flag
		c   string
	}{{MAFTER, "a"}, {MBEFORE, "b"}, {MCREATE, "c"}, {MCACHE, "C"}} {
		if f&v.bit != 0 {
			s += v.c
		}
	}
	if s == "" {
		return ""
	}
	return "-" + s
}

// Errors of bind(2), in Plan 9's words.
var (
	ErrMount   = p9.NewError(22, "inconsistent mount")
	ErrUnmount = p9.NewError(22, "not mounted")
	ErrUnion   = p9.NewError(22, "not in union")
	ErrCreate  = p9.NewError(1, "mounted directory forbids creation")
	ErrNoMount = p9.NewError(1, "mount/attach disallowed") // after RFNOMNT
)

// A Mount is one member of what is mounted at a place.
type Mount struct {
	id   uint64 // grows with each; the order in which ns prints them
	to   *Chan
	name string // what new was called when it was bound, or the server's name
	spec string // aname of a mount
	srv  bool   // it is a mount, not a bind
	base bool   // it was there from the group's start and stays: ns leaves it out
	self bool   // the place itself, in which a union began: ns leaves it out too
	flag Flag
	of   uint64   // the member that it came with, when a union was bound
	with []uint64 // the members that came with it
	via  []uint64 // the members through which name led to what was bound
	on   spot     // where it was mounted
}

// A spot is a place's name and the members through which the name led there.
type spot struct {
	name string
	via  []uint64
}

// A Mhead is a place on which something is mounted: the file under it and the
// members, in the order in which they are tried. It is never changed: a new list
// is a new Mhead.
type Mhead struct {
	from  *Chan
	name  string // the place's name when it was first mounted on
	mount []*Mount
}

// A Pgrp is the mount table of a group.
type Pgrp struct {
	mu    sync.RWMutex
	heads map[key]*Mhead
	below map[string]int // places in heads that are the host's: how many are at a name or beneath it
	base  map[key]*Mhead // what a group starts with; it comes back when all is unmounted
	deny  bool           // mount no more and attach no device (RFNOMNT)
	gen   uint64         // counts changes
}

var lastMount atomic.Uint64

// NewPgrp makes an empty table.
func NewPgrp() *Pgrp {
	return &Pgrp{heads: map[key]*Mhead{}, below: map[string]int{}, base: map[key]*Mhead{}}
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

func holdAll(heads map[key]*Mhead) map[key]*Mhead {
	n := make(map[key]*Mhead, len(heads))
	for k, h := range heads {
		n[k] = h.hold()
	}
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
func (pg *Pgrp) clean() (undo, drop func()) {
	pg.mu.Lock()
	was := pg.setAll(holdAll(pg.base))
	pg.mu.Unlock()
	undo = func() {
		pg.mu.Lock()
		fresh := pg.setAll(was)
		pg.mu.Unlock()
		closeHeads(fresh)
	}
	return undo, func() { closeHeads(was) }
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

func closeHeads(heads map[key]*Mhead) {
	for _, h := range heads {
		h.close()
	}
}

func (h *Mhead) hold() *Mhead {
	h.from.hold()
	for _, m := range h.mount {
		m.to.hold()
	}
	return h
}

func (h *Mhead) close() {
	if h == nil {
		return
	}
	h.from.close()
	for _, m := range h.mount {
		m.to.close()
	}
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
	pg.below = map[string]int{}
	for _, h := range heads {
		pg.count(h, 1)
	}
	pg.gen++
	return was
}

// count keeps below.
func (pg *Pgrp) count(h *Mhead, n int) {
	if h == nil || !h.from.dev.host {
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
	for k := range pg.heads {
		if k.dev == d.id {
			return true
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

// brief tells whether requests about c, or what is mounted on it, are soon answered.
func (pg *Pgrp) brief(c *Chan) bool {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	h := pg.heads[c.key()]
	if h == nil {
		return c.brief()
	}
	for _, m := range h.mount {
		if !m.to.brief() {
			return false
		}
	}
	return true
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
