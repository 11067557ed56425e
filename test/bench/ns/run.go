package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"ninespace/ns"
	"ninespace/test/bench/rounds"
)

// A bench is one run of the program.
type bench struct {
	home   string // where its files are
	quick  bool
	cpu    bool
	rounds int
	span   time.Duration // of one round
	files  int           // in the tree that find and tar go through
	few    int           // of what there are many, if not 0
	last   time.Duration // of it all

	ctx    context.Context
	tmp    string // all that it makes
	data   string // the directory that is worked on
	places map[string]*place
	turn   int // rotates the order
}

// longest is what a row may take with -q.
const longest = 5 * time.Second

// grace is how long a process that is told to end may take.
const grace = 2 * time.Second

var errTime = errors.New("no time left for it")

// run measures the rows that match and reports each as it is done. The places
// that they need are begun on the way. Its files are in a directory of home,
// which it removes; its mounts are in namespaces of the workers' own.
func (b *bench) run(ctx context.Context, match *regexp.Regexp, report func(*row, map[string]*result)) (err error) {
	begin := time.Now()
	var cancel context.CancelFunc
	b.ctx, cancel = context.WithTimeout(ctx, b.last-2*grace) // workers are killed then
	defer cancel()
	if b.tmp, err = os.MkdirTemp(b.home, "ns."); err != nil {
		return err
	}
	defer os.RemoveAll(b.tmp)
	if b.data, err = filepath.EvalSymlinks(b.tmp); err != nil {
		return err
	}
	b.data = filepath.Join(b.data, "data")
	if err := fill(b.ctx, b.data, b.files); err != nil {
		return err
	}
	if err := ns.Adopt(); err != nil {
		return err
	}
	defer ns.Reap(grace, nil) // what a killed worker has left behind
	b.places = map[string]*place{}
	for _, p := range places(b.few) {
		b.places[p.name] = p
	}
	defer b.stop()
	for _, r := range rows(b.files) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !match.MatchString(r.name()) {
			continue
		}
		var err error
		if b.last-time.Since(begin) < longest+2*grace {
			err = errTime
		}
		report(&r, b.measure(&r, err))
		b.stopCrowded()
	}
	return ctx.Err()
}

// stop ends every place.
func (b *bench) stop() {
	for _, p := range b.places {
		p.stop()
	}
}

// stopCrowded ends those with much in them, which are begun anew for each row.
func (b *bench) stopCrowded() {
	for name, p := range b.places {
		if p.crowded() && p.cmd != nil {
			p.stop()
			b.places[name] = p.again()
		}
	}
}

// A result is what one place gave in one row: seconds for an operation, by round.
type result struct {
	values rounds.Values
	err    error
}

// measure does a row in each of its places, in b.rounds rounds, each with another
// place first. With -q a place whose rounds are long has fewer of them. failed,
// if not nil, is why nothing of it is done.
func (b *bench) measure(r *row, failed error) map[string]*result {
	results := map[string]*result{}
	for _, name := range r.places {
		res := &result{err: failed}
		results[name] = res
		if res.err == nil {
			res.err = b.ctx.Err()
		}
		if res.err == nil {
			res.err = b.places[name].start(b)
		}
		if res.err == nil { // warm
			_, res.err = b.places[name].do(b, r.do, b.span/4)
		}
	}
	took := map[string]time.Duration{}
	for range b.rounds {
		b.turn++
		for i := range r.places {
			name := r.places[(i+b.turn)%len(r.places)]
			res := results[name]
			if res.err == nil {
				res.err = b.ctx.Err()
			}
			if res.err != nil || b.quick && took[name] > time.Second/2 {
				continue
			}
			begin := time.Now()
			v, err := b.places[name].do(b, r.do, b.span)
			if err != nil {
				res.err = err
				continue
			}
			took[name] += time.Since(begin)
			res.values = append(res.values, v)
		}
	}
	return results
}
