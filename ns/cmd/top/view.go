package top

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A view is what is shown: nodes, the one of them that is chosen, and how.
type view struct {
	nodes  []*node
	chosen int
	by     byte // what processes are sorted by: c, m, p or n
	paused bool
	every  time.Duration
	width  int // of the screen, in columns; 0: it is none
}

// A span is text in a style.
type span struct {
	text  string
	style style
}

type style int

const (
	plain style = iota
	dim
	bold
	accent // what is chosen, and graphs
	warn
)

// A row is a line of the screen.
type row []span

// Widths of columns. Both tables have the rates in the same places, and are wWhole wide.
const (
	wWhole = 80
	wName  = 10
	wGraph = 12
	wRate  = 8
)

// graphs is how wide graphs are: they make room for figures. At 68 columns there are none, and
// where the rates too have no room the tables end before these.
func (v *view) graphs() int {
	if v.width == 0 {
		return wGraph
	}
	return min(wGraph, max(0, wGraph-(wWhole-v.width)))
}

// rated are the spans of the four rates that there is room for: no value is cut.
func (v *view) rated(rates row) row {
	room := v.width - (wWhole - 31 - wGraph + v.graphs())
	for i, s := range rates {
		if room -= (row{s}).width(); room < 0 && v.width > 0 {
			return rates[:i]
		}
	}
	return rates
}

// rateHead are the rates' names.
func (v *view) rateHead() row {
	return v.rated(row{{right("9p/s", wRate), dim}, {right("err/s", 7), dim}, {right("in/s", wRate), dim}, {right("out/s", wRate), dim}})
}

// narrow tells whether processes have to do without their users and states.
func (v *view) narrow() bool { return v.width > 0 && v.width < 60 }

// rows draws the screen, so many columns wide and at most so many rows high.
func (v *view) rows(width, height int, now time.Time) []row {
	v.width = width
	var all []row
	all = append(all, v.title(width, now), nil, v.nodeHead())
	from, to := v.shown(height)
	for i := from; i < to; i++ {
		n := v.nodes[i]
		n.mu.Lock()
		all = append(all, v.nodeRow(n, i == v.chosen, now))
		n.mu.Unlock()
	}
	n := v.nodes[v.chosen]
	n.mu.Lock()
	defer n.mu.Unlock()
	servers := slices.Sorted(maps.Keys(n.now.servers))
	if len(servers) > 0 {
		all = append(all, nil, row{{pad(" servers", wName+v.graphs()+2), bold}, {right("conns", 9) + right("fids", 9) + right("busy", 7), dim}})
		all[len(all)-1] = append(all[len(all)-1], v.rateHead()...)
	}
	most := 1.0 // of all graphs, so that they can be compared
	for _, name := range servers {
		for _, m := range n.msgs[name] {
			most = max(most, m)
		}
	}
	for _, name := range servers {
		all = append(all, v.serverRow(n, name, most))
	}
	foot := row{{" ↑↓ ", bold}, {"node  ", dim}, {"cmpn ", bold}, {"order  ", dim}, {"space ", bold}, {"stop  ", dim}, {"q ", bold}, {"end", dim}}
	if room := height - len(all) - 4; room > 0 && len(n.now.list) > 0 {
		all = append(all, nil, v.processHead())
		for _, p := range n.processes(v.by) {
			if room--; room < 0 {
				break
			}
			all = append(all, v.processRow(p))
		}
	}
	for len(all) < height-1 {
		all = append(all, nil)
	}
	if height < 1 {
		return nil
	}
	return append(all[:height-1], foot)
}

// shown tells which of the nodes there is room for on a screen so high, of which they get a
// third: those around the one that is chosen.
func (v *view) shown(height int) (from, to int) {
	most := max(1, height/3)
	from = max(0, min(v.chosen-most/2, len(v.nodes)-most))
	return from, min(len(v.nodes), from+most)
}

func (v *view) title(width int, now time.Time) row {
	left := fmt.Sprintf("%d nodes, every %v", len(v.nodes), v.every)
	if len(v.nodes) == 1 {
		left = fmt.Sprintf("1 node, every %v", v.every)
	}
	r := row{{" ninespace  ", bold}, {left, dim}}
	if v.paused {
		r = append(r, span{"  stopped", warn})
	}
	clock := now.Format("15:04:05 ")
	if gap := width - r.width() - len(clock); gap > 0 {
		r = append(r, span{strings.Repeat(" ", gap), plain}, span{clock, dim})
	}
	return r
}

func (v *view) nodeHead() row {
	r := row{{pad(" node", wName+1), bold}, {right("cpu", v.graphs()+5) + "  " + pad("mem", 13) + right("procs", 6), dim}}
	return append(r, v.rateHead()...)
}

func (v *view) nodeRow(n *node, chosen bool, now time.Time) row {
	mark, name := "  ", plain
	if chosen {
		mark, name = "▌ ", accent
	}
	r := row{{mark, accent}, {pad(n.name, wName-1), name}}
	if n.now.at.IsZero() {
		return append(r, span{"…" + silent(n, now), dim})
	}
	s := n.now
	if s.hasDev {
		r = append(r, span{graph(n.cpu, v.graphs(), 1), accent})
		if len(n.cpu) > 0 {
			r = append(r, span{right(fmt.Sprintf("%.0f%%", 100*s.cpu), 5) + " ", level(s.cpu, .9)})
		} else {
			r = append(r, span{right("–", 5) + " ", dim})
		}
	} else {
		r = append(r, span{pad("", v.graphs()+6), plain})
	}
	if s.all > 0 {
		used := float64(s.mem) / float64(s.all)
		r = append(r, span{pad(" "+size(float64(s.mem))+" of "+size(float64(s.all)), 14), level(used, .9)})
	} else {
		r = append(r, span{pad("", 14), plain})
	}
	procs := ""
	if s.procs >= 0 {
		procs = fmt.Sprint(s.procs)
	}
	r = append(r, span{right(procs, 6), plain})
	if late := silent(n, now); late != "" {
		return append(r, span{late, warn})
	}
	return append(r, v.rated(rates(n.total()))...)
}

// silent says for how long a node has not answered, once that is long.
func silent(n *node, now time.Time) string {
	if n.asked.IsZero() || now.Sub(n.asked) < 3*time.Second {
		return ""
	}
	return fmt.Sprintf("  no answer for %v", now.Sub(n.asked).Round(time.Second))
}

// rates are the four columns that both tables end in.
func rates(r rate, known bool) row {
	if !known {
		return row{{right("–", wRate), dim}, {right("–", 7), dim}, {right("–", wRate), dim}, {right("–", wRate), dim}}
	}
	errs := span{right(count(r.errs), 7), plain}
	if r.errs == 0 {
		errs.style = dim
	}
	return row{{right(count(r.msgs), wRate), plain}, errs, {right(size(r.in), wRate), plain}, {right(size(r.out), wRate), plain}}
}

func (v *view) serverRow(n *node, name string, most float64) row {
	s := n.now.servers[name]
	busy := span{right(fmt.Sprint(s.busy), 7), plain}
	if s.busy == 0 {
		busy.style = dim
	}
	r := row{{"  " + pad(name, wName-1), plain}, {graph(n.msgs[name], v.graphs(), most) + " ", accent},
		{right(fmt.Sprint(s.conns), 9) + right(fmt.Sprint(s.fids), 9), plain}, busy}
	return append(r, v.rated(rates(n.rate(name)))...)
}

func (v *view) processHead() row {
	name, who := pad(" processes", 12), "  "+pad("user", 12)+pad("state", 10)
	if v.narrow() {
		name, who = pad(" procs", 7), ""
	}
	r := row{{name, bold}}
	for _, c := range []struct {
		by   byte
		text string
	}{{'p', right("pid", 7)}, {0, who}, {'c', right("cpu", 7)}, {'m', right("mem", 8)}, {'n', "  program"}} {
		st := dim
		if c.by == v.by {
			st = bold
		}
		r = append(r, span{c.text, st})
	}
	return r
}

func (v *view) processRow(p busy) row {
	cpu, st := "–", dim
	if p.cpu >= 0 {
		cpu = fmt.Sprintf("%.0f%%", 100*p.cpu)
	}
	if p.cpu >= .005 {
		st = plain
	}
	indent, user, state := pad("", 12), "  "+pad(p.User, 12), pad(p.State, 10)
	if v.narrow() {
		indent, user, state = pad("", 7), "", ""
	}
	return row{{indent + right(fmt.Sprint(p.pid), 7) + user, plain}, {state, dim},
		{right(cpu, 7), st}, {right(size(float64(p.Size)), 8) + "  " + p.args, plain}}
}
