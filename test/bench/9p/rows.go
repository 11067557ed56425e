package main

import (
	"fmt"
	"slices"
	"strings"
)

// A goal is a ratio to a peer that must be reached. The peer limit stands for a
// number that the value itself may not exceed.
type goal struct {
	peer  string
	ratio float64
}

const limit = "limit"

// goals are those of the engine's issue, by "work, config". Those to null are on one CPU, as
// on more the same build gives half or twice the ratio in the next run: see pin_linux.go.
var goals = map[string][]goal{
	"read 4 KiB, depth 1":                          {{"diod", 1.4}},
	"read 4 KiB, depth 1, one CPU":                 {{"null", .85}, {"diod", 1.4}},
	"read 4 KiB, depth 32":                         {{"diod", 4}},
	"read 4 KiB, depth 32, one CPU":                {{"null", .55}, {"diod", 4}},
	"read 128 KiB, depth 16, one CPU":              {{"null", .70}},
	"walk+getattr+clunk, depth 1":                  {{"diod", 1.3}},
	"walk+getattr+clunk, depth 1, one CPU":         {{"null", .75}, {"diod", 1.3}},
	"walk+getattr+clunk, depth 32":                 {{"diod", 8}},
	"walk+getattr+clunk, depth 32, one CPU":        {{"null", .35}, {"diod", 8}},
	"create+write+clunk+remove, depth 1":           {{"diod", 1.4}},
	"create+write+clunk+remove, depth 1, one CPU":  {{"null", .80}, {"diod", 1.4}},
	"create+write+clunk+remove, depth 16":          {{"diod", 3}},
	"create+write+clunk+remove, depth 16, one CPU": {{"null", .45}, {"diod", 3}},
	"readdir, 10,000 entries":                      {{"diod", 1.1}},

	"blocking read 4 KiB, depth 32":          {{"hugelgupf", 2.5}},
	"blocking read 4 KiB, depth 32, one CPU": {{"hugelgupf", 2.5}},

	"memory, idle, of 1,000":      {{limit, 16}},
	"memory, idle, of 10,000":     {{limit, 16}},
	"goroutines, idle, of 1,000":  {{limit, 1}},
	"goroutines, idle, of 10,000": {{limit, 1}},

	"allocations, read 4 KiB": {{limit, 0}},
	"allocations, stat cycle": {{limit, 2}},

	"read 4 KiB, 100 connections":   flat,
	"read 4 KiB, 1,000 connections": flat,
	"walk+getattr+clunk, 1e6 fids":  flat,
	"walk+getattr+clunk, 1e6 names": flat,
	"create+write+..., 1e6 names":   flat,
	"readdir, 1e6 entries":          flat,
}

// oneCPU ends the config of a row that is another's on one CPU.
const oneCPU = ", one CPU"

// A row is one line of the table.
type row struct {
	work, config string
	unit         string
	amount       bool // what is held or used: less is better, and what peers take is shown as it is
	slow         bool // not with -q
	own          bool // speed is by the time that the server itself runs
	peers        []string
	floor        string // see floorBase
	run          measure
}

func (r *row) name() string { return r.work + ", " + r.config }

func (r *row) hasGoal() bool { return len(goals[r.name()]) > 0 }

// A measure gives the results of a row's peers.
type measure func(b *bench, r *row) map[string]*result

var (
	all       = []string{"ours", "null", "hugelgupf", "go9p", "diod"}
	withSys   = []string{"ours", "null", "sys", "hugelgupf", "go9p", "diod"} // what bare does
	ofGo      = []string{"ours", "null", "hugelgupf", "go9p"}
	inMemory  = []string{"ours-memory", "null", "hugelgupf-memory"}
	withBase  = []string{"ours", base, "null"}
	overNull  = []string{"ours", base, "null", "null base"}
	overLocal = []string{"ours", base, "local", "local base"}
)

// beside has the rows of one connection compare with another build of ours, too.
func beside(peers []string) []string {
	if *oldBuild == "" {
		return peers
	}
	old := strings.Replace(peers[0], "ours", "old", 1)
	return slices.Insert(slices.Clone(peers), 1, old)
}

// rows gives the table's lines, those with a goal first.
func rows() (list []row) {
	for _, write := range []bool{false, true} {
		work := "read"
		if write {
			work = "write"
		}
		for _, size := range []int{4, 60, 128, 1024} {
			for _, depth := range []int{1, 16, 32} {
				name := fmt.Sprintf("%s %d KiB", work, size)
				if size == 1024 {
					name = work + " 1 MiB"
				}
				r := row{work: name, config: fmt.Sprintf("depth %d", depth), unit: "/s", peers: beside(all),
					run: timed(depth, transfer(size<<10, write))}
				if size == 4 {
					r.peers, r.floor = beside(withSys), "sys"
				}
				list = append(list, r)
			}
		}
	}
	const stat, create = "walk+getattr+clunk", "create+write+clunk+remove"
	file := statCycle("", "file")
	list = append(list,
		row{work: stat, floor: "sys", config: "depth 1", unit: "/s", peers: beside(withSys), run: timed(1, file)},
		row{work: stat, floor: "sys", config: "depth 32", unit: "/s", peers: beside(withSys), run: timed(32, file)},
		row{work: create, floor: "sys", config: "depth 1", unit: "/s", peers: beside(withSys), run: timed(1, createCycle("made"))},
		row{work: create, floor: "sys", config: "depth 16", unit: "/s", peers: beside(withSys), run: timed(16, createCycle("made"))},
		row{work: "readdir", config: "10,000 entries", unit: " ents/s", peers: all, run: listing(many, manySize)},
		row{work: "blocking read 4 KiB", config: "depth 32", unit: "/s", peers: beside(inMemory), run: timed(32, transfer(4<<10, false))},
	)
	for _, n := range []int{1000, 10000} {
		config := fmt.Sprintf("idle, of %d,000", n/1000)
		list = append(list,
			row{work: "memory", config: config, unit: " KiB", amount: true, peers: all, run: memoryOf(n)},
			row{work: "goroutines", config: config, amount: true, peers: ofGo, run: goroutinesOf(n)})
	}
	list = append(list,
		row{work: "allocations", config: "read 4 KiB", amount: true, peers: ofGo, run: allocations(32, transfer(4<<10, false))},
		row{work: "allocations", config: "stat cycle", amount: true, peers: ofGo, run: allocations(32, file)},
		row{work: "allocations", config: "create cycle", amount: true, peers: ofGo, run: allocations(16, createCycle("made"))},
		row{work: "read 4 KiB", config: "100 connections", unit: "/s", own: true, peers: overNull, floor: "null", run: pinned(overConnections(100))},
		row{work: "read 4 KiB", config: "1,000 connections", unit: "/s", own: true, peers: overNull, floor: "null", run: pinned(overConnections(1000))},
		row{work: stat, config: "1e6 fids", unit: "/s", own: true, peers: withBase, run: pinned(withFids(1e6, 32))},
		row{work: stat, config: "1e6 names", unit: "/s", own: true, slow: true, peers: withBase, run: pinned(inMillion(timedOf(32, statAmong)))},
		row{work: "create+write+...", config: "1e6 names", unit: "/s", own: true, slow: true, peers: withBase,
			run: pinned(inMillion(timedOf(16, func(name string) cycler { return createCycle(crowded(name)) })))},
		row{work: "readdir", config: "1e6 entries", unit: " ents/s", slow: true, peers: overLocal, floor: "local",
			run: inMillion(listing(million, millionSize))},
	)
	list = withOneCPU(list)
	slices.SortStableFunc(list, func(a, b row) int { // what is left out for want of time has no goal
		return min(len(goals[b.name()]), 1) - min(len(goals[a.name()]), 1)
	})
	return list
}

// withOneCPU has each row that has a goal there followed by the same on one CPU.
func withOneCPU(list []row) (both []row) {
	for _, r := range list {
		both = append(both, r)
		r.config += oneCPU
		if r.run = pinned(r.run); r.hasGoal() {
			both = append(both, r)
		}
	}
	return both
}
