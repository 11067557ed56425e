package ns

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"strings"
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
)

// A Mount is one member of what is mounted at a place.
type Mount struct {
	id   uint64 // grows with each; the order in which ns prints them
	to   *Chan
	name string // what new was called when it was bound, or the server's name
	spec string // aname of a mount
	srv  bool   // it is a mount, not a bind
	base bool   // it was there from the group's start: ns leaves it out
	flag Flag
	of   uint64 // the member that it came with, when a union was bound
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
	below map[string]int // places that are the host's: how many are at a name or beneath it
	gen   uint64         // counts changes
}

var lastMount atomic.Uint64

// NewPgrp makes an empty table.
func NewPgrp() *Pgrp { return &Pgrp{heads: map[key]*Mhead{}, below: map[string]int{}} }

// Copy makes a table of its own with the same mounts (RFNAMEG).
func (pg *Pgrp) Copy() *Pgrp {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	n := NewPgrp()
	for k, h := range pg.heads {
		n.heads[k] = h.hold()
	}
	maps.Copy(n.below, pg.below)
	return n
}

// Close lets go of every Chan of the table.
func (pg *Pgrp) Close() {
	pg.mu.Lock()
	heads := pg.heads
	pg.heads, pg.below = map[key]*Mhead{}, map[string]int{}
	pg.gen++
	pg.mu.Unlock()
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

// has tells whether the member of a number is there.
func (h *Mhead) has(id uint64) bool {
	return slices.ContainsFunc(h.mount, func(m *Mount) bool { return m.id == id })
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

// mountOn adds new (a Chan whose name was looked up with what is mounted on it:
// umh, or nil) to what is mounted on old, as bind(2) has it. It holds what it
// keeps. The Mhead that it replaced comes back with the place's key; its Chans
// are the caller's to close.
func (pg *Pgrp) mountOn(nm Mount, umh *Mhead, old *Chan, oldName string) (key, *Mhead, error) {
	ord := nm.flag & order
	switch {
	case nm.to.isDir() != old.isDir(), ord == order:
		return key{}, nil, ErrMount
	case ord != MREPL && !old.isDir():
		return key{}, nil, ErrMount
	case nm.flag&MCREATE != 0 && umh != nil && len(umh.mount) > 1:
		// It would not be clear which member creates.
		return key{}, nil, ErrMount
	}
	pg.mu.Lock()
	defer pg.mu.Unlock()
	k := old.key()
	h := &Mhead{from: old, name: oldName}
	if was := pg.heads[k]; was != nil {
		h = &Mhead{from: was.from, name: was.name, mount: was.mount}
	} else if ord != MREPL {
		self := Mount{to: old, name: oldName}
		h.mount = []*Mount{self.link(0)}
	}
	add := []*Mount{nm.link(nm.flag)}
	if umh != nil {
		flag := ord
		if ord == MREPL {
			flag = MAFTER
		}
		for _, m := range umh.mount[1:] {
			c := m.link(flag)
			c.of = add[0].id
			add = append(add, c)
		}
	}
	switch ord {
	case MREPL:
		h.mount = add
	case MBEFORE:
		h.mount = append(add, h.mount...)
	case MAFTER:
		h.mount = append(append([]*Mount(nil), h.mount...), add...)
	}
	return k, pg.set(k, h.hold()), nil
}

// link makes a member like m with a number of its own.
func (m Mount) link(flag Flag) *Mount {
	m.id, m.flag, m.base, m.of = lastMount.Add(1), flag, false, 0
	return &m
}

// unmount takes the members that is picks away from what is mounted on old, all
// where is is nil.
func (pg *Pgrp) unmount(is func(*Mount) bool, old *Chan) (key, *Mhead, error) {
	pg.mu.Lock()
	defer pg.mu.Unlock()
	k := old.key()
	was := pg.heads[k]
	if was == nil {
		return k, nil, ErrUnmount
	}
	h := &Mhead{from: was.from, name: was.name}
	if is != nil {
		hit := false
		for _, m := range was.mount {
			if !hit && is(m) {
				hit = true
			} else {
				h.mount = append(h.mount, m)
			}
		}
		if !hit {
			return k, nil, ErrUnion
		}
	}
	if len(h.mount) == 0 {
		return k, pg.set(k, nil), nil
	}
	return k, pg.set(k, h.hold()), nil
}

// Text gives the lines of namespace(6) that build the table from a new group's,
// in the order in which its mounts were made.
func (pg *Pgrp) Text() string {
	type line struct {
		Mount
		on string
	}
	var lines []line
	pg.mu.RLock()
	for _, h := range pg.heads {
		first := slices.MinFunc(h.mount, func(a, b *Mount) int { return cmp.Compare(a.id, b.id) })
		for _, m := range h.mount {
			m := *m
			if m.id == first.id { // what it joined is no longer a member
				m.flag &^= order
			}
			if !m.base && (m.of == 0 || !h.has(m.of)) {
				lines = append(lines, line{m, h.name})
			}
		}
	}
	pg.mu.RUnlock()
	sort.Slice(lines, func(i, j int) bool { return lines[i].id < lines[j].id })
	var b strings.Builder
	for _, l := range lines {
		op := Op{Verb: "bind", Flag: l.flag, New: l.name, Old: l.on}
		if l.srv {
			op.Verb, op.Spec = "mount", l.spec
		}
		b.WriteString(op.String())
		b.WriteByte('\n')
	}
	return b.String()
}
