package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// columns are the peers of the table, in its order.
var columns = []string{"old", "null", "sys", "hugelgupf", "go9p", "diod"}

// timedColumns are those of them whose own time is compared with ours.
var timedColumns = []string{"old", "null", "sys"}

// shown leaves out old where there is none.
func shown(columns []string) []string {
	if *oldBuild == "" {
		return columns[1:]
	}
	return columns
}

const legend = `Columns of peers: ours to theirs, the median of the pairs of rounds that followed each other,
higher is better for us; =x is what a peer itself takes. sys is null with the system calls that
a server of files can't do without. "x time": the same by the time that the servers' processes ran.
± is how far apart the middle half of our rounds is, to their median.
Goals: a ratio to reach, to a peer or to base (ours where there is little of it), or a limit. One
missed is BELOW, or FLOOR where what no engine can change is below it, too: that is in brackets,
sys to null, null to its own base, or the kernel's without a server.
"one CPU": client and servers have the same one. On two, chance has it whether a turn wakes a CPU that
sleeps, at depth 1, and how many messages go in a batch, at more: the next run of the same build may
give half or twice the ratio to null, so no goal to null is set there. Those to diod and hugelgupf
are set on both. Goals to base are measured on one, and by the time that the servers ran, of which one
that only waits takes none: what the clock says stands beside it. 1e6 entries are by the clock alone.
1 MiB is msize less 24 bytes; a peer of a smaller msize sends several messages for it.

`

// reporter prints rows as they are done: lines of a table, or objects.
func reporter(w io.Writer, asJSON bool) func(*row, map[string]*result) {
	if asJSON {
		enc := json.NewEncoder(w)
		return func(r *row, results map[string]*result) {
			for _, o := range objects(r, results) {
				enc.Encode(o)
			}
		}
	}
	head := false
	return func(r *row, results map[string]*result) {
		if !head {
			head = true
			fmt.Fprintf(w, "%s%-26s %-18s %14s %5s", legend, "work", "config", "ours", "±")
			for _, c := range shown(columns) {
				fmt.Fprintf(w, " %9s", c)
			}
			for _, c := range shown(timedColumns) {
				fmt.Fprintf(w, " %9s", c+" time")
			}
			fmt.Fprintln(w, "  goals")
		}
		line(w, r, results)
	}
}

// of finds a peer's result: a server of one file in memory stands under the
// name of its maker.
func of(results map[string]*result, peer string) *result {
	if r := results[peer]; r != nil {
		return r
	}
	return results[peer+"-memory"]
}

// ratio is how many times better than the peer we are.
func ratio(r *row, ours, peer *result) (float64, bool) {
	if peer == nil || ours.err != nil || peer.err != nil {
		return 0, false
	}
	with := ours.values
	if len(peer.beside.values) > 0 {
		with = peer.beside.values
	}
	if r.amount {
		return peer.values.Over(with)
	}
	return with.Over(peer.values)
}

// times is ratio by the time that the servers ran.
func times(ours, peer *result) (float64, bool) {
	if peer == nil || ours.err != nil || peer.err != nil || slices.Contains(peer.cpu, 0) {
		return 0, false
	}
	return peer.beside.cpu.Over(peer.cpu)
}

// clocks is ratio by the clock, where that is by the time that the servers ran.
func clocks(ours, peer *result) (float64, bool) {
	if peer == nil || ours.err != nil || peer.err != nil {
		return 0, false
	}
	return peer.beside.clock.Over(peer.clock)
}

// floor is what becomes of the row's floor where there is more: each of its rounds is
// compared by way of ours that was next to it.
func floor(r *row, results map[string]*result) (float64, bool) {
	top, bottom := results[r.floor], results[r.floorBase()]
	if r.floor == "" || top == nil || bottom == nil || top.err != nil || bottom.err != nil {
		return 0, false
	}
	return top.values.Each(top.beside.values).Over(bottom.values.Each(bottom.beside.values))
}

func line(w io.Writer, r *row, results map[string]*result) {
	ours := of(results, "ours")
	own, spread := "n/a", ""
	if ours.err == nil {
		own, spread = figure(ours.values.Median())+r.unit, fmt.Sprintf("%.0f%%", 100*ours.values.Middle())
	}
	fmt.Fprintf(w, "%-26s %-18s %14s %5s", r.work, r.config, own, spread)
	for _, c := range shown(columns) {
		peer := of(results, c)
		cell := "n/a"
		if peer == nil {
			cell = "-"
		} else if r.amount && peer.err == nil {
			cell = "=" + figure(peer.values.Median())
		} else if x, ok := ratio(r, ours, peer); ok {
			cell = fmt.Sprintf("%.2f", x)
		}
		fmt.Fprintf(w, " %9s", cell)
	}
	for _, c := range shown(timedColumns) {
		cell := "-"
		if x, ok := times(ours, of(results, c)); ok {
			cell = fmt.Sprintf("%.2f", x)
		}
		fmt.Fprintf(w, " %9s", cell)
	}
	for _, g := range goals[r.name()] {
		fmt.Fprintf(w, "  %s %.2g %s", g.peer, g.ratio, verdict(r, results, g))
	}
	if x, ok := floor(r, results); ok {
		fmt.Fprintf(w, "  (%s to %s: %.2f)", r.floor, r.floorBase(), x)
	}
	for _, c := range append([]string{"ours", base}, columns...) {
		if res := of(results, c); res != nil && res.err != nil {
			fmt.Fprintf(w, "  (%s: %s)", c, strings.ReplaceAll(res.err.Error(), "\n", " "))
		} else if res != nil && res.note != "" {
			fmt.Fprintf(w, "  (%s: %s)", c, res.note)
		}
	}
	fmt.Fprintln(w)
}

func figure(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// reached compares with a goal. A limit is met by a value that is not above it
// in the two places that are shown; its ratio is the limit to the value.
func reached(r *row, results map[string]*result, g goal) (x float64, ok, known bool) {
	ours := of(results, "ours")
	if g.peer != limit {
		x, known = ratio(r, ours, of(results, g.peer))
		return x, x >= g.ratio, known
	}
	v := math.Round(100*ours.values.Median()) / 100
	switch ok = v <= g.ratio; {
	case v > 0:
		x = g.ratio / v
	case ok:
		x = 1
	}
	return x, ok, ours.err == nil && len(ours.values) > 0
}

// floored reports whether the row's floor is below the goal too, which then nobody reaches.
func (g goal) floored(r *row, results map[string]*result) bool {
	x, ok := floor(r, results)
	return ok && x < g.ratio && (g.peer == base || g.peer == r.floorBase())
}

func verdict(r *row, results map[string]*result, g goal) string {
	x, ok, known := reached(r, results, g)
	word := "BELOW"
	switch {
	case !known:
		return "n/a"
	case ok:
		word = "ok"
	case g.floored(r, results):
		word = "FLOOR"
	}
	if g.peer == base {
		word += fmt.Sprintf(" (%.2f", x)
		if x, ok := clocks(of(results, "ours"), results[base]); ok {
			word += fmt.Sprintf(", by the clock %.2f", x)
		}
		word += ")"
	}
	return word
}

// An object is one row against one peer, or against base, or its limit.
type object struct {
	Work   string   `json:"work"`
	Config string   `json:"config"`
	Peer   string   `json:"peer"`
	Ratio  *float64 `json:"ratio"`           // higher is better for us; of a limit, the limit to the value; null: note says why
	Times  *float64 `json:"times,omitempty"` // ratio by the time that the servers ran
	Clock  *float64 `json:"clock,omitempty"` // ratio by the clock, where Ratio is not
	Goal   *float64 `json:"goal"`            // what ratio should reach, 1 for a limit; null: none is set
	Ours   float64  `json:"ours"`
	Theirs float64  `json:"theirs"` // or the limit
	Unit   string   `json:"unit"`
	Spread float64  `json:"spread"` // of ours: the middle half, to the median
	Note   string   `json:"note,omitempty"`
}

func objects(r *row, results map[string]*result) (list []object) {
	ours := of(results, "ours")
	with := func(peer string) object {
		o := object{Work: r.work, Config: r.config, Peer: peer, Ours: ours.values.Median(), Unit: strings.TrimSpace(r.unit), Spread: ours.values.Middle()}
		if ours.err != nil {
			o.Note = "ours: " + ours.err.Error()
		}
		return o
	}
	for _, c := range append([]string{base}, columns...) {
		peer := of(results, c)
		if peer == nil {
			continue
		}
		o := with(c)
		if o.Theirs = peer.values.Median(); peer.err != nil {
			o.Note = peer.err.Error()
		} else if peer.note != "" {
			o.Note = peer.note
		}
		if x, ok := ratio(r, ours, peer); ok {
			o.Ratio = &x
		}
		if x, ok := times(ours, peer); ok {
			o.Times = &x
		}
		if x, ok := clocks(ours, peer); ok {
			o.Clock = &x
		}
		if x, ok := floor(r, results); ok && (c == base || c == r.floor) && o.Note == "" {
			o.Note = fmt.Sprintf("%s to %s: %.2f", r.floor, r.floorBase(), x)
		}
		for _, g := range goals[r.name()] {
			if g.peer == c {
				o.Goal = &g.ratio
			}
		}
		list = append(list, o)
	}
	for _, g := range goals[r.name()] {
		if g.peer == limit {
			o, one := with(limit), 1.0
			o.Theirs, o.Goal = g.ratio, &one
			if x, _, known := reached(r, results, g); known {
				o.Ratio = &x
			}
			list = append(list, o)
		}
	}
	return list
}
