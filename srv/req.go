package srv

import (
	"context"
	"sync"

	"ninespace/srv/p9"
)

// A req is one request from its arrival to its reply.
type req struct {
	t p9.Fcall
	life
}

// A life is what a request has beside its message.
type life struct {
	c     *conn
	frame *buffer // the request's bytes, where they are its own; t.Data and t.Stat are in it
	size  int     // of the request
	held  int64   // how much of it conn.hold counts
	began int64   // clock

	// Under conn.mu until it runs.
	bad    error   // decided before it ran
	need   [2]*fid // the fids that it uses
	use    [2]use  // and how
	shares [2]bool // those that it is counted in the sharing of
	stale  bool    // one of them was clunked before its turn
	alone  bool    // the last on a fid that it is the end of
	waits  int     // on how many of their queues it is
	links  [2]link // its places there; the first, where it waits for a worker
	queued bool    // it does

	flushes []waiting // Tflushes to answer after it, under conn.mu

	ctx  *reqCtx   // nil while on the reading goroutine
	rx   *p9.Fcall // the reply's fields, but for a read's
	rbuf *buffer   // a read's reply
	rlen int       // a read's reply, where it is in the batch
	sent bool      // a read's reply has been written
}

// A waiting is a Tflush that is answered after another request.
type waiting struct {
	tag   uint16
	began int64 // clock
}

var (
	reqs   = sync.Pool{New: func() any { return new(req) }}
	fcalls = sync.Pool{New: func() any { return new(p9.Fcall) }}
)

// newReq gives the reading goroutine a request.
func (c *conn) newReq() *req {
	r := c.spare
	if c.spare = nil; r == nil {
		r = reqs.Get().(*req)
	}
	r.c = c
	return r
}

// done gives the request back on the reading goroutine, which has the next one soon.
func (r *req) done() {
	c := r.c
	r.clear()
	c.spare = r
}

// free gives the request back.
func (r *req) free() {
	r.clear()
	reqs.Put(r)
}

// clear gives back what the request holds.
func (r *req) clear() {
	r.frame.free()
	if r.rx != nil && r.rx != &r.c.rx {
		r.rx.Stat = nil
		fcalls.Put(r.rx)
	}
	if r.size > smallFrame+len(r.t.Data)+len(r.t.Stat) { // not to keep what it named
		r.t = p9.Fcall{}
	}
	r.t.Data, r.t.Stat = nil, nil // all else is set anew, as far as it counts
	if r.held > 0 {
		r.c.hold(-r.held)
	}
	r.life = life{flushes: r.flushes[:0]}
}

// reply gives the reply to fill in.
func (r *req) reply() *p9.Fcall {
	if r.rx == nil {
		if r.ctx == nil {
			r.rx = &r.c.rx
		} else {
			r.rx = fcalls.Get().(*p9.Fcall)
		}
	}
	return r.rx
}

// keep makes the bytes that the request needs its own, for the input will be read
// on before it has run.
func (r *req) keep() error {
	data := &r.t.Data
	if r.t.Type == p9.Twstat {
		data = &r.t.Stat
	}
	if r.frame == nil && len(*data) > 0 {
		r.frame = getBuf(len(*data))
		copy(r.frame.b, *data)
		*data = r.frame.b
	}
	if r.held > 0 { // it came in a buffer of its own
		return nil
	}
	n := int64(r.size) // names are copies
	if r.frame != nil {
		n = max(n, int64(cap(r.frame.b)))
	}
	if r.size > smallFrame {
		if err := r.c.mayHold(n); err != nil {
			return err
		}
	}
	r.held = n
	r.c.hold(n)
	return nil
}

// reqCtx is the context of a request that may block. It ends by flush and hangup
// only, so Done costs nothing until somebody asks.
type reqCtx struct {
	context.Context // the attach's: values
	mu              sync.Mutex
	done            chan struct{}
	err             error
}

func (c *reqCtx) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

func (c *reqCtx) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *reqCtx) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = context.Canceled
		if c.done != nil {
			close(c.done)
		}
	}
}

// who says whose request it is.
func (r *req) who() *session {
	if f := r.need[0]; f != nil && f.who != nil {
		return f.who
	}
	return &session{ctx: r.c.base, quick: r.c.base}
}

// run does a request that may block.
func (r *req) run() {
	if r.bad == nil { // it has its fids, and those are made
		r.ctx.Context = r.who().ctx
	}
	r.finish(r.handle(r.ctx))
}

// finish makes the request's effects final, queues its reply and what follows
// it, and lets waiting requests go on.
func (r *req) finish(err error) {
	c := r.c
	now := clock()
	c.stats.count(one(r.t.Type, err != nil), now-r.began)
	c.stats.inflight.Add(-1)
	reply := r.encode(err)
	c.mu.Lock()
	next, drop := c.leave(r)
	if drop != [2]*fid{} {
		c.mu.Unlock()
		c.follow(nil, drop) // before the reply: when all is answered, a clunk has come to its end
		c.mu.Lock()
	}
	delete(c.reqs, r.t.Tag)
	if err == nil || len(r.flushes) == 0 || r.ended() {
		c.out.put(reply)
	} else {
		reply.free()
	}
	for _, f := range r.flushes {
		delete(c.flushing, f.tag)
		c.out.put(c.rflush(f.tag))
		c.stats.count(one(p9.Tflush, false), now-f.began)
	}
	c.owing = true
	last := c.draining && len(c.reqs) == 0
	for _, n := range next {
		c.enqueue(n) // who runs this goes on with them
	}
	c.mu.Unlock()
	r.free()
	if last {
		c.out.flush(nil, false)
		c.stopReading()
	}
}

// ended reports whether the request was its fid's last, which holds even where
// it failed, so that the client must hear of it.
func (r *req) ended() bool {
	return r.need[0] != nil && r.use[0] == final && r.bad == nil && !r.stale
}
