package main

import (
	"encoding/json"
	"fmt"
	"io"
)

const legend = `Columns: messages a second of ours and of redis-server, medians; ratio is ours to redis's,
round by round, higher is better. Goal: what ours is to reach. ± is (max-min)/median.

`

// reporter prints rows as they are done: lines of a table, or objects.
func reporter(w io.Writer, asJSON bool) func(*row, []result) {
	enc := json.NewEncoder(w)
	head := false
	return func(r *row, results []result) {
		if asJSON {
			for _, o := range objects(r, results) {
				enc.Encode(o)
			}
			return
		}
		if !head {
			head = true
			fmt.Fprintf(w, "%s%-11s %-18s %9s %5s %9s %5s %6s  goal\n", legend, "work", "config", "ipcfs", "±", "redis", "±", "ratio")
		}
		line(w, r, results)
	}
}

func line(w io.Writer, r *row, results []result) {
	fmt.Fprintf(w, "%-11s %-18s", r.work, r.config)
	for _, res := range results {
		if len(res.values) == 0 {
			fmt.Fprintf(w, " %9s %5s", "n/a", "")
			continue
		}
		fmt.Fprintf(w, " %9.0f %4.0f%%", res.values.Median(), 100*res.values.Spread())
	}
	if x, ok := results[0].values.Over(results[1].values); ok {
		fmt.Fprintf(w, " %6.2f", x)
	} else {
		fmt.Fprintf(w, " %6s", "n/a")
	}
	if r.goal != 0 {
		word := "BELOW"
		if results[0].values.Median() >= r.goal {
			word = "ok"
		}
		fmt.Fprintf(w, "  %.0f %s", r.goal, word)
	}
	for i, res := range results {
		if res.err != nil {
			fmt.Fprintf(w, "  (%s: %v)", r.peers[i].name, res.err)
		}
	}
	fmt.Fprintln(w)
}

// An object is one row with one peer, or with its goal.
type object struct {
	Work   string   `json:"work"`
	Config string   `json:"config"`
	Peer   string   `json:"peer"`  // "limit" for a goal in messages a second
	Ratio  *float64 `json:"ratio"` // ours to the peer's, higher is better; null: note says why
	Goal   *float64 `json:"goal"`  // what ratio should reach; null: none is set
	Rate   float64  `json:"rate"`  // of ours, messages a second
	Spread float64  `json:"spread"`
	Note   string   `json:"note,omitempty"`
}

func objects(r *row, results []result) (list []object) {
	ours := results[0]
	o := object{Work: r.work, Config: r.config, Rate: ours.values.Median(), Spread: ours.values.Spread()}
	if ours.err != nil {
		o.Note = ours.err.Error()
	}
	if r.goal != 0 {
		g, one := o, 1.0
		g.Peer, g.Goal = "limit", &one
		if ours.err == nil {
			x := o.Rate / r.goal
			g.Ratio = &x
		}
		list = append(list, g)
	}
	for i, p := range r.peers[1:] {
		o.Peer = p.name
		if x, ok := ours.values.Over(results[1+i].values); ok {
			o.Ratio = &x
		} else if err := results[1+i].err; err != nil {
			o.Note = err.Error()
		}
		list = append(list, o)
	}
	return list
}
