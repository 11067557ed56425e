package rounds

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// A Result is what one way of doing a row's work gave, in so much a second.
type Result struct {
	Values Values
	Err    error
}

// A Row is one work, done by us and by a peer.
type Row struct {
	Work, Config string
	Goal         float64 // what the ratio is to reach, or with Rate our own figure; 0: none is set
	Rate         bool
	Floor        float64 // the ratio of what does the least of it, in the same run; 0: none did
}

// Name is what -only is matched with.
func (r *Row) Name() string { return r.Work + ", " + r.Config }

// Alternate does rounds of the two ways by turns, each time with another one first; turn
// goes on from row to row. One more round before them warms up. A way ends with its
// first error, or ctx's.
func Alternate(ctx context.Context, turn *int, rounds int, ways [2]func() (float64, error)) (results [2]Result) {
	for n := -1; n < rounds; n++ {
		*turn++
		for i := range ways {
			i = (i + *turn) % len(ways)
			res := &results[i]
			if res.Err == nil {
				res.Err = ctx.Err()
			}
			if res.Err != nil {
				continue
			}
			var v float64
			if v, res.Err = ways[i](); n >= 0 && res.Err == nil {
				res.Values = append(res.Values, v)
			}
		}
	}
	return results
}

// A Table is how rows of two ways, ours and a peer's, are shown.
type Table struct {
	Legend string    // above it
	Ways   [2]string // the columns' names; the second is the peer's
	Widths [2]int    // of work and config
	Format string    // of a figure, 9 wide
	Goal   string    // of a goal
}

// Reporter prints rows as they are done: lines, or objects of JSON.
func (t *Table) Reporter(w io.Writer, asJSON bool) func(Row, [2]Result) {
	enc := json.NewEncoder(w)
	head := false
	return func(r Row, results [2]Result) {
		if asJSON {
			for _, o := range t.objects(r, results) {
				enc.Encode(o)
			}
			return
		}
		if !head {
			head = true
			fmt.Fprintf(w, "%s\n%-*s %-*s %9s %5s %9s %5s %6s  goal\n", t.Legend,
				t.Widths[0], "work", t.Widths[1], "config", t.Ways[0], "±", t.Ways[1], "±", "ratio")
		}
		t.line(w, r, results)
	}
}

func (t *Table) line(w io.Writer, r Row, results [2]Result) {
	fmt.Fprintf(w, "%-*s %-*s", t.Widths[0], r.Work, t.Widths[1], r.Config)
	for _, res := range results {
		if len(res.Values) == 0 {
			fmt.Fprintf(w, " %9s %5s", "n/a", "")
			continue
		}
		fmt.Fprintf(w, " "+t.Format+" %4.0f%%", res.Values.Median(), 100*res.Values.Spread())
	}
	x, ok := results[0].Values.Over(results[1].Values)
	if ok {
		fmt.Fprintf(w, " %6.2f", x)
	} else {
		fmt.Fprintf(w, " %6s", "n/a")
	}
	if r.Goal != 0 {
		if r.Rate {
			x = results[0].Values.Median()
		}
		word := "BELOW"
		switch {
		case x >= r.Goal:
			word = "ok"
		case r.Floor > 0 && r.Floor < r.Goal:
			word = fmt.Sprintf("BELOW, as is the floor: %.2f of it", x/r.Floor)
		}
		fmt.Fprintf(w, "  "+t.Goal+" %s", r.Goal, word)
	}
	for i, res := range results {
		if res.Err != nil {
			fmt.Fprintf(w, "  (%s: %v)", t.Ways[i], res.Err)
		}
	}
	fmt.Fprintln(w)
}

// An Object is a row with its peer or, where the goal is a rate, with that.
type Object struct {
	Work   string   `json:"work"`
	Config string   `json:"config"`
	Peer   string   `json:"peer"`            // "limit" for a goal that is a rate
	Ratio  *float64 `json:"ratio"`           // ours to the peer's, higher is better; null: note says why
	Goal   *float64 `json:"goal"`            // what ratio should reach; null: none is set
	Floor  float64  `json:"floor,omitempty"` // the ratio of what does the least of it, if something did
	Rate   float64  `json:"rate"`            // of ours, so much a second
	Spread float64  `json:"spread"`
	Note   string   `json:"note,omitempty"`
}

func (t *Table) objects(r Row, results [2]Result) (list []Object) {
	ours := results[0]
	o := Object{Work: r.Work, Config: r.Config, Peer: t.Ways[1], Floor: r.Floor, Rate: ours.Values.Median(), Spread: ours.Values.Spread()}
	for i, res := range results {
		if res.Err != nil {
			o.Note = t.Ways[i] + ": " + res.Err.Error()
		}
	}
	if r.Rate && r.Goal != 0 {
		limit, one := o, 1.0
		limit.Peer, limit.Goal = "limit", &one
		if ours.Err == nil {
			x := o.Rate / r.Goal
			limit.Ratio, limit.Note = &x, ""
		}
		list = append(list, limit)
	} else if r.Goal != 0 {
		o.Goal = &r.Goal
	}
	if x, ok := ours.Values.Over(results[1].Values); ok {
		o.Ratio = &x
	}
	return append(list, o)
}
