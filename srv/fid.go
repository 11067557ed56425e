package srv

import (
	"context"
	"reflect"
	"sync/atomic"

	"ninespace/srv/p9"
)

// A node is a file as one connection reached it: with the name that it was
// walked by and its parent, for "..". It is shared by the fids that were cloned
// from each other and by its children.
type node struct {
	file  File
	place atomic.Pointer[place]
	ref   atomic.Int32
}

// A place is where a node is. A rename gives a node a new one; the parents of
// earlier places are kept while the node is, as a walk may be at them.
type place struct {
	name   string
	parent *node
	before *place
}

func newNode(f File, name string, parent *node) *node {
	n := &node{file: f}
	n.ref.Store(1)
	n.move(name, parent)
	return n
}

func (n *node) move(name string, parent *node) {
	if parent != nil {
		parent.ref.Add(1)
	}
	n.place.Store(&place{name, parent, n.place.Load()})
}

func (n *node) parent() *node { return n.place.Load().parent }
func (n *node) name() string  { return n.place.Load().name }

func (n *node) unref() {
	if n == nil || n.ref.Add(-1) > 0 {
		return
	}
	Clunk(n.file)
	for p := n.place.Load(); p != nil; p = p.before {
		p.parent.unref()
	}
}

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
	ctx    context.Context // carries the user
	user   *User
	node   *node // nil: the request that makes it has not succeeded
	handle Handle
	open   bool
	mode   p9.Mode
	dir    bool // open, and a directory
	auth   AuthFile
	xattr  *xattr

	dirOff uint64 // 9P2000 directory reads: the next offset and its cookie
	cookie uint64

	// Under conn.mu.
	owner   *req // holds it excl
	sharing int  // how many hold it shared
	queue   []*req
	ref     int  // requests that hold or wait for it
	gone    bool // no longer in the table: dropped when ref is 0
}

// drop lets go of what the fid held. The last request on it has returned.
func (f *fid) drop(ctx context.Context) error {
	var err error
	if f.xattr != nil {
		err = f.xattr.commit(ctx)
	}
	if f.handle != nil && !(f.node != nil && sameFile(f.handle, f.node.file)) {
		Clunk(f.handle)
	}
	if f.open && f.mode&p9.ORCLOSE != 0 {
		f.node.remove(ctx) // nobody is left to hear an error
	}
	f.xattr, f.handle, f.open = nil, nil, false
	f.node.unref()
	f.node = nil
	return err
}

func (n *node) remove(ctx context.Context) error {
	p := n.place.Load()
	if p.parent == nil {
		return Remove(ctx, nil, n.file, p.name)
	}
	return Remove(ctx, p.parent.file, n.file, p.name)
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
		if f := c.fids[num]; f != nil {
			return f, nil
		}
		return nil, p9.ErrUnknownFid
	}
	make_ := func(i int, num uint32) error {
		if c.fids[num] != nil || num == p9.NoFid {
			return p9.ErrFidInUse
		}
		f := &fid{num: num, owner: r}
		c.fids[num] = f
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

// admit gives the request its fids, or queues it on the first that it cannot
// have yet; with c.mu held.
func (c *conn) admit(r *req) bool {
	for ; r.at < len(r.need); r.at, r.queued = r.at+1, nil {
		f := r.need[r.at]
		if f == nil || f.owner == r {
			continue
		}
		if f.gone { // clunked by a request that was queued before
			r.stale = true
			continue
		}
		u := r.use[r.at]
		if u == shared && f.owner == nil && r.sequential(f) {
			u = excl
		}
		if f.owner != nil || len(f.queue) > 0 && r.queued != f || u == excl && f.sharing > 0 {
			if r.queued != f {
				f.queue = append(f.queue, r)
				r.queued = f
			}
			return false
		}
		switch u {
		case shared:
			f.sharing++
			r.shares[r.at] = true
		case excl:
			f.owner = r
		case final:
			f.owner = r
			f.gone = true
			delete(c.fids, f.num)
		}
	}
	return true
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

// unqueue takes a waiting request off its queue, with c.mu held.
func (r *req) unqueue() bool {
	f := r.queued
	if f == nil {
		return false
	}
	for i, q := range f.queue {
		if q == r {
			f.queue = append(f.queue[:i:i], f.queue[i+1:]...)
			break
		}
	}
	r.queued = nil
	return true
}

// leave lets go of the request's fids, with c.mu held, and gives the requests
// that can now run and the fids to drop.
func (c *conn) leave(r *req) (next []*req, drop []*fid) {
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
				f.gone = true
				delete(c.fids, f.num)
			}
		}
		for len(f.queue) > 0 {
			n := f.queue[0]
			if !c.admitHead(n, f) {
				break
			}
			if n.queued == nil {
				next = append(next, n)
			}
		}
		if f.ref--; f.ref == 0 && f.gone {
			drop = append(drop, f)
		}
	}
	return next, drop
}

// admitHead tries the first request of f's queue and takes it off where f let it
// in (it may now wait for its other fid).
func (c *conn) admitHead(n *req, f *fid) bool {
	rest := f.queue[1:]
	ok := c.admit(n)
	if !ok && n.queued == f {
		return false
	}
	f.queue = rest
	return true
}
