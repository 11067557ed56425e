package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

const legend = `Columns: our time as a multiple of the peer's, lower is better. go is a Go program that does
nothing, tls one that does nothing but have the TLS that nine has. Goals: what it may be at most,
"ok" or "BELOW", and what to try for, "*" if reached. ± is (max-min)/median of our rounds.

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
			fmt.Fprintf(w, "%s%-20s %9s %5s", legend, "work", "ours", "±")
			for _, p := range peers {
				fmt.Fprintf(w, " %7s", p)
			}
			fmt.Fprintln(w, "  goals")
		}
		line(w, r, results)
	}
}

// ratio is our time over a peer's.
func ratio(results map[string]*result, peer string) (float64, bool) {
	ours, p := results["ours"], results[peer]
	if ours == nil || p == nil || ours.err != nil || p.err != nil {
		return 0, false
	}
	return ours.values.Over(p.values)
}

func line(w io.Writer, r *row, results map[string]*result) {
	ours := results["ours"]
	own, spread := "n/a", ""
	if ours.err == nil {
		own = time.Duration(ours.values.Median() * float64(time.Second)).Round(10 * time.Microsecond).String()
		spread = fmt.Sprintf("%.0f%%", 100*ours.values.Spread())
	}
	fmt.Fprintf(w, "%-20s %9s %5s", r.work, own, spread)
	for _, p := range peers {
		cell := "-"
		if results[p] != nil {
			cell = "n/a"
			if x, ok := ratio(results, p); ok {
				cell = fmt.Sprintf("%.2f", x)
			}
		}
		fmt.Fprintf(w, " %7s", cell)
	}
	for _, g := range r.goals {
		fmt.Fprint(w, "  ", g.text(results))
	}
	for _, name := range append([]string{"ours"}, peers...) {
		if res := results[name]; res != nil && res.err != nil {
			text, _, _ := strings.Cut(res.err.Error(), "\n")
			fmt.Fprintf(w, "  (%s: %s)", name, text)
		}
	}
	fmt.Fprintln(w)
}

// text gives the goal and whether it is reached.
func (g goal) text(results map[string]*result) string {
	x, known := ratio(results, g.peer)
	text := g.peer
	if g.most > 0 {
		word := "n/a"
		switch {
		case known && x <= g.most:
			word = "ok"
		case known:
			word = "BELOW"
		}
		text += fmt.Sprintf(" %.3g %s", g.most, word)
	}
	if g.stretch > 0 {
		text += fmt.Sprintf(" (%.3g", g.stretch)
		if known && x <= g.stretch {
			text += "*"
		}
		text += ")"
	}
	return text
}

// An object is what -json prints of a row and a peer.
type object struct {
	Work   string  `json:"work"`
	Config string  `json:"config"`
	Peer   string  `json:"peer"`
	Ratio  float64 `json:"ratio"`
	Goal   float64 `json:"goal,omitempty"`
	Ours   float64 `json:"seconds,omitempty"`
	Spread float64 `json:"spread,omitempty"`
	Error  string  `json:"error,omitempty"`
}

func objects(r *row, results map[string]*result) (all []object) {
	for _, p := range peers {
		if results[p] == nil {
			continue
		}
		o := object{Work: r.work, Peer: p}
		if r.n > 0 {
			o.Config = fmt.Sprint(r.n)
		}
		o.Ratio, _ = ratio(results, p)
		for _, g := range r.goals {
			if g.peer == p {
				o.Goal = g.most
			}
		}
		if ours := results["ours"]; ours.err == nil {
			o.Ours, o.Spread = ours.values.Median(), ours.values.Spread()
		} else {
			o.Error = ours.err.Error()
		}
		if err := results[p].err; err != nil {
			o.Error = err.Error()
		}
		all = append(all, o)
	}
	return all
}
