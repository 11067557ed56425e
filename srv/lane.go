package srv

import "ninespace/srv/p9"

// A lane is the reads of an Ordered fid, or its writes: one has it, the others wait in the
// order in which they came. A request takes its place when it has the fid. Under conn.mu.
type lane struct {
	owner *req
	queue queue
}

// lane gives the lane that the request keeps to, nil if none.
func (r *req) lane() *lane {
	f := r.need[0]
	if f == nil || !f.inTurn || r.stale {
		return nil
	}
	switch r.t.Type {
	case p9.Tread:
		return &f.lanes[0]
	case p9.Twrite:
		return &f.lanes[1]
	}
	return nil
}

// inLane reports whether it is the request's turn. Else it waits for it, by its second
// link: a read or write has no second fid.
func (r *req) inLane() bool {
	l := r.lane()
	if l == nil {
		return true
	}
	if l.owner == nil {
		l.owner = r
		return true
	}
	l.queue.put(r, 1)
	r.waits++
	return false
}

// laneAfter gives the request whose turn it is when r leaves, nil if there is none.
func (f *fid) laneAfter(r *req) *req {
	for i := range f.lanes {
		l := &f.lanes[i]
		if l.owner != r {
			continue
		}
		n := l.queue.first()
		l.owner = n
		if n != nil {
			n.links[1].leave()
			n.waits--
		}
		return n
	}
	return nil
}
