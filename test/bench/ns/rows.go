package main

import (
	"fmt"
	"strings"
	"time"
)

// A goal is what a place's time may be at most: so many times native's, or its
// own base's in the rows that have such, or a time.
type goal struct {
	place string
	times float64
	limit time.Duration // if not 0
	floor string        // the place that does the least of it, if one does
}

// goals are those of the issue, by "work, config"; of a graft every workload's is
// graftGoal. Engine's of data are root's, to whom the kernel gives passthrough.
var goals = map[string][]goal{
	"stat, cached name":       {{place: "engine", times: 1.3}},
	"open+read+close, 4 KiB":  {{place: "engine", times: 10, floor: "floor"}},
	"read, 16 MiB":            {{place: "engine", times: 1.1}, {place: "rootless", times: 3, floor: "floor"}},
	"write, 16 MiB":           {{place: "engine", times: 1.1}, {place: "rootless", times: 3}},
	"read, engine's own file": {{place: "engine", limit: 15 * time.Microsecond}},
	"open+read+close, engine's own file": {
		{place: "engine", limit: 45 * time.Microsecond}},
	"rfork, name space":    {{place: "graft", limit: time.Millisecond}},
	"bind, through ctl":    {{place: "graft", limit: 50 * time.Microsecond, floor: "floor"}},
	"bind, 1,000 binds":    flat,
	"bind, 500 others":     flat,
	"rfork, 500 others":    flat,
	"stat, 1,000 binds":    flat,
	"stat, 500 others":     flat,
	"open..., 1,000 binds": flat,
	"open..., 500 others":  flat,
}

var graftGoal = goal{place: "graft", times: 1.1}

// flat is the goal where there is more of everything: within 25 %.
var flat = []goal{{place: "graft", times: 1.25}, {place: "engine", times: 1.25}}

// goalsOf gives a row's.
func goalsOf(r *row) []goal {
	list := goals[r.name()]
	if r.workload {
		list = append([]goal{graftGoal}, list...)
	}
	return list
}

// A row is one line of the table.
type row struct {
	work, config string
	do           string // the worker's name for it
	places       []string
	workload     bool // what any program does: native is compared with
	crowd        string
}

func (r *row) name() string { return r.work + ", " + r.config }

// base gives the place that a place's time is compared with, "" where it stands
// for itself.
func (r *row) base(place string) string {
	switch {
	case r.crowd != "":
		return strings.TrimSuffix(place, r.crowd)
	case r.workload || place == "native":
		return "native"
	}
	return ""
}

// place gives the one that stands in a column, "" if the row has none.
func (r *row) place(column string) string {
	for _, p := range r.places {
		if p == column+r.crowd {
			return p
		}
	}
	return ""
}

var (
	all    = []string{"native", "bind", "overlay", "graft", "engine", "rootless", "9p", "mergerfs"}
	spaces = []string{"graft", "engine"}
	change = []string{"native", "graft", "engine"}
)

// What there is much of: suffixes of the names of places.
const (
	manyBinds  = " 1,000 binds"
	manySpaces = " 500 others"
)

func crowded(suffix string) []string {
	return []string{"graft" + suffix, "graft", "engine" + suffix, "engine"}
}

// rows gives the table's lines; files is how many the tree has.
func rows(files int) []row {
	tree := fmt.Sprintf("%d,%03d files", files/1000, files%1000)
	list := []row{
		{work: "stat", config: "cached name", do: "stat"},
		{work: "open+read+close", config: "4 KiB", do: "open"},
		{work: "read", config: "16 MiB", do: "read"},
		{work: "read again", config: "16 MiB", do: "reread"},
		{work: "write", config: "16 MiB", do: "write"},
		{work: "create+unlink", config: "empty file", do: "create"},
		{work: "find", config: tree, do: "find"},
		{work: "tar", config: tree, do: "tar"},
		{work: "git status", config: "1,000 files", do: "git"},
		{work: "exec", config: "true", do: "exec"},
	}
	for i := range list {
		list[i].places, list[i].workload = all, true
		for _, g := range goals[list[i].name()] {
			if g.floor != "" {
				list[i].places = append(list[i].places[:len(all):len(all)], g.floor)
			}
		}
	}
	list = append(list,
		row{work: "read", config: "engine's own file", do: "own read", places: spaces},
		row{work: "open+read+close", config: "engine's own file", do: "own open", places: spaces},
		row{work: "rfork", config: "name space", do: "rfork", places: change},
		row{work: "rfork", config: "newns command", do: "newns", places: change},
		row{work: "bind", config: "through ctl", do: "bind", places: append(change[:len(change):len(change)], floorHow)},
		row{work: "bind", config: "bind command", do: "bind command", places: change},
	)
	for _, suffix := range []string{manyBinds, manySpaces} {
		for _, w := range []row{{work: "stat", do: "stat"}, {work: "open...", do: "open"}, {work: "bind", do: "bind"}, {work: "rfork", do: "rfork"}} {
			if w.work == "rfork" && suffix == manyBinds {
				continue // it copies them
			}
			w.config, w.crowd, w.places = strings.TrimSpace(suffix), suffix, crowded(suffix)
			list = append(list, w)
		}
	}
	return list
}
