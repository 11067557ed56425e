package ns

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Text gives the lines of namespace(6) that build the table from a new group's,
// in the order in which its mounts were made.
//
// A name is printed as it was given where it still leads to what it led to then:
// where every mount that it led through is still there and so comes before it in
// the lines. Elsewhere it is the name in the device: #U/tmp. Files of servers
// have no such name; their server is mounted in /n for as long as the lines take.
// Of a group that may mount no more a comment says so.
func (pg *Pgrp) Text() string {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	t := &texter{here: map[uint64]*Mount{}, wholes: map[*Mount]bool{}, away: map[*Dev]string{}}
	var lines []line
	for _, h := range pg.heads {
		first := slices.MinFunc(h.mount, func(a, b *Mount) int { return cmp.Compare(a.id, b.id) })
		for _, m := range h.mount {
			t.here[m.id] = m
			if !m.base && !m.self {
				lines = append(lines, line{m, h.from, m.id == first.id || m.id == first.of})
			}
		}
	}
	slices.SortFunc(lines, func(a, b line) int { return cmp.Compare(a.id, b.id) })
	for n := -1; n < len(t.away); { // a pass that finds no further server is the last
		n, t.ops = len(t.away), nil
		for _, l := range lines {
			t.line(l)
		}
	}
	var b strings.Builder
	if pg.deny {
		b.WriteString("# may mount no more\n")
	}
	for _, op := range slices.Concat(t.begin, t.ops, t.end) {
		b.WriteString(op.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// A line is a member to be printed, where it is mounted, and whether what it
// joined is no longer there.
type line struct {
	*Mount
	from  *Chan
	first bool
}

type texter struct {
	here            map[uint64]*Mount
	wholes          map[*Mount]bool
	away            map[*Dev]string // servers that no name leads to, and where they are put
	begin, ops, end []Op
}

func (t *texter) line(l line) {
	if lead := t.here[l.of]; lead != nil && t.whole(lead) {
		return // it comes with that
	}
	op := Op{Verb: "bind", Flag: l.flag, New: l.name, Old: l.on.name}
	if l.first {
		op.Flag &^= order
	}
	_, away := t.away[l.to.dev]
	switch {
	case l.srv && l.of == 0 && !away:
		op.Verb, op.Spec, op.Auth = "mount", l.spec, l.auth
	case l.of != 0 || !t.whole(l.Mount) || away && (l.srv || l.name[0] == '#'):
		op.New = t.inDevice(l.to)
	}
	if !t.leads(l.on.via) {
		op.Old = t.inDevice(l.from)
	}
	t.ops = append(t.ops, op)
}

// whole tells whether the name that a member was bound by still gives it and all
// that came with it.
func (t *texter) whole(m *Mount) bool {
	is, known := t.wholes[m]
	if !known { // each that came with m asks
		is = t.leads(m.via) && t.leads(m.with)
		t.wholes[m] = is
	}
	return is
}

func (t *texter) leads(via []uint64) bool {
	for _, id := range via {
		if t.here[id] == nil {
			return false
		}
	}
	return true
}

// inDevice gives the name of a file to which no mount leads.
func (t *texter) inDevice(c *Chan) string {
	d := c.dev
	if d.bare {
		return strings.TrimSuffix(strings.TrimSuffix(d.name, "/")+c.rel, "/")
	}
	at, ok := t.away[d]
	if !ok {
		at = fmt.Sprintf("/n/.%d", len(t.away))
		t.away[d] = at
		op := Op{Verb: "mount", New: d.name, Old: "#" + at, Spec: d.spec, Auth: d.auth}
		if d.name[0] == '#' && d.name[1:2] != "s" && d.name[1:2] != "d" {
			op.Verb = "bind"
		}
		t.begin = append(t.begin, op)
		t.end = append(t.end, Op{Verb: "unmount", Old: "#" + at})
	}
	if c.rel == "/" {
		return at
	}
	return "#" + at + c.rel // with nothing that is mounted in it
}
