package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// columns are the places of the table beside native, in its order.
var columns = []string{"bind", "overlay", "graft", "engine", "rootless", "9p", "mergerfs"}

const legend = `Columns: the time for one operation, as a multiple of native's, lower is better; =t is the
time itself, where native has nothing like it. "1,000 binds" and "500 others" are compared with
the same name space without them. engine is FUSE without grafts, for root, so with passthrough,
rootless the same in a user namespace, without; 9p is the engine with a posted diskfs behind.
read has the place's own cache emptied before.
Goals: what a column may show at most, "ok" or slower than that, "BELOW". The floor is a bare
server of FUSE, from memory, whose bind wakes one thread that makes one mount. ± is
(max-min)/median of native's rounds, or of the graft's.

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
			fmt.Fprintf(w, "%s%-16s %-18s %8s %5s", legend, "work", "config", "native", "±")
			for _, c := range columns {
				fmt.Fprintf(w, " %8s", c)
			}
			fmt.Fprintln(w, "  goals")
		}
		line(w, r, results)
	}
}

// multiple is how many times its base's time a place takes.
func multiple(r *row, results map[string]*result, place string) (float64, bool) {
	p, base := results[place], results[r.base(place)]
	if p == nil || base == nil || p.err != nil || base.err != nil {
		return 0, false
	}
	return p.values.Over(base.values)
}

func line(w io.Writer, r *row, results map[string]*result) {
	own, spread := "-", ""
	first := results["native"]
	if first == nil {
		first = results[r.places[0]]
	} else if own = "n/a"; first.err == nil {
		own = figure(first.values.Median())
	}
	if first.err == nil {
		spread = fmt.Sprintf("%.0f%%", 100*first.values.Spread())
	}
	fmt.Fprintf(w, "%-16s %-18s %8s %5s", r.work, r.config, own, spread)
	for _, c := range columns {
		cell, place := "-", r.place(c)
		if place != "" {
			cell = "n/a"
			if x, ok := multiple(r, results, place); ok {
				cell = fmt.Sprintf("%.2f", x)
			} else if res := results[place]; r.base(place) == "" && res.err == nil {
				cell = "=" + figure(res.values.Median())
			}
		}
		fmt.Fprintf(w, " %8s", cell)
	}
	for _, g := range goalsOf(r) {
		most := fmt.Sprintf("%.3g", g.times)
		if g.limit != 0 {
			most = g.limit.String()
		}
		word := "n/a"
		if _, ok, known := reached(r, results, g); ok {
			word = "ok"
		} else if known {
			word = "BELOW"
			if f, x, known := floorOf(r, results, g); known && x < 1 {
				word = "BELOW, as is the floor, " + f
			}
		}
		fmt.Fprintf(w, "  %s %s %s", g.place, most, word)
	}
	for _, place := range r.places {
		if err := results[place].err; err != nil {
			fmt.Fprintf(w, "  (%s: %s)", place, strings.ReplaceAll(err.Error(), "\n", " "))
		}
	}
	fmt.Fprintln(w)
}

// figure prints seconds in eight places or fewer.
func figure(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2fs", s)
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1fms", 1e3*s)
	default:
		return fmt.Sprintf("%.1fµs", 1e6*s)
	}
}

// reached compares with a goal: speed is 1 where it is just met and more where it
// is exceeded.
func reached(r *row, results map[string]*result, g goal) (speed float64, ok, known bool) {
	place, most := r.place(g.place), g.times
	x, known := multiple(r, results, place)
	if res := results[place]; g.limit != 0 && res != nil && res.err == nil && len(res.values) > 0 {
		x, most, known = res.values.Median(), g.limit.Seconds(), true
	}
	if !known || x == 0 {
		return 0, false, false
	}
	return most / x, x <= most, true
}

// floorOf gives the figure of what does the least of it, and as speed what reached gives of the goal's place.
func floorOf(r *row, results map[string]*result, g goal) (f string, speed float64, known bool) {
	if x, ok := multiple(r, results, g.floor); ok && g.limit == 0 && x != 0 {
		return fmt.Sprintf("%.2f", x), g.times / x, true
	}
	if res := results[g.floor]; g.limit != 0 && res != nil && res.err == nil && len(res.values) > 0 {
		m := res.values.Median()
		return figure(m), g.limit.Seconds() / m, true
	}
	return "", 0, false
}

// An object is one row in one place.
type object struct {
	Work   string   `json:"work"`
	Config string   `json:"config"`
	Peer   string   `json:"peer"`            // the place, but for goals of a time: "limit"
	Ratio  *float64 `json:"ratio"`           // the place's speed to native's or its base's, higher is better; null: note says why
	Goal   *float64 `json:"goal"`            // what ratio should reach; null: none is set
	Floor  float64  `json:"floor,omitempty"` // the ratio of what does the least of it, if something did
	Time   float64  `json:"time"`            // of one operation, seconds
	Base   float64  `json:"base"`            // what it is compared with, seconds
	Spread float64  `json:"spread"`
	Note   string   `json:"note,omitempty"`
}

func objects(r *row, results map[string]*result) (list []object) {
	for _, place := range r.places {
		res, base := results[place], r.base(place)
		if base == place && place != "native" {
			continue // of the row with much in it
		}
		o := object{Work: r.work, Config: r.config, Peer: strings.TrimSuffix(place, r.crowd), Time: res.values.Median(), Spread: res.values.Spread()}
		if x, ok := multiple(r, results, place); ok && x != 0 {
			x = 1 / x
			o.Ratio, o.Base = &x, results[base].values.Median()
		}
		if res.err != nil {
			o.Note = res.err.Error()
		} else if base == "" {
			o.Note = "native has nothing like it"
		}
		for _, g := range goalsOf(r) {
			if r.place(g.place) != place {
				continue
			}
			if g.limit == 0 {
				most := 1 / g.times
				o.Goal = &most
				if _, x, ok := floorOf(r, results, g); ok {
					o.Floor = x * most
				}
				continue
			}
			l, one := o, 1.0
			l.Peer, l.Base, l.Goal, l.Ratio, l.Note = place+" limit", g.limit.Seconds(), &one, nil, ""
			if _, x, known := floorOf(r, results, g); known {
				l.Floor = x
			}
			if x, _, known := reached(r, results, g); known {
				l.Ratio = &x
			} else if res.err != nil {
				l.Note = res.err.Error()
			}
			list = append(list, l)
		}
		list = append(list, o)
	}
	return list
}
