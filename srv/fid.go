package srv

import (
	"context"
	"reflect"
	"sync"
	"syscall"

	"ninespace/srv/p9"
)

// A use says how a request holds a fid.
type use uint8

const (
	shared use = iota // beside others
	excl              // alone: it changes what the fid is
	final             // the fid's last: its number is free at once
)

// A fid is a client's handle of a file. All its fields but ref are changed by
// requests that hold it excl, so that others read them without a lock.
type fid struct {
	num    uint32
	who    *session
	node   *node // nil: the request that makes it has not succeeded
	handle Handle
	own    bool // the handle is not the node's file
	quick  bool // the handle is Inline
	inTurn bool // the handle is Ordered
	open   bool
	mode   p9.Mode
	dir    bool // open, and a directory
	auth   AuthFile
	xattr  *xattr

	dirOff  uint64 // 9P2000 directory reads: the next offset and its cookie
	cookie  uint64
	dirRoom int // what the last one left of its count

	// Under conn.mu.
	lanes   [2]lane // of reads and writes, where the handle is Ordered
	owner   *req    // holds it excl
	sharing int     // how many hold it shared
	queue   queue
	ref     int  // requests that hold or wait for it
	gone    bool // no longer in the table: dropped when ref is 0

	removed bool // by Tremove, its last request
}

// A session is what an attach is for its fids: who asks.
type session struct {
	user  *User
	ctx   context.Context // carries the user, and never ends
	quick context.Context // the same for the reading goroutine: Nonblock
}

func (c *conn) newSession(u *User) *session {
	ctx := WithUser(context.WithoutCancel(c.base), u)
	return &session{u, ctx, WithNonblock(ctx)}
}

var fids = sync.Pool{New: func() any { return new(fid) }}

// recycle gives back a fid that nothing leads to any more.
func (f *fid) recycle() {
	*f = fid{}
	fids.Put(f)
}

// drop lets go of what the fid held, as its user. The last request on it has
// returned.
func (f *fid) drop() error {
	var err error
	if f.auth != nil {
		Clunk(f.auth)
		f.auth = nil
	}
	if f.node == nil {
		return nil
	}
	ctx := f.who.ctx
	if f.xattr != nil {
		err = f.xattr.commit(ctx)
		f.node.c.hold(-f.xattr.held)
	}
	if f.own {
		Clunk(f.handle)
		f.node.c.describe(f.handle, -1)
	}
	if f.open && f.mode&p9.ORCLOSE != 0 && !f.removed {
		f.node.remove(ctx) // nobody is left to hear an error
	}
	f.xattr, f.handle, f.own, f.open = nil, nil, false, false
	f.node.unref()
	f.node = nil
	return err
}

// sameFile reports whether a handle is the file itself.
func sameFile(h Handle, f File) bool {
	t := reflect.TypeOf(h)
	return t == reflect.TypeOf(f) && t.Comparable() && h == Handle(f)
}

// claim finds or makes the fids that the request names, with c.mu held.
func (c *conn) claim(r *req) error {
	hold := func(i int, f *fid, u use) {
		r.need[i], r.use[i] = f, u
		f.ref++
	}
	get := func(num uint32) (*fid, error) {
		if f := c.fids.get(num); f != nil {
			return f, nil
		}
		return nil, p9.ErrUnknownFid
	}
	make_ := func(i int, num uint32) error {
		if c.fids.get(num) != nil || num == p9.NoFid {
			return p9.ErrFidInUse
		}
		if !c.srv.st.fair(fidNumbers, int64(c.fids.n), 1) {
			return c.over(fidNumbers, syscall.ENFILE)
		}
		f := fids.Get().(*fid)
		f.num, f.owner = num, r
		c.fids.put(f)
		c.stats.taken[fidNumbers].Add(1)
		hold(i, f, excl)
		return nil
	}
	switch r.t.Type {
	case p9.Tauth:
		return make_(0, r.t.Afid)
	case p9.Tattach:
		var af *fid
		if r.t.Afid != p9.NoFid {
			var err error
			if af, err = get(r.t.Afid); err != nil {
				return err
			}
		}
		if err := make_(0, r.t.Fid); err != nil {
			return err
		}
		if af != nil {
			hold(1, af, shared)
		}
		return nil
	}
	f, err := get(r.t.Fid)
	if err != nil {
		return err
	}
	u := shared
	switch r.t.Type {
	case p9.Topen, p9.Tcreate, p9.Tlopen, p9.Tlcreate, p9.Txattrcreate:
		u = excl
	case p9.Tclunk, p9.Tremove:
		u = final
	case p9.Twalk:
		if len(r.t.Wname) > p9.MaxWelem {
			return p9.NewError(p9.ErrBotch.Errno, "too many names in walk")
		}
		if r.t.Newfid == r.t.Fid {
			u = excl
			break
		}
		fallthrough
	case p9.Txattrwalk:
		if err := make_(1, r.t.Newfid); err != nil {
			return err
		}
	case p9.Trename, p9.Tlink, p9.Trenameat:
		d, err := get(r.t.Newfid)
		if err != nil {
			return err
		}
		if d != f {
			hold(1, d, shared)
		}
	}
	hold(0, f, u)
	return nil
}

// admit gives the request its fids, with c.mu held. Where it cannot have one yet,
// it takes its place there at once, before it has the other: so a request waits
// only for those that came before it, and they never for it.
func (c *conn) admit(r *req) bool {
	for i, f := range r.need {
		if f == nil || f.owner == r {
			continue
		}
		if f.queue.first() != nil || !c.enter(r, i) {
			f.queue.put(r, i)
			r.waits++
		}
	}
	return r.waits == 0
}

// enter lets the request have its i-th fid, unless who has it is in the way.
func (c *conn) enter(r *req, i int) bool {
	f, u := r.need[i], r.use[i]
	if f.gone { // clunked by a request that came before
		r.stale = true
		return true
	}
	if f.owner != nil {
		return false
	}
	if u == shared && r.sequential(f) {
		u = excl
	}
	switch u {
	case shared:
		f.sharing++
		r.shares[i] = true
	case excl:
		if f.sharing > 0 {
			return false
		}
		f.owner = r
	case final:
		f.owner = r
		r.alone = f.ref == 1
		c.forget(f)
	}
	return true
}

// forget frees a fid's number. What it holds goes with the last request on it.
func (c *conn) forget(f *fid) {
	f.gone = true
	c.fids.remove(f)
	c.stats.taken[fidNumbers].Add(-1)
}

// sequential reports whether the request goes on where the one before it ended:
// 9P2000's directory reads, and the writes of an attribute.
func (r *req) sequential(f *fid) bool {
	switch r.t.Type {
	case p9.Tread:
		return f.dir
	case p9.Twrite:
		return f.xattr != nil
	}
	return false
}

// unqueue takes a waiting request off the queues, with c.mu held.
func (r *req) unqueue() {
	for i := range r.links {
		r.links[i].leave()
	}
	r.waits, r.queued = 0, false
}

// leave lets go of the request's fids, with c.mu held, and gives the requests
// that can now run and the fids to drop.
func (c *conn) leave(r *req) (next []*req, drop [2]*fid) {
	for i, f := range r.need {
		if f == nil {
			continue
		}
		if r.shares[i] {
			f.sharing--
		}
		if f.owner == r {
			f.owner = nil
			if f.node == nil && f.auth == nil && f.xattr == nil && !f.gone { // it never came to be
				c.forget(f)
			}
		}
		f.ref-- // first, for a clunk that is next may be the only one then
		for n := f.queue.first(); n != nil; n = f.queue.first() {
			i := n.which(f)
			if !c.enter(n, i) {
				break
			}
			n.links[i].leave()
			if n.waits--; n.waits == 0 && n.inLane() {
				next = append(next, n)
			}
		}
		if n := f.laneAfter(r); n != nil {
			next = append(next, n)
		}
		if f.ref == 0 && f.gone {
			drop[i] = f
		}
	}
	return next, drop
}

// which says which of its fids f is to the request.
func (r *req) which(f *fid) int {
	if r.need[0] == f {
		return 0
	}
	return 1
}
