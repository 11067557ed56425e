package main

import (
	"encoding/json"
	"fmt"
	"io"
)

const legend = `Columns: cpu's figure and the peer's, medians, in ms or MB/s or as said; times is how many times
better cpu is, round by round, higher is better. Goal: what times is to be at least, or,
where there is no peer, the figure at most. ± is (max-min)/median.

`

// reporter prints rows as they are done: lines of a table, or objects.
func reporter(w io.Writer, asJSON bool) func(*row, [2]result) {
	enc := json.NewEncoder(w)
	head := false
	return func(r *row, results [2]result) {
		if asJSON {
			enc.Encode(newObject(r, results))
			return
		}
		if !head {
			head = true
			fmt.Fprintf(w, "%s%-22s %-26s %9s %5s %9s %5s %6s  goal\n", legend, "work", "config", "cpu", "±", "peer", "±", "times")
		}
		line(w, r, results)
	}
}

func line(w io.Writer, r *row, results [2]result) {
	fmt.Fprintf(w, "%-22s %-26s", r.work, r.config)
	for _, res := range results {
		if len(res.values) == 0 {
			fmt.Fprintf(w, " %9s %5s", "n/a", "")
			continue
		}
		fmt.Fprintf(w, " %9.1f %4.0f%%", res.values.Median(), 100*res.values.Spread())
	}
	x, ok := r.better(results[0].values, results[1].values)
	if ok {
		fmt.Fprintf(w, " %6.2f", x)
	} else {
		fmt.Fprintf(w, " %6s", "n/a")
	}
	switch {
	case r.goal != 0 && ok:
		fmt.Fprintf(w, "  %.2f %s", r.goal, verdict(x >= r.goal))
	case r.goal != 0:
		fmt.Fprintf(w, "  %.2f", r.goal)
	case r.peer == "" && r.most >= 0 && len(results[0].values) > 0:
		fmt.Fprintf(w, "  %.1f %s", r.most, verdict(results[0].values.Median() <= r.most))
	}
	if r.peer != "" {
		fmt.Fprintf(w, "  %s", r.peer)
	}
	if n := note(r, results); n != "" {
		fmt.Fprintf(w, "  (%s)", n)
	}
	fmt.Fprintln(w)
}

func verdict(ok bool) string {
	if ok {
		return "ok"
	}
	return "BELOW"
}

func note(r *row, results [2]result) (s string) {
	for i, res := range results {
		if res.err == nil {
			continue
		}
		if s != "" {
			s += "; "
		}
		s += [2]string{"cpu", r.peer}[i] + ": " + res.err.Error()
	}
	return s
}

// An object is one row.
type object struct {
	Work   string   `json:"work"`
	Config string   `json:"config"`
	Peer   string   `json:"peer"`
	Ratio  *float64 `json:"ratio"` // how many times better than the peer's, higher is better; null: note says why
	Goal   *float64 `json:"goal"`  // what ratio should reach; null: none is set
	Value  *float64 `json:"value"` // ours, in unit
	Most   *float64 `json:"most"`  // what value may be where there is no peer
	Unit   string   `json:"unit"`
	Spread float64  `json:"spread"`
	Note   string   `json:"note,omitempty"`
}

func newObject(r *row, results [2]result) object {
	o := object{Work: r.work, Config: r.config, Peer: r.peer, Unit: r.unit, Note: note(r, results)}
	if v := results[0].values; len(v) > 0 {
		m := v.Median()
		o.Value, o.Spread = &m, v.Spread()
	}
	if r.goal != 0 {
		o.Goal = &r.goal
	}
	if r.peer == "" && r.most >= 0 {
		o.Most = &r.most
	}
	if x, ok := r.better(results[0].values, results[1].values); ok {
		o.Ratio = &x
	}
	return o
}
