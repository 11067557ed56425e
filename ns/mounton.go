package ns

import (
	"slices"
	"syscall"

	"ninespace/srv/p9"
)

// mostMounts is how many members all that is mounted in a name space may have, as Linux's own mounts
// (fs.mount-max): a union that is bound on itself has twice as many each time.
const mostMounts = 100_000

// mountOn adds nm (a Chan whose name was looked up with what is mounted on it:
// umh, or nil) to what is mounted on old, as bind(2) has it. It holds what it
// keeps. The Mhead that it replaced comes back with the place's key; its Chans
// are the caller's to close.
func (pg *Pgrp) mountOn(nm Mount, umh *Mhead, old *Chan) (key, *Mhead, error) {
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
	added := 1
	if umh != nil {
		added = len(umh.mount)
	}
	if pg.total+added > mostMounts {
		return key{}, nil, p9.NewError(syscall.ENOSPC, "too many mounts")
	}
	k := old.key()
	h := &Mhead{from: old, name: nm.on.name}
	if was := pg.heads[k]; was != nil {
		h = &Mhead{from: was.from, name: was.name, mount: was.mount}
	} else if ord != MREPL {
		h.mount = []*Mount{{id: lastMount.Add(1), self: true, to: old, name: nm.on.name, on: nm.on}}
	}
	add := nm.members(umh, ord)
	switch ord {
	case MREPL:
		h.mount = add
	case MBEFORE:
		h.mount = append(add, h.mount...)
	case MAFTER:
		h.mount = append(slices.Clip(h.mount), add...)
	}
	return k, pg.set(k, h.hold()), nil
}

// members gives the members that binding nm adds: itself and, where it is a union,
// the other members of that. Those that are put before what is there are numbered
// backwards: made one by one in that order, they give the same list.
func (nm Mount) members(umh *Mhead, ord Flag) []*Mount {
	add := []*Mount{&nm}
	rest := ord
	if ord == MREPL {
		rest = MAFTER
	}
	if umh != nil {
		for _, m := range umh.mount[1:] {
			add = append(add, &Mount{to: m.to, name: m.name, spec: m.spec, auth: m.auth, srv: m.srv, flag: rest, on: nm.on})
		}
	}
	for i := range add {
		if ord == MBEFORE {
			i = len(add) - 1 - i
		}
		add[i].id = lastMount.Add(1)
	}
	for _, m := range add[1:] {
		m.of = nm.id
		nm.with = append(nm.with, m.id)
	}
	return add
}

// unmount takes the member that is picks away from what is mounted on old, all
// where is is nil. What a group starts with stays.
func (pg *Pgrp) unmount(is func(*Mount) bool, old *Chan) (key, *Mhead, error) {
	pg.mu.Lock()
	defer pg.mu.Unlock()
	k := old.key()
	was := pg.heads[k]
	if was == nil || !slices.ContainsFunc(was.mount, func(m *Mount) bool { return !m.base }) {
		return k, nil, ErrUnmount
	}
	h := &Mhead{from: was.from, name: was.name}
	if is != nil {
		i := slices.IndexFunc(was.mount, func(m *Mount) bool { return !m.base && is(m) })
		if i < 0 {
			return k, nil, ErrUnion
		}
		h.mount = slices.Delete(slices.Clone(was.mount), i, i+1)
	}
	if len(h.mount) == 0 || len(h.mount) == 1 && h.mount[0].self {
		if h = pg.base[k]; h == nil {
			return k, pg.set(k, nil), nil
		}
	}
	return k, pg.set(k, h.hold()), nil
}
