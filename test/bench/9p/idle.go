package main

import (
	"errors"
	"fmt"
	"math"
)

// What a server holds rather than how fast it is.

// held is what an idle connection costs.
type held struct{ memory, goroutines map[string]*result }

// idle measures n idle connections, that have agreed on a version, attached and
// walked to a file. Each round is of a fresh process: one that has had so many
// connections before has their memory still.
func (b *bench) idle(n int) held {
	if h, ok := b.held[n]; ok {
		return h
	}
	h := held{map[string]*result{}, map[string]*result{}}
	b.held[n] = h
	rounds := b.few
	if n > 1000 || b.quick {
		rounds = 1
	}
	for _, name := range all {
		h.memory[name] = &result{err: b.servers[name].missing}
		h.goroutines[name] = &result{err: b.servers[name].missing}
		if !b.servers[name].goes {
			h.goroutines[name].err = errNotGo
		}
	}
	for i := range rounds {
		for j := range all {
			name := all[(i+j)%len(all)]
			m, g := h.memory[name], h.goroutines[name]
			if m.err == nil {
				m.err = b.room(name, n)
			}
			if m.err == nil {
				m.err = b.ctx.Err()
			}
			if m.err != nil {
				if b.servers[name].goes {
					g.err = m.err
				}
				continue
			}
			var bytes, routines float64
			if bytes, routines, m.note, m.err = b.hold(name, n); m.err != nil {
				m.err = fmt.Errorf("%d connections: %w", n, m.err)
				continue
			}
			m.values = append(m.values, bytes/1024)
			g.values = append(g.values, routines)
		}
	}
	return h
}

var errQuick = errors.New("not with -q")

// room refuses what would fill the machine, by what fewer connections took.
func (b *bench) room(name string, n int) error {
	if n <= 1000 {
		return nil
	}
	if b.quick && name != "ours" && name != "null" {
		return errQuick
	}
	before := b.idle(1000).memory[name]
	if before.err != nil {
		return before.err
	}
	need := int64(before.values.Median() * 1024 * float64(n))
	if have := available(); need > have/2 {
		return fmt.Errorf("would take %d MiB of the %d MiB that are free", need>>20, have>>20)
	}
	return nil
}

// hold starts a server, keeps n connections to it, and tells what each takes.
func (b *bench) hold(name string, n int) (bytes, routines float64, note string, err error) {
	s := b.servers[name].again()
	defer s.stop()
	if err := s.start(b.ctx, b.tmp, b.data); err != nil {
		return 0, 0, "", err
	}
	names := []string{"file"}
	if b.limit < 3*n {
		names, note = nil, fmt.Sprintf("%d descriptors at most: walks of no names", b.limit)
	}
	look := func() (int64, int, error) {
		var h health
		if s.goes {
			if h, err = s.health(true); err != nil {
				return 0, 0, err
			}
		}
		rss, err := resident(s.cmd.Process.Pid)
		return rss, h.Goroutines, err
	}
	rss, g, err := look()
	if err != nil {
		return 0, 0, "", err
	}
	in := make([]byte, 4<<10)
	for range n {
		c, err := dial(s, in)
		if err != nil {
			return 0, 0, "", s.blame(err)
		}
		defer c.close()
		if err := c.walk(fileFid, names...); err != nil {
			return 0, 0, "", s.blame(err)
		}
	}
	rss2, g2, err := look()
	return float64(rss2-rss) / float64(n), float64(g2-g) / float64(n), note, err
}

func memoryOf(n int) measure {
	return func(b *bench, r *row) map[string]*result { return b.idle(n).memory }
}

func goroutinesOf(n int) measure {
	return func(b *bench, r *row) map[string]*result { return b.idle(n).goroutines }
}

// allocations counts what a cycle allocates in the server, once it is warm.
func allocations(depth int, prepare cycler) measure {
	return func(b *bench, r *row) map[string]*result {
		results := b.results(r)
		n := 20000
		if b.quick {
			n = 1000
		}
		drivers, done := b.drivers(r, results, depth, func(string) cycler { return prepare })
		defer done()
		b.paired(r, results, b.few, func(name string) (v sample, err error) {
			s, d := b.servers[name], drivers[name]
			first, err := s.health(false)
			if err != nil {
				return v, err
			}
			before, err := s.health(false)
			if err != nil {
				return v, err
			}
			asking := before.Mallocs - first.Mallocs
			if _, _, err := d.c.drive(d.cycle, depth, n, 0); err != nil {
				return v, err
			}
			after, err := s.health(false)
			v.value = math.Max(0, float64(after.Mallocs)-float64(before.Mallocs+asking)) / float64(n)
			return v, err
		})
		return results
	}
}
