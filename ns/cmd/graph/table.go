package graph

import (
	"maps"
	"path"
	"slices"
	"strings"

	"ninespace/ns"
)

// A table is which members are at which place.
type table map[string][]member

// A member is what one bind or mount put there.
type member struct {
	from   string // a server, a device, a directory
	spec   string
	mount  bool
	create bool
}

// tableOf does what ops say, in their order.
func tableOf(ops []ns.Op) table {
	t := table{}
	for _, op := range ops {
		switch op.Verb {
		case "bind", "mount":
			m := member{op.New, op.Spec, op.Verb == "mount", op.Flag&ns.MCREATE != 0}
			was := t[op.Old]
			if op.Flag&(ns.MBEFORE|ns.MAFTER) != 0 && was == nil && !point(op.Old) {
				was = []member{{from: op.Old}} // the directory itself
			}
			switch {
			case op.Flag&ns.MBEFORE != 0:
				t[op.Old] = append([]member{m}, was...)
			case op.Flag&ns.MAFTER != 0:
				t[op.Old] = append(was, m)
			default:
				t[op.Old] = []member{m}
			}
		case "unmount":
			t[op.Old] = slices.DeleteFunc(t[op.Old], func(m member) bool { return op.New == "" || m.from == op.New })
			if len(t[op.Old]) == 0 {
				delete(t, op.Old)
			}
		case "clear":
			clear(t)
		}
	}
	return t
}

// point tells whether a place is a mount point that a mount has made: it has no files.
func point(place string) bool {
	dir := path.Dir(place)
	return dir == "/n" || dir == "/mnt" || strings.HasPrefix(place, "/n/")
}

// A line is one of the tree: a directory on the way, a place, or a node.
type line struct {
	depth   int
	name    string
	members []member
	node    []part // not nil: it is a node
}

// A part is what of a node is mounted.
type part struct {
	name    string
	members []member
}

// tree gives the places in order, with the directories that lead to them.
func (t table) tree() []line {
	nodes := t.nodes()
	lines := []line{{name: "/", members: t["/"]}}
	drawn := map[string]bool{"/": true}
	for _, place := range slices.Sorted(maps.Keys(t)) {
		if place == "/" || !strings.HasPrefix(place, "/") {
			continue
		}
		dir := ""
		elems := strings.Split(place[1:], "/")
		for i, elem := range elems {
			dir += "/" + elem
			if drawn[dir] {
				if nodes[dir] != nil {
					break
				}
				continue
			}
			drawn[dir] = true
			lines = append(lines, line{depth: i + 1, name: elem, members: t[dir], node: nodes[dir]})
			if nodes[dir] != nil {
				break
			}
		}
	}
	return lines
}

// nodes are the directories in /n in which several things are mounted.
func (t table) nodes() map[string][]part {
	all := map[string][]part{}
	for _, place := range slices.Sorted(maps.Keys(t)) {
		elems := strings.SplitN(place, "/", 4) // "", n, NODE, PART
		if len(elems) == 4 && elems[1] == "n" {
			dir := "/n/" + elems[2]
			all[dir] = append(all[dir], part{elems[3], t[place]})
		}
	}
	maps.DeleteFunc(all, func(_ string, parts []part) bool { return len(parts) < 2 })
	return all
}
