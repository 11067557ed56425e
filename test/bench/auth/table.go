package main

import (
	"encoding/json"
	"fmt"
	"io"
)

const legend = `Columns: microseconds, medians; to each peer the ratio of ours to its, round by round, lower
is better, and the goal, which it is to be at most. ± is (max-min)/median.

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
			fmt.Fprintf(w, "%s%-10s %-24s %9s %5s  %-15s %9s %5s %6s  goal\n", legend, "work", "config", "ours", "±", "peer", "its", "±", "ratio")
		}
		for _, o := range objects(r, results) {
			line(w, &o)
		}
	}
}

func line(w io.Writer, o *object) {
	fmt.Fprintf(w, "%-10s %-24s %9.0f %4.0f%%", o.Work, o.Config, o.Time, 100*o.Spread)
	if o.Peer == "" {
		fmt.Fprintf(w, "  %-15s %9s %5s %6s", "", "", "", "")
	} else if o.Ratio == nil {
		fmt.Fprintf(w, "  %-15s %9s %5s %6s", o.Peer, "n/a", "", "")
	} else {
		fmt.Fprintf(w, "  %-15s %9.0f %4.0f%% %6.2f", o.Peer, o.PeerTime, 100*o.peerSpread, *o.Ratio)
	}
	switch {
	case o.Goal != nil && o.Peer == "":
		fmt.Fprintf(w, "  %.0f us %s", *o.Goal, word(o.Time <= *o.Goal))
	case o.Goal != nil && o.Ratio != nil:
		fmt.Fprintf(w, "  %.1f %s", *o.Goal, word(*o.Ratio <= *o.Goal))
	}
	if o.Note != "" {
		fmt.Fprintf(w, "  (%s)", o.Note)
	}
	fmt.Fprintln(w)
}

func word(ok bool) string {
	if ok {
		return "ok"
	}
	return "ABOVE"
}

// An object is a row beside one peer.
type object struct {
	Work       string   `json:"work"`
	Config     string   `json:"config"`
	Peer       string   `json:"peer"`  // "": the goal is of the time itself
	Ratio      *float64 `json:"ratio"` // of times, ours to the peer's, lower is better; null: note says why
	Goal       *float64 `json:"goal"`  // what ratio, or the time, may be at most; null: none is set
	Time       float64  `json:"time"`  // of ours, microseconds
	PeerTime   float64  `json:"peertime"`
	Spread     float64  `json:"spread"`
	Note       string   `json:"note,omitempty"`
	peerSpread float64
}

func objects(r *row, results []result) (all []object) {
	ours := object{Work: r.work, Config: r.config, Time: results[0].values.Median(), Spread: results[0].values.Spread()}
	if err := results[0].err; err != nil {
		ours.Note = err.Error()
	}
	if r.most > 0 {
		o := ours
		us := r.most.Seconds() * 1e6
		o.Goal = &us
		all = append(all, o)
	}
	for i, res := range results[1:] {
		o := ours
		o.Peer, o.PeerTime, o.peerSpread = r.ways[i+1].name, res.values.Median(), res.values.Spread()
		if g := r.goals[i]; g != 0 {
			o.Goal = &g
		}
		if x, ok := results[0].values.Over(res.values); ok {
			o.Ratio = &x
		}
		if res.err != nil {
			o.Note = res.err.Error()
		}
		all = append(all, o)
	}
	return all
}
