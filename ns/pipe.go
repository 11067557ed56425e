package ns

import (
	"cmp"
	"context"
	"sync"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// The device #|, pipe(3): each attach makes two files, what is written to one
// being read from the other.
//
//	data   0600
//	data1  0600
//
// A read gives bytes of one write. A write of up to pipeAtomic bytes is in one
// piece; it waits where the other side has that many to read already. When the
// last open file of one side is closed, the other side reads what is left and then
// the end, and its writes fail. A pipe of which nothing is open is as new but for
// what was written and not read.

// pipeAtomic is how many bytes a write has in one piece, and how many may wait to
// be read before a write does.
const pipeAtomic = 32 << 10

var errPipe = p9.NewError(syscall.EPIPE, "write on closed pipe")

type pipe struct {
	mu   sync.Mutex
	wake chan struct{} // closed, and made anew, at each change
	end  [2]pipeEnd
}

// A pipeEnd is one of the files. All of it is under the pipe's lock.
type pipeEnd struct {
	srv.Node
	p        *pipe
	peer     *pipeEnd
	uid, gid uint32
	owned    bool
	opens    int
	closed   bool     // it has been open, and is no more
	recs     [][]byte // what was written to it and not yet read from its peer
	bytes    int
}

// newPipe makes a pipe that belongs to who asks; nil: to the session's user.
func newPipe(c *caller) srv.File {
	p := &pipe{wake: make(chan struct{})}
	dir := srv.NewDir()
	for i, name := range []string{"data", "data1"} {
		e := &p.end[i]
		*e = pipeEnd{Node: srv.NewNode(0o600), p: p, peer: &p.end[1-i]}
		if c != nil && c.pid != 0 {
			e.owned, e.uid, e.gid = true, c.uid, c.gid
		}
		dir.Add(name, e)
	}
	return dir
}

// when calls try, at once and after each change, until it has done something.
func (p *pipe) when(ctx context.Context, try func() (done bool)) error {
	for {
		p.mu.Lock()
		if err := ctx.Err(); err != nil {
			p.mu.Unlock()
			return err
		}
		wake := p.wake
		done := try()
		if done {
			close(wake)
			p.wake = make(chan struct{})
		}
		p.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
		}
	}
}

// change makes a change.
func (p *pipe) change(f func()) {
	p.when(context.Background(), func() bool { f(); return true })
}

// Stat tells as the length how many bytes there are to read.
func (e *pipeEnd) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := e.Node.Stat(ctx)
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	st.Length = uint64(e.peer.bytes)
	if e.owned {
		st.Nuid, st.Ngid = e.uid, e.gid
	}
	return st, err
}

// Open opens this side.
func (e *pipeEnd) Open(context.Context, p9.Mode) (srv.Handle, error) {
	e.p.change(func() {
		e.opens++
		e.closed = false
	})
	return &pipeHandle{e}, nil
}

func (e *pipeEnd) close() {
	e.p.change(func() {
		if e.opens--; e.opens > 0 {
			return
		}
		e.closed = true
		e.peer.recs, e.peer.bytes = nil, 0 // nobody will read it
		if e.peer.opens == 0 {
			e.closed, e.peer.closed = false, false
		}
	})
}

// A pipeHandle is an open file of one side.
type pipeHandle struct{ *pipeEnd }

// Stream marks that there are no offsets.
func (*pipeHandle) Stream() {}

// Clunk closes it.
func (h *pipeHandle) Clunk() { h.close() }

// Read gives bytes of the oldest write of the other side's; it waits for one.
func (h *pipeHandle) Read(ctx context.Context, b []byte, _ int64) (n int, err error) {
	from := h.peer
	err = h.p.when(ctx, func() bool {
		if len(from.recs) == 0 {
			return from.closed
		}
		n = copy(b, from.recs[0])
		from.bytes -= n
		if from.recs[0] = from.recs[0][n:]; len(from.recs[0]) == 0 {
			from.recs = from.recs[1:]
		}
		return true
	})
	return n, err
}

// Write gives bytes to the other side, piece by piece. What was written before an
// error is told.
func (h *pipeHandle) Write(ctx context.Context, b []byte, _ int64) (n int, err error) {
	for {
		piece := b[n:min(len(b), n+pipeAtomic)]
		var hungup error
		err := h.p.when(ctx, func() bool {
			switch {
			case h.peer.closed:
				hungup = errPipe
			case h.bytes >= pipeAtomic:
				return false
			default:
				h.recs = append(h.recs, append([]byte(nil), piece...))
				h.bytes += len(piece)
			}
			return true
		})
		if err = cmp.Or(err, hungup); err != nil {
			if n > 0 {
				err = nil
			}
			return n, err
		}
		if n += len(piece); n == len(b) {
			return n, nil
		}
	}
}
