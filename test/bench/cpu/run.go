package main

import (
	"context"
	"regexp"
	"time"

	"ninespace/test/bench/rounds"
)

// A bench is one run of the program.
type bench struct {
	rounds  int
	files   int           // of the git tree
	list    int           // files of the tree that is listed
	sources int           // of the C tree
	bulk    int64         // bytes
	pipe    int64         // bytes
	limit   time.Duration // of a command
	rtts    []time.Duration
}

// A row is one figure, of ours and of a peer.
type row struct {
	work, config string
	unit         string  // "ms", where less is better, or "MB/s"
	peer         string  // "": none, and at most is what there is to reach
	goal         float64 // how many times better than the peer's ours is to be; 0: none is set
	most         float64 // how much it may be, without a peer; < 0: no limit is set
}

func (r *row) name() string { return r.work + ", " + r.config }

// better gives how many times better than the peer's ours was, by rounds.
func (r *row) better(ours, theirs rounds.Values) (float64, bool) {
	if r.unit == "MB/s" {
		return ours.Over(theirs)
	}
	return theirs.Over(ours)
}

// A side does the work of some rows and gives a figure for each.
type side func(ctx context.Context, limit time.Duration) ([]float64, error)

// A work is what gives some rows.
type work struct {
	rows   []row
	rtt    time.Duration
	ours   side
	theirs side // nil: none
	rounds int  // 0: the bench's
}

// A result is what one side gave for one row.
type result struct {
	values rounds.Values
	err    error
}

// run does the works that match and reports each row as it is done.
func (b *bench) run(ctx context.Context, p *place, match *regexp.Regexp, report func(*row, [2]result)) error {
	for _, w := range b.works(p) {
		wanted := false
		for i := range w.rows {
			wanted = wanted || match.MatchString(w.rows[i].name())
		}
		if !wanted {
			continue
		}
		p.forget(ctx)
		for _, x := range []*proxy{p.cpu, p.ssh} {
			if x != nil {
				x.setRTT(w.rtt)
			}
		}
		results := b.do(ctx, &w)
		for i := range w.rows {
			if r := &w.rows[i]; match.MatchString(r.name()) {
				report(r, results[i])
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// do does a work by turns.
func (b *bench) do(ctx context.Context, w *work) [][2]result {
	results := make([][2]result, len(w.rows))
	n := w.rounds
	if n == 0 {
		n = b.rounds
	}
	sides := [2]side{w.ours, w.theirs}
	for round := range n {
		for i := range sides {
			i = (i + round) % len(sides)
			if sides[i] == nil || results[0][i].err != nil {
				continue
			}
			values, err := sides[i](ctx, b.limit)
			for k := range results {
				if results[k][i].err = err; err == nil {
					results[k][i].values = append(results[k][i].values, values[k])
				}
			}
		}
	}
	return results
}
