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
	return Text(0o444, func(context.Context) (string, error) { return s.figures().text(), nil })
}

// Metrics is a file that tells the same in the text format of Prometheus (version
// 0.0.4), each series with the label server, which is name. The names begin with
// ninespace_; times are histograms in seconds.
func (s *Server) Metrics(name string) File {
	return Text(0o444, func(context.Context) (string, error) { return s.figures().metrics(name), nil })
}

// figures is what a server has counted, at one time.
type figures struct {
	gauges []figure
	calls  []call
}

type figure struct {
	name, unit string
	n          uint64
	help       string
	total      bool // it never becomes less
}

type call struct {
	t           p9.Type
	n, errs, ns uint64
	took        [buckets]uint64
}

func (s *Server) figures() figures {
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
	f := figures{gauges: []figure{
		{"conns", "", uint64(conns), "connections", false},
		{"fids", "", uint64(st.taken(fidNumbers)), "fids in use", false},
		{"descriptors", "", uint64(st.taken(descriptors)), "descriptors that files hold", false},
		{"inflight", "", uint64(max(0, inflight)), "requests that may block and are not answered", false},
		{"held", "bytes", uint64(st.taken(heldBytes)), "requests and attributes that are not done with", false},
		{"in", "bytes", in, "bytes received", true},
		{"out", "bytes", out, "bytes sent", true},
		{"mem", "bytes", uint64(max(0, st.mem.Load())), "replies that wait for their clients", false},
	}}
	for t := range len(st.shards[0].calls) {
		c := call{t: p9.Type(2 * t)}
		for i := range st.shards {
			s := &st.shards[i].calls[t]
			c.errs, c.ns = c.errs+s.errs.Load(), c.ns+s.ns.Load()
			for j := range c.took {
				k := s.took[j].Load()
				c.took[j] += k
				c.n += k
			}
		}
		if c.n > 0 {
			f.calls = append(f.calls, c)
		}
	}
	return f
}

// below gives the power of two, in µs, that a share of the requests took less than.
func (c *call) below(share float64) int {
	var sum uint64
	for j, k := range c.took {
		if sum += k; float64(sum) >= share*float64(c.n) {
			return 1 << j
		}
	}
	return 1 << buckets
}

func (f figures) text() string {
	var b strings.Builder
	for _, g := range f.gauges {
		fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprint(g.name, " ", g.n, " ", g.unit)))
	}
	for _, c := range f.calls {
		fmt.Fprintf(&b, "%s n %d err %d mean %d p50 %d p99 %d max %d µs\n", c.t, c.n, c.errs, c.ns/c.n/1000, c.below(0.5), c.below(0.99), c.below(1))
	}
	return b.String()
}

func (f figures) metrics(server string) string {
	var b strings.Builder
	family := func(name, kind, help string) {
		fmt.Fprintf(&b, "# HELP ninespace_%s %s\n# TYPE ninespace_%s %s\n", name, help, name, kind)
	}
	server = strings.NewReplacer("\\", `\\`, "\"", `\"`, "\n", `\n`).Replace(server)
	for _, g := range f.gauges {
		name, kind := strings.TrimSuffix(g.name+"_"+g.unit, "_"), "gauge"
		if g.total {
			name, kind = name+"_total", "counter"
		}
		family(name, kind, g.help)
		fmt.Fprintf(&b, "ninespace_%s{server=\"%s\"} %d\n", name, server, g.n)
	}
	if len(f.calls) == 0 {
		return b.String()
	}
	family("errors_total", "counter", "requests answered with an error, by message")
	for _, c := range f.calls {
		fmt.Fprintf(&b, "ninespace_errors_total{server=\"%s\",message=\"%s\"} %d\n", server, c.t, c.errs)
	}
	family("request_seconds", "histogram", "time from a request's coming to its answer, by message")
	for _, c := range f.calls {
		series := func(suffix, le string, v any) {
			fmt.Fprintf(&b, "ninespace_request_seconds%s{server=\"%s\",message=\"%s\"%s} %v\n", suffix, server, c.t, le, v)
		}
		var sum uint64
		for j, k := range c.took[:buckets-1] {
			sum += k
			series("_bucket", fmt.Sprintf(",le=\"%g\"", float64(uint64(1)<<j)/1e6), sum)
		}
		series("_bucket", ",le=\"+Inf\"", c.n)
		series("_sum", "", float64(c.ns)/1e9)
		series("_count", "", c.n)
	}
	return b.String()
}
