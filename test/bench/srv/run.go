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
	rounds.Row         // the goal is messages a second
	depth      int     // requests that each client has on their way
	part       int     // a round has so many times fewer messages than others
	peers      [2]peer // ours first
}

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
	ipcfs := func(open func(*server) (*channel, error)) [2]peer { return [2]peer{{"ipcfs", open}, {"redis", list}} }
	return []row{
		{rate("queue", "100 B, 64 at once", second), 64, 1, ipcfs(queue("queue q 1024"))},
		{rate("queue", "100 B, 16 at once", 0), 16, 1, ipcfs(queue("queue q 1024"))},
		{rate("queue", "100 B, 1 at once", 0), 1, 10, ipcfs(queue("queue q 1024"))},
		{rate("work queue", "100 B, 64 at once", 0), 64, 1, ipcfs(queue("queue q 1024 work"))},
		{rate("pipe", "100 B, 64 at once", second), 64, 1, ipcfs(pipe)},
	}
}

func rate(work, config string, goal float64) rounds.Row {
	return rounds.Row{Work: work, Config: config, Goal: goal, Rate: true}
}

// run measures the rows that match and reports each as it is done.
func (b *bench) run(ctx context.Context, match *regexp.Regexp, report func(rounds.Row, [2]rounds.Result)) error {
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
		if !match.MatchString(r.Name()) {
			continue
		}
		for _, p := range r.peers {
			if running[p.name] == nil {
				running[p.name] = startServer(ctx, tmp, p.name)
			}
		}
		var ways [2]func() (float64, error)
		for i, p := range r.peers {
			ways[i] = func() (float64, error) { return b.round(ctx, &r, running[p.name], p) }
		}
		report(r.Row, rounds.Alternate(ctx, &b.turn, b.rounds, ways))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
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
