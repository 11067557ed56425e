package srv

import (
	"context"
	"sync"

	"ninespace/srv/p9"
)

// A req is one request from its arrival to its reply.
type req struct {
	c     *conn
	t     p9.Fcall
	frame *buffer // the request's bytes; t.Data and t.Stat are in it
	bad   error   // decided before it ran

	// Under conn.mu.
	tabled  bool     // in conn.reqs
	need    [2]*fid  // the fids that it uses
	use     [2]use   // and how
	shares  [2]bool  // those that it is counted in the sharing of
	stale   bool     // one of them was clunked before its turn
	waits   int      // on how many of their queues it is
	flushes []uint16 // tags of Tflushes to answer after it

	ctx *reqCtx // nil while on the reading goroutine
	cmu sync.Mutex
	end bool // cancelled

	rbuf *buffer // a reply's frame, made by a read
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

// cancel ends the request's context, whether it has begun or not.
func (r *req) cancel() {
	r.cmu.Lock()
	defer r.cmu.Unlock()
	r.end = true
	if r.ctx != nil {
		r.ctx.cancel()
	}
}

// blocking gives the request a context that can be cancelled.
func (r *req) blocking() {
	r.cmu.Lock()
	defer r.cmu.Unlock()
	r.ctx = &reqCtx{Context: r.values()}
	if r.end {
		r.ctx.cancel()
	}
}

// values is the context that says whose request it is.
func (r *req) values() context.Context {
	if f := r.need[0]; f != nil && f.ctx != nil {
		return f.ctx
	}
	return r.c.base
}

// start runs the request. On the reading goroutine, what may block moves to one
// of its own.
func (r *req) start(reader bool) {
	if reader {
		if r.bad != nil || r.inline() {
			rx, err := r.handle(r.values())
			if err != errNotInline {
				r.finish(rx, err)
				return
			}
		}
		go r.run()
		return
	}
	if r.bad != nil {
		r.finish(p9.Fcall{}, r.bad)
		r.c.out.flush()
		return
	}
	go r.run()
}

func (r *req) run() {
	r.blocking()
	rx, err := r.handle(r.ctx)
	c := r.c
	r.finish(rx, err)
	c.out.flush()
}

// finish makes the request's effects final, queues its reply and what follows
// it, and lets waiting requests go on.
func (r *req) finish(rx p9.Fcall, err error) {
	c := r.c
	c.mu.Lock()
	next, drop := c.leave(r)
	if r.tabled {
		delete(c.reqs, r.t.Tag)
	}
	r.cmu.Lock()
	flushed := r.end
	r.cmu.Unlock()
	switch {
	case err == nil:
		rx.Type, rx.Tag = r.t.Type+1, r.t.Tag
		c.send(&rx, c.dotl, r.rbuf)
	case !flushed || len(r.flushes) == 0 || r.ended():
		c.send(c.errorReply(r.t.Tag, p9.ErrorOf(err), c.dotl), c.dotl, nil)
	}
	for _, tag := range r.flushes {
		delete(c.flushing, tag)
		c.send(&p9.Fcall{Type: p9.Rflush, Tag: tag}, c.dotl, nil)
	}
	c.mu.Unlock()
	r.free()
	for _, n := range next {
		n.start(false)
	}
	for _, f := range drop {
		f.drop()
	}
	c.wg.Done()
}

// ended reports whether the request was its fid's last, which holds even where
// it failed, so that the client must hear of it.
func (r *req) ended() bool {
	return r.need[0] != nil && r.use[0] == final && r.bad == nil && !r.stale
}

// free gives back the request's bytes.
func (r *req) free() {
	r.frame.free()
	r.frame = nil
}
