package srv

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// A buffer holds one frame and comes from a pool of its size class.
type buffer struct {
	b     []byte
	class int

	counter *atomic.Int64 // what counts it, and as how much, until it is freed
	counted int64
}

var bufSizes = [...]int{512, 8<<10 + 32, 64<<10 + 32, 1<<20 + 32}

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
	mu    sync.Mutex
	idle  sync.Cond // signalled when a write has ended
	pend  []*buffer
	bytes int // in pend and in the write that runs
	busy  bool
	err   error
}

const (
	large  = 32 << 10
	outMax = 4 << 20 // bytes of replies past which no request is read
)

func (o *out) put(b *buffer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		b.free()
		return
	}
	o.pend = append(o.pend, b)
	o.bytes += len(b.b)
}

// room waits, where the client does not take its replies, until it does.
func (o *out) room() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.bytes > outMax && o.busy && o.err == nil {
		o.idle.Wait()
	}
	return o.err
}

// full reports whether replies should no longer wait for others.
func (o *out) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes > 8*large
}

// flush writes what is pending, or leaves it to the flush that runs.
func (o *out) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy {
		return o.err
	}
	o.busy = true
	var spare []*buffer
	for len(o.pend) > 0 && o.err == nil {
		pend, n := o.pend, o.bytes
		o.pend = spare[:0]
		o.mu.Unlock()
		err := write(o.w, pend)
		clear(pend)
		spare = pend
		o.mu.Lock()
		o.bytes -= n
		o.idle.Broadcast()
		if err != nil {
			o.err = err
			o.w.Close() // so that the reading side ends too
		}
	}
	if o.err != nil {
		o.pend = nil
	}
	o.busy = false
	return o.err
}

func write(w io.Writer, frames []*buffer) error {
	if len(frames) == 1 {
		_, err := w.Write(frames[0].b)
		frames[0].free()
		return err
	}
	var vec net.Buffers
	batch := getBuf(large)
	b := batch.b[:0]
	start := 0
	for _, f := range frames {
		if len(f.b) < large {
			if len(b)+len(f.b) <= cap(b) {
				b = append(b, f.b...)
				continue
			}
		}
		if len(b) > start {
			vec = append(vec, b[start:len(b):len(b)])
			start = len(b)
		}
		vec = append(vec, f.b)
	}
	if len(b) > start {
		vec = append(vec, b[start:])
	}
	var err error
	if len(vec) == 1 {
		_, err = w.Write(vec[0])
	} else {
		_, err = vec.WriteTo(w)
	}
	for _, f := range frames {
		f.free()
	}
	batch.free()
	return err
}
