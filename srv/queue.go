package srv

// A queue is requests that wait, in the order in which they came. Any of them can
// leave it at once, for a flush takes requests from the middle.
type queue struct{ head, tail *link }

// A link is a request's place in a queue.
type link struct {
	r          *req
	in         *queue // nil: in none
	prev, next *link
}

// put puts a request at the end, by its i-th link.
func (q *queue) put(r *req, i int) {
	l := &r.links[i]
	l.r, l.in, l.prev = r, q, q.tail
	if q.tail != nil {
		q.tail.next = l
	} else {
		q.head = l
	}
	q.tail = l
}

// first gives the request at the head, nil if there is none.
func (q *queue) first() *req {
	if q.head == nil {
		return nil
	}
	return q.head.r
}

// leave takes the link out of the queue that it is in, if any.
func (l *link) leave() {
	q := l.in
	if q == nil {
		return
	}
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		q.head = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	} else {
		q.tail = l.prev
	}
	*l = link{}
}
