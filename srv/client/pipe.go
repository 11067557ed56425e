package client

import (
	"context"
	"errors"
	"io"
	"slices"
	"syscall"

	"ninespace/srv/p9"
)

// A pipe is a walk to a new fid and requests on that fid which are sent behind it
// before the first reply, so that all of them take one round trip.
//
// The fid's number is nobody else's until every reply is there. So what is sent
// behind a walk or an open that fails meets a fid that does not exist, or one that
// is not open, and never another file. It is one Twalk only, for of two the second
// could fail, and the rest would hit the directory that the first found.
//
// A server need not do requests of one fid in order. One that does not is found
// out by requests that fail as if there was no fid, or none that is open: they are
// done again in turn, and from then on all pipes on the connection are.
type pipe struct {
	ks  [3]*call // on the new fid, in order
	n   int
	may int     // how many of them, at the end, may fail
	end p9.Type // what then ends the fid, Tclunk or Tremove; 0: it stays
	err error   // of that
	own bool    // the fid's number is ours to give back: the end's reply is there
}

var errUnsent = errors.New("not sent")

// add puts a request into the pipe; its fid is set later.
func (p *pipe) add(t p9.Type) *call {
	k := newCall(t)
	k.err = errUnsent
	p.ks[p.n] = k
	p.n++
	return k
}

func (p *pipe) calls() []*call { return p.ks[:p.n] }

func (p *pipe) release() {
	for _, k := range p.calls() {
		k.release()
	}
}

// run walks from f and gives the new fid, with an error if there is none. How the
// requests on it went is in them.
func (p *pipe) run(ctx context.Context, f *Fid, names []string) (*Fid, error) {
	c := f.c
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.serial.Load() || c.fit(names) < len(names) {
		return p.slow(ctx, f, names)
	}
	g := f.next()
	walk := f.walkCall(g, names)
	defer walk.release()
	p.send(ctx, g, walk)
	n, err := 0, walk.err
	if err == nil {
		n, err = g.walked(walk, names)
	}
	if err != nil || n < len(names) {
		p.forget(ctx, g, false)
		if err == nil {
			err = g.stopped(n)
		}
		if err == nil {
			return p.slow(ctx, f, names) // which tells the reason
		}
		return nil, err
	}
	if p.early(ctx, f) {
		return p.again(ctx, f, g, names)
	}
	if p.end != 0 {
		p.forget(ctx, g, p.err != nil || c.serial.Load())
	}
	return g, nil
}

// send sends the walk and the rest, and waits.
func (p *pipe) send(ctx context.Context, g *Fid, walk *call) {
	var all [len(p.ks) + 3]*call
	ks := append(append(all[:0], walk), p.calls()...)
	for _, k := range ks[1:] {
		k.Fid = g.num
	}
	if p.end == 0 {
		g.c.send(ctx, ks...)
		g.c.wait(ctx, ks...)
		return
	}
	if !g.c.strict.Load() {
		none := newCall(p9.Tclunk)
		none.Fid = g.c.newFid()
		ks = append(ks, none)
		defer g.c.clunkedNone(ctx, none)
	}
	end := newCall(p.end)
	end.Fid = g.num
	g.c.send(ctx, append(ks, end)...)
	g.c.wait(ctx, ks...) // the number may be free after the end: nobody may name it then
	g.gone.Store(true)
	if p.own, p.err = g.c.ended(ctx, end); p.own {
		end.release()
	}
}

// clunkedNone takes the outcome of clunking a fid that there is not, which goes with
// the first pipe that has an end. A server to which that is no error would not tell
// that an end came before its walk: then the fid would stay, its number be used
// again, and what was sent behind the next walk could meet it, and another file.
func (c *Conn) clunkedNone(ctx context.Context, k *call) {
	switch {
	case k.err == nil:
		c.serial.Store(true)
	case ctx.Err() == nil:
		c.strict.Store(true)
	}
	c.settle(ctx, k.Fid)
	k.release()
}

// forget sees to a fid that the walk did not make, or that has ended. doubt says
// that it may be there all the same.
func (p *pipe) forget(ctx context.Context, g *Fid, doubt bool) {
	switch {
	case p.end != 0 && !p.own: // the end's reply frees the number
	case doubt:
		g.c.discard(g.num)
	default:
		g.c.settle(ctx, g.num)
	}
}

// slow does the same one after the other.
func (p *pipe) slow(ctx context.Context, f *Fid, names []string) (*Fid, error) {
	g, err := f.Walk(ctx, names...)
	if err == nil {
		p.inTurn(ctx, g)
	}
	return g, err
}

// inTurn does all requests on a fid that is there.
func (p *pipe) inTurn(ctx context.Context, g *Fid) {
	for _, k := range p.calls() {
		k.err = errUnsent
	}
	p.rest(ctx, g)
}

// rest does the requests from the first that failed on, up to one that must not
// fail and does.
func (p *pipe) rest(ctx context.Context, g *Fid) {
	var err error
	redo := false
	for i, k := range p.calls() {
		switch {
		case err != nil:
			k.err = err
		case redo || k.err != nil:
			redo = true
			k.Type, k.Fid, k.n = k.want-1, g.num, 0
			if k.err = g.c.do(ctx, k); i < p.n-p.may {
				err = k.err
			}
		}
	}
	if p.end != 0 && !g.gone.Load() {
		p.err = g.end(ctx, p.end)
	}
}

// again does requests that were done too early. What ended g before its walk did
// not end it.
func (p *pipe) again(ctx context.Context, f, g *Fid, names []string) (*Fid, error) {
	f.c.serial.Store(true)
	if p.end == 0 {
		p.rest(ctx, g)
		return g, nil
	}
	if p.own {
		f.c.discard(g.num)
	}
	if p.failed() == nil && p.end == p9.Tclunk { // all else is done
		p.err = nil
		return g, nil
	}
	return p.slow(ctx, f, names)
}

// failed gives the first request that failed.
func (p *pipe) failed() *call {
	for _, k := range p.calls() {
		if k.err != nil {
			return k
		}
	}
	return nil
}

// early reports whether the first request that failed seems to have been done
// before one in front of it. f is any fid.
func (p *pipe) early(ctx context.Context, f *Fid) bool {
	if k := p.failed(); k != nil {
		return f.c.noFid(ctx, f, k.err)
	}
	return p.end != 0 && f.c.noFid(ctx, f, p.err)
}

// noFid reports whether an error is what the server says of a fid that it does not
// know, or that is not open. Where the error's number leaves that open, the server
// is asked once what it says of such fids.
func (c *Conn) noFid(ctx context.Context, f *Fid, err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, syscall.EBADF):
		return true
	case !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.EINVAL):
		return false
	}
	said := c.said.Load()
	if said == nil {
		said = new(c.ask(ctx, f))
		if ctx.Err() == nil {
			c.said.Store(said)
		}
	}
	return slices.ContainsFunc(*said, func(e error) bool { return errors.Is(err, e) })
}

// ask asks the server what it says of a fid that it does not know, and of one that
// is not open.
func (c *Conn) ask(ctx context.Context, f *Fid) (said []error) {
	try := func(f *Fid) {
		var b [1]byte
		if _, err := f.Read(ctx, b[:], 0); err != nil && err != io.EOF {
			said = append(said, err)
		}
		if _, err := f.Write(ctx, nil, 0); err != nil {
			said = append(said, err)
		}
	}
	unknown := f.next()
	try(unknown)
	c.freeFid(unknown.num)
	if g, err := f.Walk(ctx); err == nil {
		try(g)
		g.let()
	}
	return said
}

// outcome gives the error of the first request that must not fail and did; then
// the fid is let go.
func (p *pipe) outcome(g *Fid) error {
	for _, k := range p.ks[:p.n-p.may] {
		if k.err != nil {
			g.let()
			return k.err
		}
	}
	return nil
}
