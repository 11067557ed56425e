package main

import (
	"encoding/json"
	"fmt"
	"io"
)

const legend = `Columns: files a second, medians, of status by procfs and of /proc/N/stat; ratio is ours to
Linux's, round by round, higher is better. Goal: what it is to reach. ± is (max-min)/median.

`

// reporter prints rows as they are done: lines of a table, or objects.
func reporter(w io.Writer, asJSON bool) func(*row, result) {
	enc := json.NewEncoder(w)
	head := false
	return func(r *row, res result) {
		if asJSON {
			enc.Encode(newObject(r, res))
			return
		}
		if !head {
			head = true
			fmt.Fprintf(w, "%s%-8s %-10s %9s %5s %9s %5s %6s  goal\n", legend, "work", "config", "procfs", "±", "/proc", "±", "ratio")
		}
		fmt.Fprintf(w, "%-8s %-10s", r.work, r.config)
		x, ok := res.ours.Over(res.direct)
		if res.err != nil || !ok {
			fmt.Fprintf(w, " n/a  (%v)\n", res.err)
			return
		}
		fmt.Fprintf(w, " %9.0f %4.0f%% %9.0f %4.0f%% %6.2f", res.ours.Median(), 100*res.ours.Spread(), res.direct.Median(), 100*res.direct.Spread(), x)
		if r.goal != 0 {
			word := "BELOW"
			if x >= r.goal {
				word = "ok"
			}
			fmt.Fprintf(w, "  %.2f %s", r.goal, word)
		}
		fmt.Fprintln(w)
	}
}

// An object is one row.
type object struct {
	Work   string   `json:"work"`
	Config string   `json:"config"`
	Peer   string   `json:"peer"`
	Ratio  *float64 `json:"ratio"` // ours to the peer's, higher is better; null: note says why
	Goal   *float64 `json:"goal"`  // what ratio should reach; null: none is set
	Rate   float64  `json:"rate"`  // of ours, files a second
	Spread float64  `json:"spread"`
	Note   string   `json:"note,omitempty"`
}

func newObject(r *row, res result) object {
	o := object{Work: r.work, Config: r.config, Peer: "/proc", Rate: res.ours.Median(), Spread: res.ours.Spread()}
	if r.goal != 0 {
		o.Goal = &r.goal
	}
	if x, ok := res.ours.Over(res.direct); ok {
		o.Ratio = &x
	}
	if res.err != nil {
		o.Note = res.err.Error()
	}
	return o
}
