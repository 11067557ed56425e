package srv

import (
	"context"
	"fmt"
	"math/bits"
	"strings"
	"sync/atomic"

	"ninespace/srv/p9"
)

// What a server counts, without a lock between connections: each adds to one of
// a few shards.

const (
	shards  = 8
	buckets = 24 // of latencies: the i-th up to 2^i µs
)

type shard struct {
	in, out  atomic.Uint64 // bytes
	taken    [stocks]atomic.Int64
	inflight atomic.Int64 // requests on goroutines of their own, or waiting for a turn
	calls    [128]tally   // by T-message: types are even
	_        [64]byte     // no line of the cache with the next one's
}

type tally struct {
	errs, ns atomic.Uint64
	took     [buckets]atomic.Uint64
}

// A tallied is a number of requests of one type.
type tallied struct {
	t       p9.Type
	n, errs uint64
}

func (d *tallied) add(failed bool) {
	d.n++
	if failed {
		d.errs++
	}
}

func one(t p9.Type, failed bool) (d tallied) {
	d.t = t
	d.add(failed)
	return d
}

// tally notes a request that the reading goroutine has answered: those that came
// together are answered together, so that the clock is asked once for them all.
func (c *conn) tally(t p9.Type, failed bool) {
	for i := range c.done {
		if c.done[i].t == t {
			c.done[i].add(failed)
			return
		}
	}
	c.done = append(c.done, one(t, failed))
}

// count counts requests that took so many nanoseconds from coming to being
// answered.
func (s *shard) count(d tallied, took int64) {
	c := &s.calls[d.t/2]
	ns := uint64(max(0, took))
	c.ns.Add(d.n * ns)
	c.took[min(buckets-1, bits.Len64(ns/1000))].Add(d.n)
	if d.errs > 0 {
		c.errs.Add(d.errs)
	}
}

// Stats is a file that tells what the server has done since it began, a line of
// words and numbers each:
//
//	conns 3
//	fids 120
//	descriptors 80
//	inflight 2
//	held 4096 bytes
//	in 482311 bytes
//	out 9182309 bytes
//	mem 0 bytes
//	Twalk n 1200 err 3 mean 4 p50 8 p99 16 max 64 µs
//
// descriptors are those that files hold; inflight are requests that may block; held
// are the bytes of requests and of attributes that are not done with, mem those of
// replies that wait for their clients. Of each message it tells how many were
// answered, or flushed, how many with an error, and times in µs: the mean, and the powers of
// two that half of them, all but a hundredth, and all took less than.
func (s *Server) Stats() File {
	return Text(0o444, func(context.Context) (string, error) { return s.stats(), nil })
}

func (s *Server) stats() string {
	st := s.state()
	st.mu.Lock()
	conns := len(st.conns)
	st.mu.Unlock()
	var in, out uint64
	var inflight int64
	for i := range st.shards {
		sh := &st.shards[i]
		in, out = in+sh.in.Load(), out+sh.out.Load()
		inflight += sh.inflight.Load()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "conns %d\nfids %d\ndescriptors %d\ninflight %d\nheld %d bytes\nin %d bytes\nout %d bytes\nmem %d bytes\n",
		conns, st.taken(fidNumbers), st.taken(descriptors), inflight, st.taken(heldBytes), in, out, st.mem.Load())
	for t := range len(st.shards[0].calls) {
		var errs, ns, n uint64
		var took [buckets]uint64
		for i := range st.shards {
			c := &st.shards[i].calls[t]
			errs, ns = errs+c.errs.Load(), ns+c.ns.Load()
			for j := range took {
				k := c.took[j].Load()
				took[j] += k
				n += k
			}
		}
		if n == 0 {
			continue
		}
		below := func(share float64) int {
			var sum uint64
			for j, k := range took {
				if sum += k; float64(sum) >= share*float64(n) {
					return 1 << j
				}
			}
			return 1 << buckets
		}
		fmt.Fprintf(&b, "%s n %d err %d mean %d p50 %d p99 %d max %d µs\n", p9.Type(2*t), n, errs, ns/n/1000, below(0.5), below(0.99), below(1))
	}
	return b.String()
}
