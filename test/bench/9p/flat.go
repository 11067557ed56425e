package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ninespace/srv/p9"
)

// Whether the cost of an operation stays flat when there is more of everything.
// Such a row has, besides the peers, base: ours where there is little, a process
// of its own.

const base = "base"

// A row's floor is what no engine can change: null, the kernel without any server
// (local), or what both take together (sys). It has a base too, "null base", "local
// base"; that of sys is null.
func (r *row) floorBase() string {
	if r.floor == "sys" {
		return "null"
	}
	return r.floor + " " + base
}

func isBase(name string) bool { return strings.HasSuffix(name, base) }

// flat is the goal of these rows: within 20 %.
var flat = []goal{{base, 1 / 1.2}}

// overConnections reads 4 KiB over n connections in turn, with one request under
// way at any time: the same load for each n, and no n has it easier by requests
// that come in one piece. base has one connection.
func overConnections(n int) measure {
	return func(b *bench, r *row) map[string]*result {
		results := b.results(r)
		in := make([]byte, 8<<10) // one for all: what is measured is the server's memory
		fleets := map[string][]driver{}
		defer func() {
			for _, f := range fleets {
				for _, d := range f {
					d.c.close()
				}
			}
		}()
		for _, name := range r.peers {
			k := n
			if isBase(name) {
				k = 1
			}
			for i := 0; i < k && results[name].err == nil; i++ {
				d, _, err := b.driver(b.servers[name], in, 1, transfer(4<<10, false))
				if err != nil {
					results[name].err = fmt.Errorf("connection %d: %w", i, err)
					break
				}
				fleets[name] = append(fleets[name], d)
			}
		}
		b.paired(r, results, b.rounds, func(name string) (sample, error) {
			return b.servers[name].sample(func() (float64, time.Duration, error) {
				fleet, begin := fleets[name], time.Now()
				for done := 0; ; {
					d := fleet[done%len(fleet)]
					if _, _, err := d.c.drive(d.cycle, 1, 1, 0); err != nil {
						return 0, 0, err
					}
					done++
					if t := time.Since(begin); t >= b.span && done >= len(fleet) {
						return float64(done), t, nil
					}
				}
			})
		})
		return results
	}
}

// fillTime is how long the making of fids may take.
const fillTime = 4 * time.Second

// withFids measures the stat cycle on a connection that has n more fids, clones
// of the root's. base has none.
func withFids(n, depth int) measure {
	return timedOf(depth, func(name string) cycler {
		if isBase(name) {
			return statCycle("", "file")
		}
		return func(c *conn, depth int) ([]step, float64, string, error) {
			const first = 1 << 20
			fid := uint32(first)
			clone := step{want: p9.Rwalk, send: func(c *conn, slot int) error {
				c.sendWalk(slot, rootFid, fid)
				fid++
				return nil
			}}
			have, _, err := c.drive([]step{clone}, maxDepth, n, fillTime)
			if err != nil {
				return nil, 0, "", fmt.Errorf("after %d fids: %w", fid-first, err)
			}
			cycle, per, note, err := statCycle("", "file")(c, depth)
			if have < n {
				note = fmt.Sprintf("%d fids in %v", have, fillTime)
			}
			return cycle, per, note, err
		}
	})
}

// inMillion runs a measure in the directory of a million entries, which is made
// for the first row that needs it. base is in the one of many.
func inMillion(run measure) measure {
	return func(b *bench, r *row) map[string]*result {
		dir := filepath.Join(b.data, million)
		if _, err := os.Stat(dir); err != nil {
			if err := crowd(b.ctx, dir, millionSize); err != nil {
				return b.failed(r, err)
			}
		}
		return run(b, r)
	}
}

// crowded names the directory of a result.
func crowded(name string) string {
	if isBase(name) {
		return many
	}
	return million
}

// statAmong is the stat cycle on a thousand of a directory's files in turn.
func statAmong(name string) cycler {
	names := make([]string, 1000)
	for i := range names {
		names[i] = nameOf(i)
	}
	return statCycle(crowded(name), names...)
}
