package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"ninespace/test/bench/rounds"
)

// A bench is one run of the program.
type bench struct {
	home   string // where its files are
	quick  bool
	rounds int
	few    int           // rounds that a row has in any case
	span   time.Duration // of one server's part of a round
	row    time.Duration // after which a row has no more rounds than few
	last   time.Duration // of it all

	ctx     context.Context
	limit   int    // of descriptors
	tmp     string // sockets and logs
	data    string // the served directory
	servers map[string]*server
	held    map[int]held // by number of connections
}

// longest is what a row may take with -q.
const longest = 6 * time.Second

var (
	errTime   = errors.New("no time left for it")
	errNoTime = errors.New("it is not known how long the server ran")
)

// run measures the rows that match and reports each as it is done. The servers
// that they need are started on the way. Its files are in a directory of home,
// which it removes.
func (b *bench) run(ctx context.Context, match *regexp.Regexp, report func(*row, map[string]*result)) (err error) {
	begin := time.Now()
	var cancel context.CancelFunc
	b.ctx, cancel = context.WithTimeout(ctx, b.last-time.Second) // the servers are killed then
	defer cancel()
	b.limit, b.held = descriptors(), map[int]held{}
	if b.tmp, err = os.MkdirTemp(b.home, "9p."); err != nil {
		return err
	}
	defer os.RemoveAll(b.tmp)
	b.data = filepath.Join(b.tmp, "data")
	if err := fill(ctx, b.data); err != nil {
		return err
	}
	defer b.stop()
	for _, r := range rows() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r.slow && b.quick || !match.MatchString(r.name()) {
			continue
		}
		if b.start(r.peers); b.last-time.Since(begin) < longest {
			report(&r, b.failed(&r, errTime))
			continue
		}
		report(&r, r.run(b, &r))
	}
	return nil
}

// A result is what one server did in one row.
type result struct {
	figures
	beside figures // of a peer: what ours did next to each
	note   string
	err    error
}

// figures are those of a server's rounds.
type figures struct {
	values rounds.Values // the row's
	cpu    rounds.Values // by the server's own time; 0 where that is not known
	clock  rounds.Values // by the clock, where the row's are not
}

// add adds a round's.
func (f *figures) add(r *row, s sample) {
	if r.own {
		f.clock = append(f.clock, s.value)
		s.value = s.cpu
	}
	f.values = append(f.values, s.value)
	f.cpu = append(f.cpu, s.cpu)
}

// A sample is what a server did in its part of a round: the row's value, and what
// that would be if the server's own time were all that passed; 0 if unknown.
type sample struct{ value, cpu float64 }

// start starts those of the servers that have not been.
func (b *bench) start(names []string) {
	if b.servers == nil {
		b.servers = map[string]*server{}
		for _, s := range servers() {
			b.servers[s.name] = s
		}
	}
	for _, name := range names {
		if s := b.servers[name]; s.cmd == nil && s.missing == nil {
			s.missing = s.start(b.ctx, b.tmp, b.data)
		}
	}
}

func (b *bench) stop() {
	for _, s := range b.servers {
		s.stop()
	}
}

// results begins the results of a row: servers that are missing have failed.
func (b *bench) results(r *row) map[string]*result {
	m := map[string]*result{}
	for _, name := range r.peers {
		m[name] = &result{err: b.servers[name].missing}
	}
	return m
}

// failed gives results of a row that could not be measured.
func (b *bench) failed(r *row, err error) map[string]*result {
	m := b.results(r)
	for _, res := range m {
		res.err = err
	}
	return m
}

// paired has a row's first peer, ours, do something next to each of the others in turn,
// round after round, each of the two first by turns: what else the machine does is alike
// for two that follow each other closely, so their ratio holds where their times don't.
// With -q a peer that is slow has fewer rounds, and a row without a goal few.
func (b *bench) paired(r *row, results map[string]*result, most int, do func(name string) (sample, error)) {
	took := map[string]time.Duration{}
	try := func(name string) (s sample, ok bool) {
		res := results[name]
		if res.err == nil {
			res.err = b.ctx.Err()
		}
		if res.err != nil || b.quick && took[name] > time.Second {
			return s, false
		}
		begin := time.Now()
		s, err := do(name)
		took[name] += time.Since(begin)
		if err == nil && r.own && s.cpu == 0 {
			err = errNoTime
		}
		if err != nil {
			res.err = b.servers[name].blame(err)
			return s, false
		}
		res.add(r, s)
		return s, true
	}
	begin, ours := time.Now(), r.peers[0]
	for i := range most {
		if i >= b.few && (time.Since(begin) > b.row || b.quick && !r.hasGoal()) {
			break
		}
		for j := range r.peers[1:] {
			peer := r.peers[1+(i+j)%(len(r.peers)-1)]
			pair := [2]string{ours, peer}
			first := (i + j) % 2
			a, ok1 := try(pair[first])
			z, ok2 := try(pair[1-first])
			if first == 1 {
				a = z
			}
			if ok1 && ok2 {
				results[peer].beside.add(r, a)
			}
		}
	}
}

// A driver is a connection that is ready for a cycle.
type driver struct {
	c     *conn
	s     *server
	cycle []step
	per   float64 // cycles to an operation of the row
	depth int
}

// rate drives the connection for a while and gives operations a second.
func (d driver) rate(span time.Duration) (sample, error) {
	return d.s.sample(func() (float64, time.Duration, error) {
		n, t, err := d.c.drive(d.cycle, d.depth, 0, span)
		return float64(n) / d.per, t, err
	})
}

// sample has a server do something, so many operations in some time.
func (s *server) sample(do func() (ops float64, t time.Duration, err error)) (r sample, err error) {
	before, err := s.ran()
	if err != nil {
		return r, err
	}
	ops, t, err := do()
	if err != nil {
		return r, err
	}
	after, err := s.ran()
	if r.value = ops / t.Seconds(); after > before {
		r.cpu = ops / (after - before).Seconds()
	}
	return r, err
}

// driver connects to a server and prepares. in is the client's buffer.
func (b *bench) driver(s *server, in []byte, depth int, prepare cycler) (d driver, note string, err error) {
	d.depth, d.s = depth, s
	if d.c, err = dial(s, in); err != nil {
		return d, "", s.blame(err)
	}
	if d.cycle, d.per, note, err = prepare(d.c, depth); err != nil {
		d.c.close()
		return d, "", s.blame(err)
	}
	return d, note, nil
}

// drivers makes a driver for each peer of a row and has it run warm. Call done
// with them at the end.
func (b *bench) drivers(r *row, results map[string]*result, depth int, prepare func(name string) cycler) (all map[string]driver, done func()) {
	all = map[string]driver{}
	for _, name := range r.peers {
		res := results[name]
		if res.err != nil {
			continue
		}
		d, note, err := b.driver(b.servers[name], make([]byte, readAhead), depth, prepare(name))
		if err == nil {
			all[name] = d
			_, err = d.rate(b.span / 4)
		}
		res.note, res.err = note, err
	}
	return all, func() {
		for _, d := range all {
			d.c.close()
		}
	}
}

// readAhead is the client's buffer where speed counts.
const readAhead = 256 << 10

// timed measures the rate of a cycle on one connection.
func timed(depth int, prepare cycler) measure {
	return timedOf(depth, func(string) cycler { return prepare })
}

// timedOf does so where a peer's cycle goes by the name of its result.
func timedOf(depth int, prepare func(name string) cycler) measure {
	return func(b *bench, r *row) map[string]*result {
		results := b.results(r)
		drivers, done := b.drivers(r, results, depth, prepare)
		defer done()
		b.paired(r, results, b.rounds, func(name string) (sample, error) { return drivers[name].rate(b.span) })
		return results
	}
}
