package srv

// Requests that may block, and the goroutines that do them: workers.

// detach has a worker do a request: at once, if it is ready, or when what it waits for
// has ended. c.mu is held; it unlocks it.
func (c *conn) detach(r *req, ready bool) {
	if err := r.keep(); err != nil { // too much is held already
		if c.ending() {
			err = ErrShutdown
		}
		r.unqueue()
		c.conclude(r, err)
		return
	}
	r.ctx, r.rx = new(reqCtx), nil
	c.table()[r.t.Tag] = r
	c.stats.inflight.Add(1)
	if ready {
		c.enqueue(r)
		c.call()
	}
	c.mu.Unlock()
}

// call sees to it that a worker comes, with c.mu held, and reports whether one does:
// there may be too many.
func (c *conn) call() bool {
	if !c.coming && c.running < maxRunning {
		c.coming = true
		c.hire(nil)
	}
	return c.coming
}

// hire starts a worker, with c.mu held: with a request, or for those queued.
func (c *conn) hire(r *req) {
	c.running++
	c.wg.Add(1)
	go c.work(r)
}

// work does requests until none is queued, and then has their replies written: those
// that come together, and do not block, are answered together by one goroutine. As any
// may block, another worker is called before it for what is left to do then.
func (c *conn) work(r *req) {
	if r != nil {
		r.run()
	}
	c.mu.Lock()
	if r == nil {
		c.coming = false
	}
	for c.running <= maxRunning { // those hired with a request are too many
		r := c.queue.first()
		if r == nil {
			break
		}
		r.unqueue()
		alone := (c.owing || c.queue.first() != nil) && !c.call()
		c.mu.Unlock()
		if alone {
			c.out.flush(nil, false)
		}
		r.run()
		c.mu.Lock()
	}
	c.running--
	c.owing = false
	c.mu.Unlock()
	c.out.flush(nil, false)
	c.wg.Done()
}

// enqueue has the next worker do a request, with c.mu held.
func (c *conn) enqueue(r *req) {
	r.queued = true
	c.queue.put(r, 0)
}

// table gives the table of requests, made by the first that needs it.
func (c *conn) table() map[uint16]*req {
	if c.reqs == nil {
		c.reqs, c.flushing = map[uint16]*req{}, map[uint16]*req{}
	}
	return c.reqs
}

// follow queues the requests that another one made way for, and drops fids.
func (c *conn) follow(next []*req, drop [2]*fid) {
	if len(next) > 0 {
		c.mu.Lock()
		for _, n := range next {
			c.enqueue(n)
		}
		c.call()
		c.mu.Unlock()
	}
	for _, f := range drop {
		if f != nil {
			f.drop()
			f.recycle()
		}
	}
}
