package srv

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"syscall"
	"time"

	"ninespace/srv/p9"
)

// A leaseTree is the root of p9.LeaseTree for one connection.
type leaseTree struct {
	Node
	c *conn
	h *holder
}

// attachLeases makes the fid one of p9.LeaseTree. It needs no authentication of its own, for
// it tells nothing but of what the connection's other fids have looked at. But there must be
// such: others' changes cost more while there is a holder, which is no stranger's to cause.
func (r *req) attachLeases(f *fid, u *User) error {
	if r.c.srv.Leases == nil {
		return p9.NewError(p9.ErrNotExist.Errno, "no leases are given")
	}
	if !r.c.attached.Load() {
		return p9.ErrPerm
	}
	h := r.c.srv.Leases.hold(&r.c.late)
	if !r.c.holder.CompareAndSwap(nil, h) {
		h.end()
		return p9.ErrorOfErrno(syscall.EBUSY)
	}
	t := &leaseTree{NewNode(0o444), r.c, h}
	st, err := t.Stat(r.c.base)
	if err != nil {
		t.Clunk()
		return err
	}
	f.who = r.c.newSession(u)
	f.node = r.c.newNode(t, st.Qid.Path, "/", nil)
	r.reply().Qid = st.Qid
	return nil
}

// mostReads is how many reads all that is to be told may take.
const mostReads = 4

// Read says what is to be told. l.mu is not held.
func (t *leaseTree) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	h := t.h
	l := h.l
	l.mu.Lock()
	now, term := time.Now(), p9.LeaseTerm/3
	barred := now.Before(h.late.barred)
	if barred { // the answer will be too late to be believed
		term = p9.LeaseTerm
	} else {
		h.heard = now
	}
	h.heeded = h.given
	maps.DeleteFunc(h.owed, func(_, n uint64) bool { return n <= h.heeded })
	if !h.gone {
		close(h.ack)
		h.ack = make(chan struct{})
	}
	timer := time.NewTimer(term)
	defer timer.Stop()
	for over := !h.greeted && !barred; (barred || !h.all && len(h.pending) == 0) && !over && !h.gone; {
		l.mu.Unlock()
		select {
		case <-h.wake:
		case <-timer.C:
			over = true
		case <-ctx.Done():
			return 0, p9.ErrInterrupted
		}
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	h.greeted = true
	var b strings.Builder
	n := min(len(h.pending), len(p)/18)
	switch {
	case h.all || len(h.pending) > mostReads*n: // who reads little at a time has nobody wait for long
		b.WriteString("all\n")
		h.all, h.pending, h.given = false, nil, h.queued
	case len(h.pending) == 0:
		b.WriteString("ok\n")
		h.given = h.queued
	default:
		for _, n := range h.pending[:n] {
			if n.none {
				b.WriteByte('-')
			}
			fmt.Fprintf(&b, "%x\n", n.path)
		}
		h.pending = h.pending[n:]
		h.given = h.queued - uint64(len(h.pending))
	}
	return copy(p, b.String()), nil
}

// Clunk ends the leases.
func (t *leaseTree) Clunk() {
	t.c.holder.CompareAndSwap(t.h, nil)
	t.h.end()
}
