package srv

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ninespace/srv/p9"
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
	srv   *Server // its state counts what waits here
	stats *shard

	mu    sync.Mutex
	idle  sync.Cond // signalled when a write has ended
	pend  []*buffer
	spare []*buffer
	vec   [][]byte
	raw   syscall.RawConn
	once  func(fd uintptr) bool
	limit func(time.Time) error // when poll gives up waiting
	try   bool                  // poll is to wait for patience only
	timed bool                  // limit is set
	pass  *pass                 // nil: pages of files cannot go to w
	n     int                   // what once wrote
	werr  error
	bytes int // in pend and in the write that runs
	busy  bool
	part  int          // bytes of the first frame that are written already, of whoever writes
	since atomic.Int64 // since when the write that runs has got nowhere, clock; 0: none runs
	err   error
}

const (
	large     = 32 << 10
	batchSize = 64 << 10
	bitSize   = 256<<10 + readHead // of one frame, where w is no socket
	gatherMax = 160 << 10          // bytes of replies that are written at once: a Unix socket takes 208 KiB
	outMax    = 4 << 20            // bytes of replies past which no request is read
	keepPend  = 64                 // frames that an idle connection keeps room for

	// patience is how long the reader waits for a client to take something before it
	// reads on. One that is quick then has its next replies made in buffers that are
	// in the processor's caches still, and no other goroutine is woken.
	patience = 10 * time.Millisecond
)

// put queues a frame. A small one is copied to the end of the one before it, if
// there is room.
func (o *out) put(b *buffer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count(b)
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

// count counts a frame that is to be written, with o.mu held.
func (o *out) count(b *buffer) {
	o.bytes += len(b.b)
	o.srv.st.mem.Add(int64(len(b.b)))
}

// flush writes what is pending and, behind it, batch, or leaves it to the flush
// that runs. The reader of the connection then waits, where the client does not
// take its replies, until it does.
func (o *out) flush(batch *buffer, reader bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if batch != nil {
		o.pend = append(o.pend, batch)
		o.count(batch)
	}
	o.srv.scarce() // then slow clients are looked for
	if o.busy {
		for reader && o.bytes > outMax && o.busy && o.err == nil {
			o.idle.Wait()
		}
		return o.err
	}
	o.busy = true
	return o.finish(reader)
}

// finish writes all that is pending, with o.mu held and o.busy set. Where a client is
// slow, the reader leaves that to another goroutine, with o.busy, and reads on for a
// while.
func (o *out) finish(reader bool) error {
	if o.drain(reader) {
		go func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.drain(false)
		}()
		for o.bytes > outMax && o.busy && o.err == nil {
			o.idle.Wait()
		}
	}
	return o.err
}

// wait waits until all that was flushed is written, or never will be.
func (o *out) wait() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.busy && o.bytes > 0 && o.err == nil {
		o.idle.Wait()
	}
}

// drain writes all that is pending, with o.mu held and o.busy set, which it
// resets. With try it stops where it would have to wait for long, and says so.
func (o *out) drain(try bool) (more bool) {
	for len(o.pend) > 0 {
		if try && o.raw == nil { // it may wait
			return true
		}
		pend := o.pend
		o.pend = o.spare[:0]
		err := o.err
		o.mu.Unlock()
		var n int
		all := -o.part
		for _, b := range pend {
			all += len(b.b)
		}
		if err == nil {
			o.since.CompareAndSwap(0, clock())
			if n, err = o.write(pend, try); n > 0 || err != nil {
				o.since.Store(0)
			}
			o.stats.out.Add(uint64(n))
		}
		if err != nil {
			n = all
		}
		left := pend[:0]
		o.part += n
		for _, b := range pend {
			if len(left) == 0 && o.part >= len(b.b) {
				o.part -= len(b.b)
				b.free()
			} else {
				left = append(left, b)
			}
		}
		clear(pend[len(left):])
		o.srv.st.mem.Add(-int64(n))
		o.mu.Lock()
		o.bytes -= n
		o.idle.Broadcast()
		o.fail(err)
		if len(left) > 0 {
			behind := o.pend
			o.pend = append(left, behind...)
			clear(behind)
			o.spare = behind[:0]
			if try && n == 0 {
				return true
			}
			continue
		}
		if o.spare = pend; cap(pend) > keepPend {
			o.spare, o.vec = nil, nil
		}
	}
	o.busy = false
	return false
}

// fail ends the connection for an error, if there is one, with o.mu held.
func (o *out) fail(err error) {
	if err != nil && o.err == nil {
		o.err = err
		o.w.Close() // so that the reading side ends too
	}
}

// write writes frames, or some bytes of them; with try none where the client takes
// none for a while.
func (o *out) write(frames []*buffer, try bool) (int, error) {
	o.vec = o.vec[:0]
	for _, f := range frames {
		o.vec = append(o.vec, f.b)
	}
	o.vec[0] = o.vec[0][o.part:]
	defer clear(o.vec)
	if o.raw != nil {
		o.n, o.werr = 0, nil
		if slow, err := o.poll(o.once, try); slow || err != nil {
			return 0, err
		}
		return o.n, o.werr
	}
	return o.w.Write(o.vec[0][:min(len(o.vec[0]), bitSize)]) // bit by bit, for since
}

// poll calls f, which writes to the socket, until it says that it is done; with try it
// gives up where the client takes nothing for a while, and says so.
func (o *out) poll(f func(fd uintptr) bool, try bool) (slow bool, err error) {
	o.try = try
	err = o.raw.Write(f)
	if o.timed {
		o.timed = false
		o.limit(time.Time{})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return true, nil
		}
	}
	return false, err
}

// full says what poll is to be told where the socket is full: whether f is done.
func (o *out) full() bool {
	o.timed = o.try && o.limit(time.Now().Add(patience)) == nil
	return o.try && !o.timed
}

// open has writes go on by what the client takes, and those of the reading
// goroutine not wait for that for long. Where w is no socket, they are another's.
func (o *out) open(w io.WriteCloser) {
	o.w = w
	if o.raw = p9.Socket(w); o.raw == nil {
		return
	}
	o.limit = w.(net.Conn).SetWriteDeadline
	o.pass = newPass(o)
	o.once = func(fd uintptr) bool {
		for {
			if len(o.vec) == 1 {
				o.n, o.werr = syscall.Write(int(fd), o.vec[0])
			} else {
				o.n, o.werr = writev(int(fd), o.vec)
			}
			o.n = max(0, o.n)
			switch o.werr {
			case syscall.EINTR:
				continue
			case syscall.EAGAIN:
				o.werr = nil
				return o.full()
			}
			return true
		}
	}
}

var started = time.Now()

// clock is a time in nanoseconds that only goes on, never 0.
func clock() int64 { return int64(time.Since(started)) + 1 }
