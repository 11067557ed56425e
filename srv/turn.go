package srv

// Requests that may block: which have a goroutine, and which wait for one.

// detach has a request run on a goroutine of its own: at once, if it is ready,
// or when what it waits for has ended. c.mu is held; it unlocks it.
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
	c.wg.Add(1)
	if ready {
		ready = c.launch(r)
	}
	c.mu.Unlock()
	if ready {
		go r.run()
	}
}

// launch reports whether a request may have a goroutine now, or else parks it.
// c.mu is held.
func (c *conn) launch(r *req) bool {
	if c.running >= maxRunning {
		r.parked = true
		c.parked.put(r, 0)
		return false
	}
	c.running++
	return true
}

// unpark gives a goroutine that has ended to a request that waits for one, nil
// if none may have it. c.mu is held.
func (c *conn) unpark() *req {
	r := c.parked.first()
	if r == nil || c.running > maxRunning { // those that were flushed are too many
		c.running--
		return nil
	}
	r.unqueue()
	return r
}

// table gives the table of requests, made by the first that needs it.
func (c *conn) table() map[uint16]*req {
	if c.reqs == nil {
		c.reqs, c.flushing = map[uint16]*req{}, map[uint16]*req{}
	}
	return c.reqs
}

// follow starts the requests that another one made way for, and drops fids.
func (c *conn) follow(next []*req, drop [2]*fid) {
	for _, n := range next {
		go n.run()
	}
	for _, f := range drop {
		if f != nil {
			f.drop()
			f.recycle()
		}
	}
}
