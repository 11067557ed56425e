package ns

import "ninespace/srv/p9"

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
	auth Auth   // of a mount
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

func holdAll(heads map[key]*Mhead) map[key]*Mhead {
	n := make(map[key]*Mhead, len(heads))
	for k, h := range heads {
		n[k] = h.hold()
	}
	return n
}

// hidden gives the servers of members that a table has no more.
func (h *Mhead) hidden(pg *Pgrp) (devs []*Dev) {
	if h == nil {
		return nil
	}
	for _, m := range h.mount {
		if d := m.to.dev; d.hangup != nil && !pg.shows(d) {
			devs = append(devs, d)
		}
	}
	return devs
}
