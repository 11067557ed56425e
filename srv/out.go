package srv

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A buffer holds one frame and comes from a pool of its size class.
type buffer struct {
	b     []byte
	class int

	counter *atomic.Int64 // what counts it, and as how much, until it is freed
	counted int64
}

var bufSizes = [...]int{512, 8<<10 + 32, 64<<10 + 32, 256<<10 + 32, 1<<20 + 32}

var bufPools [len(bufSizes)]sync.Pool

// getBuf gives a buffer of n bytes, not cleared.
func getBuf(n int) *buffer {
	for i, size := range bufSizes {
		if n <= size {
			b, ok := bufPools[i].Get().(*buffer)
			if !ok {
				b = &buffer{b: make([]byte, size), class: i}
			}
			b.b = b.b[:n]
			return b
		}
	}
	return &buffer{b: make([]byte, n), class: -1}
}

// count adds n to a counter until the buffer is freed.
func (b *buffer) count(c *atomic.Int64, n int64) {
	c.Add(n)
	b.counter, b.counted = c, n
}

func (b *buffer) free() {
	if b == nil {
		return
	}
	if b.counter != nil {
		b.counter.Add(-b.counted)
		b.counter = nil
	}
	if b.class >= 0 && cap(b.b) >= bufSizes[b.class] {
		bufPools[b.class].Put(b)
	}
}

// An out gathers replies and writes all that are there at once. Whoever flushes
// first writes for everybody; small frames are copied together, large ones go as
// they are (writev).
type out struct {
	w     io.WriteCloser
	stats *shard
	mem   *atomic.Int64 // counts what waits here, for the server

	mu    sync.Mutex
	idle  sync.Cond // signalled when a write has ended
	pend  []*buffer
	spare []*buffer
	vec   [][]byte
	bufs  net.Buffers // what is left of vec, in the write that runs
	bytes int         // in pend and in the write that runs
	busy  bool
	since atomic.Int64 // when the write that runs began, clock; 0: none runs
	err   error
}

const (
	large     = 32 << 10
	batchSize = 64 << 10
	outMax    = 4 << 20 // bytes of replies past which no request is read
	keepPend  = 64      // frames that an idle connection keeps room for
)

// put queues a frame. A small one is copied to the end of the one before it, if
// there is room.
func (o *out) put(b *buffer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bytes += len(b.b)
	o.mem.Add(int64(len(b.b)))
	if n := len(o.pend); n > 0 && len(b.b) < large {
		last := o.pend[n-1]
		if len(b.b) > cap(last.b)-len(last.b) {
			last = getBuf(batchSize)
			last.b = last.b[:0]
			o.pend = append(o.pend, last)
		}
		last.b = append(last.b, b.b...)
		b.free()
		return
	}
	o.pend = append(o.pend, b)
}

// flush writes what is pending and, behind it, batch, or leaves it to the flush
// that runs. The reader of the connection then waits, where the client does not
// take its replies, until it does.
func (o *out) flush(batch *buffer, reader bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if batch != nil {
		o.pend = append(o.pend, batch)
		o.bytes += len(batch.b)
		o.mem.Add(int64(len(batch.b)))
	}
	if o.busy {
		for reader && o.bytes > outMax && o.busy && o.err == nil {
			o.idle.Wait()
		}
		return o.err
	}
	o.busy = true
	for len(o.pend) > 0 {
		pend, n := o.pend, o.bytes
		o.pend = o.spare[:0]
		err := o.err
		o.mu.Unlock()
		if err == nil {
			o.since.Store(clock())
			err = o.write(pend)
			o.since.Store(0)
			o.stats.out.Add(uint64(n))
		}
		for _, b := range pend {
			b.free()
		}
		clear(pend)
		o.mem.Add(-int64(n))
		o.mu.Lock()
		if o.spare = pend; cap(pend) > keepPend {
			o.spare, o.vec = nil, nil
		}
		o.bytes -= n
		o.idle.Broadcast()
		if err != nil && o.err == nil {
			o.err = err
			o.w.Close() // so that the reading side ends too
		}
	}
	o.busy = false
	return o.err
}

func (o *out) write(frames []*buffer) error {
	if len(frames) == 1 {
		_, err := o.w.Write(frames[0].b)
		return err
	}
	o.vec = o.vec[:0]
	for _, f := range frames {
		o.vec = append(o.vec, f.b)
	}
	o.bufs = o.vec
	_, err := o.bufs.WriteTo(o.w)
	clear(o.vec)
	return err
}

var started = time.Now()

// clock is a time in nanoseconds that only goes on, never 0.
func clock() int64 { return int64(time.Since(started)) + 1 }
