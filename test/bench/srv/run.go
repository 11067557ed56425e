package main

import (
	"context"
	"os"
	"regexp"
	"time"

	"ninespace/test/bench/rounds"
)

// A bench is one run of the program.
type bench struct {
	rounds   int
	messages int // of a round, where the row does not say less
	turn     int // rotates the order
}

// A row is one thing that is measured.
type row struct {
	work, config string
	depth        int     // requests that each client has on their way
	part         int     // a round has so many times fewer messages than others
	goal         float64 // messages a second that ours is to reach; 0: none is set
	peers        []peer  // ours first
}

func (r *row) name() string { return r.work + ", " + r.config }

// A peer is a way that messages take: a server of that name, and a channel in it.
type peer struct {
	name string
	open func(s *server) (*channel, error)
}

// A channel is the two clients of a row.
type channel struct {
	from, to *link
	also     []*link // that keep it
}

func (c *channel) close() {
	for _, l := range append([]*link{c.from, c.to}, c.also...) {
		l.close()
	}
}

func rows() []row {
	const second = 200000
	return []row{
		{"queue", "100 B, 64 at once", 64, 1, second, []peer{{"ipcfs", queue("queue q 1024")}, {"redis", list}}},
		{"queue", "100 B, 16 at once", 16, 1, 0, []peer{{"ipcfs", queue("queue q 1024")}, {"redis", list}}},
		{"queue", "100 B, 1 at once", 1, 10, 0, []peer{{"ipcfs", queue("queue q 1024")}, {"redis", list}}},
		{"work queue", "100 B, 64 at once", 64, 1, 0, []peer{{"ipcfs", queue("queue q 1024 work")}, {"redis", list}}},
		{"pipe", "100 B, 64 at once", 64, 1, second, []peer{{"ipcfs", pipe}, {"redis", list}}},
	}
}

// A result is what one peer gave in one row: messages a second, by round.
type result struct {
	values rounds.Values
	err    error
}

// run measures the rows that match and reports each as it is done.
func (b *bench) run(ctx context.Context, match *regexp.Regexp, report func(*row, []result)) error {
	tmp, err := os.MkdirTemp("", "srv.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	running := map[string]*server{}
	defer func() {
		for _, s := range running {
			s.stop()
		}
	}()
	for _, r := range rows() {
		if !match.MatchString(r.name()) {
			continue
		}
		for _, p := range r.peers {
			if running[p.name] == nil {
				running[p.name] = startServer(ctx, tmp, p.name)
			}
		}
		report(&r, b.measure(ctx, &r, running))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (b *bench) measure(ctx context.Context, r *row, running map[string]*server) []result {
	results := make([]result, len(r.peers))
	for n := -1; n < b.rounds; n++ { // one to warm up
		b.turn++
		for i := range r.peers {
			i = (i + b.turn) % len(r.peers)
			res := &results[i]
			if res.err == nil {
				res.err = ctx.Err()
			}
			if res.err != nil {
				continue
			}
			var v float64
			if v, res.err = b.round(ctx, r, running[r.peers[i].name], r.peers[i]); n >= 0 && res.err == nil {
				res.values = append(res.values, v)
			}
		}
	}
	return results
}

// round sends messages through a channel of its own.
func (b *bench) round(ctx context.Context, r *row, s *server, p peer) (float64, error) {
	if s.missing != nil {
		return 0, s.missing
	}
	c, err := p.open(s)
	if err != nil {
		return 0, err
	}
	defer c.close()
	stop := context.AfterFunc(ctx, c.close)
	defer stop()
	n := b.messages / r.part
	begin := time.Now()
	sent := make(chan error, 1)
	go func() { sent <- c.from.drive(r.depth, n) }()
	err = c.to.drive(r.depth, n)
	took := time.Since(begin)
	if err != nil {
		c.close()
	}
	if serr := <-sent; err == nil {
		err = serr
	}
	return float64(n) / took.Seconds(), err
}
