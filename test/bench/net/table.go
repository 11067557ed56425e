package main

import (
	"encoding/json"
	"fmt"
	"io"
)

const legend = `Columns: MB a second through netfs and through a socket, medians; ratio is the first to
the second, round by round, higher is better. Goal: what it is to reach. ± is (max-min)/median.

`

// reporter prints rows as they are done: lines of a table, or objects.
func reporter(w io.Writer, asJSON bool) func(*row, []result) {
	enc := json.NewEncoder(w)
	head := false
	return func(r *row, results []result) {
		if asJSON {
			enc.Encode(newObject(r, results))
			return
		}
		if !head {
			head = true
			fmt.Fprintf(w, "%s%-6s %-24s %9s %5s %9s %5s %6s  goal\n", legend, "work", "config", ways[0], "±", ways[1], "±", "ratio")
		}
		line(w, r, results)
	}
}

func line(w io.Writer, r *row, results []result) {
	fmt.Fprintf(w, "%-6s %-24s", r.work, r.config)
	for _, res := range results {
		if len(res.values) == 0 {
			fmt.Fprintf(w, " %9s %5s", "n/a", "")
			continue
		}
		fmt.Fprintf(w, " %9.1f %4.0f%%", res.values.Median(), 100*res.values.Spread())
	}
	x, ok := results[0].values.Over(results[1].values)
	if ok {
		fmt.Fprintf(w, " %6.2f", x)
	} else {
		fmt.Fprintf(w, " %6s", "n/a")
	}
	if r.goal != 0 {
		word := "BELOW"
		if x >= r.goal {
			word = "ok"
		}
		fmt.Fprintf(w, "  %.1f %s", r.goal, word)
	}
	for i, res := range results {
		if res.err != nil {
			fmt.Fprintf(w, "  (%s: %v)", ways[i], res.err)
		}
	}
	fmt.Fprintln(w)
}

// An object is one row.
type object struct {
	Work   string   `json:"work"`
	Config string   `json:"config"`
	Peer   string   `json:"peer"`
	Ratio  *float64 `json:"ratio"` // ours to the peer's, higher is better; null: note says why
	Goal   *float64 `json:"goal"`  // what ratio should reach; null: none is set
	Rate   float64  `json:"rate"`  // of ours, MB a second
	Spread float64  `json:"spread"`
	Note   string   `json:"note,omitempty"`
}

func newObject(r *row, results []result) object {
	o := object{Work: r.work, Config: r.config, Peer: ways[1], Rate: results[0].values.Median(), Spread: results[0].values.Spread()}
	if r.goal != 0 {
		o.Goal = &r.goal
	}
	if x, ok := results[0].values.Over(results[1].values); ok {
		o.Ratio = &x
	}
	for i, res := range results {
		if res.err != nil {
			o.Note = ways[i] + ": " + res.err.Error()
		}
	}
	return o
}
