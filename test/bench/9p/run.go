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
	cpu    bool
	rounds int
	span   time.Duration // of one round
	last   time.Duration // of it all

	ctx     context.Context
	limit   int    // of descriptors
	tmp     string // sockets and logs
	data    string // the served directory
	servers map[string]*server
	held    map[int]held // by number of connections
	turn    int          // rotates the order
}

// longest is what a row may take with -q.
const longest = 6 * time.Second

var errTime = errors.New("no time left for it")

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
	values rounds.Values
	note   string
	err    error
}

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

// rotated calls do for each of the row's peers that has not failed, in b.rounds
// rounds, each round with another one first. With -q a peer whose rounds are so
// long has fewer of them.
func (b *bench) rotated(r *row, results map[string]*result, do func(name string) (float64, error)) {
	took := map[string]time.Duration{}
	for range b.rounds {
		b.turn++
		for i := range r.peers {
			name := r.peers[(i+b.turn)%len(r.peers)]
			res := results[name]
			if res.err == nil {
				res.err = b.ctx.Err()
			}
			if res.err != nil {
				continue
			}
			if b.quick && took[name] > time.Second {
				continue
			}
			begin := time.Now()
			v, err := do(name)
			if err != nil {
				res.err = b.servers[name].blame(err)
				continue
			}
			took[name] += time.Since(begin)
			res.values = append(res.values, v)
		}
	}
}

// A driver is a connection that is ready for a cycle.
type driver struct {
	c     *conn
	s     *server // whose time counts, nil with the clock's
	cycle []step
	per   float64 // cycles to an operation of the row
	depth int
}

// rate drives the connection for a while and gives operations a second: one of the
// clock, or with -cpu one that the server ran.
func (d driver) rate(span time.Duration) (float64, error) {
	var ran time.Duration
	if d.s != nil {
		var err error
		if ran, err = d.s.ran(); err != nil {
			return 0, err
		}
	}
	n, t, err := d.c.drive(d.cycle, d.depth, 0, span)
	if d.s != nil && err == nil {
		t, err = d.s.ran()
		t -= ran
	}
	return float64(n) / d.per / t.Seconds(), err
}

// driver connects to a server and prepares. in is the client's buffer.
func (b *bench) driver(s *server, in []byte, depth int, prepare cycler) (d driver, note string, err error) {
	d.depth = depth
	if b.cpu {
		d.s = s
	}
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
		b.rotated(r, results, func(name string) (float64, error) { return drivers[name].rate(b.span) })
		return results
	}
}
