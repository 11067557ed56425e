package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"regexp"
	"time"

	"ninespace/test/bench/rounds"
)

// A bench is one run of the program.
type bench struct {
	rounds int
	long   time.Duration // of each thing in a round
	turn   int           // rotates the order
}

// A way does something once: it gives the time that counts.
type way struct {
	name string
	do   func(ctx context.Context) (time.Duration, error)
	err  error // it can't be done
}

// A row is one thing that is measured, ours first and then the peers.
type row struct {
	work, config string
	ways         []way
	goals        []float64     // for each peer: what ours to it may be at most; 0: none is set
	most         time.Duration // what ours may take at most; 0: none is set
}

func (r *row) name() string { return r.work + ", " + r.config }

// A result is what one way gave in one row: microseconds, by round.
type result struct {
	values rounds.Values
	err    error
}

// run measures the rows that match and reports each as it is done.
func (b *bench) run(ctx context.Context, match *regexp.Regexp, report func(*row, []result)) error {
	tmp, err := os.MkdirTemp("/tmp", "auth.") // room for a socket's name
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	f, err := startFactotum(ctx, tmp)
	if err != nil {
		return err
	}
	defer f.stop()
	agent, err := startAgent(ctx, tmp)
	if err == nil {
		defer agent.stop()
	}
	rows, err := b.rows(ctx, f, agent, err)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if !match.MatchString(r.name()) {
			continue
		}
		report(&r, b.measure(ctx, &r))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// rows makes the rows, with keys of their own.
func (b *bench) rows(ctx context.Context, f *daemon, agent *daemon, noAgent error) ([]row, error) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	var all []row
	for _, k := range []struct {
		name string
		key  crypto.Signer
	}{{"Ed25519", ed}, {"ECDSA P-256", ec}} {
		ours, err := f.handshake(ctx, k.key)
		memory, merr := memoryHandshake(k.key)
		least, lerr := f.leastHandshake(k.key)
		ssh, serr := sshMemory(k.key)
		byAgent, aerr := do(nil), noAgent
		if noAgent == nil {
			byAgent, aerr = agent.ssh(k.key)
		}
		inMemory, inSSH := way{"in memory", memory, merr}, way{"x/crypto/ssh", ssh, serr}
		all = append(all,
			row{work: "handshake", config: k.name, goals: []float64{1.3, 0, .7, 0},
				ways: []way{{"factotum", ours, err}, inMemory, {"least elsewhere", least, lerr}, inSSH, {"ssh, ssh-agent", byAgent, aerr}}},
			row{work: "in memory", config: k.name, goals: []float64{0}, ways: []way{inMemory, inSSH}})
	}
	for _, k := range []struct {
		name string
		key  crypto.Signer
	}{{"Ed25519", ed}, {"ECDSA P-256", ec}} {
		r := row{work: "signature", config: k.name, goals: []float64{1.5}}
		ours, err := f.signature(k.key)
		peer, perr := func(context.Context) (time.Duration, error) { return 0, nil }, noAgent
		if noAgent == nil {
			peer, perr = agent.signature(k.key)
		}
		r.ways = []way{{"factotum", ours, err}, {"ssh-agent", peer, perr}}
		all = append(all, r)
	}
	server, err := f.dp9ik(ctx)
	all = append(all, row{work: "dp9ik", config: "server's processor time", most: 15 * time.Millisecond, ways: []way{{"factotum", server, err}}})
	return all, nil
}

// measure does a row's ways by turns.
func (b *bench) measure(ctx context.Context, r *row) []result {
	results := make([]result, len(r.ways))
	for i, w := range r.ways {
		results[i].err = w.err
	}
	for n := -1; n < b.rounds; n++ { // one to warm up
		b.turn++
		for i := range r.ways {
			i = (i + b.turn) % len(r.ways)
			res := &results[i]
			if res.err == nil {
				res.err = ctx.Err()
			}
			if res.err != nil {
				continue
			}
			var v float64
			if v, res.err = b.round(ctx, r.ways[i].do); n >= 0 && res.err == nil {
				res.values = append(res.values, v)
			}
		}
	}
	return results
}

// round does one way for a while, and gives the microseconds of one time.
func (b *bench) round(ctx context.Context, do func(context.Context) (time.Duration, error)) (float64, error) {
	var sum time.Duration
	times := 0
	for begin := time.Now(); times == 0 || time.Since(begin) < b.long; times++ {
		d, err := do(ctx)
		if err != nil {
			return 0, err
		}
		sum += d
	}
	return sum.Seconds() * 1e6 / float64(times), nil
}
