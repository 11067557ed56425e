package client

import (
	"context"
	"errors"

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
// Only servers that keep the order of requests (p9.InOrder) are sent pipes. To
// others, which may have a thread for each request, the same goes one by one: some
// do the requests of one fid in any order, and some even crash on that.
type pipe struct {
	ks   [3]*call // on the new fid, in order
	n    int
	also *call   // on another fid, sent last; nil: nothing is
	may  int     // how many of them, at the end, may fail
	end  p9.Type // what then ends the fid, Tclunk or Tremove; 0: it stays
	err  error   // of that
	own  bool    // the fid's number is ours to give back: the end's reply is there
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
	if p.also != nil {
		p.also.release()
	}
}

// run walks from f and gives the new fid, with an error if there is none. How the
// requests on it went is in them.
func (p *pipe) run(ctx context.Context, f *Fid, names []string) (*Fid, error) {
	c := f.c
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !c.ordered || c.fit(names) < len(names) {
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
		if err == nil {
			err = g.stopped(n)
		}
		p.forget(ctx, g, err)
		if err == nil {
			return p.slow(ctx, f, names) // which tells the reason
		}
		return nil, err
	}
	if p.end != 0 {
		p.forget(ctx, g, nil)
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
	if p.also != nil {
		ks = append(ks, p.also)
	}
	if p.end == 0 {
		g.c.ask(ctx, ks...)
		return
	}
	end := newCall(p.end)
	end.Fid = g.num
	taken := g.c.sendRead(ctx, append(ks, end)...)
	if !taken {
		g.c.wait(ctx, ks...) // the number may be free after the end: nobody may name it then
	}
	g.gone.Store(true)
	if p.own, p.err = g.c.ended(ctx, end, taken); p.own {
		end.release()
	}
}

// forget sees to the number of a fid that the walk, of which err came, did not make, or that has ended.
func (p *pipe) forget(ctx context.Context, g *Fid, err error) {
	switch {
	case p.end == 0:
		g.c.settle(ctx, g.num, err)
	case p.own:
		g.c.freeFid(g.num)
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

// inTurn does the requests on a fid that is there, up to one that must not fail
// and does.
func (p *pipe) inTurn(ctx context.Context, g *Fid) {
	var err error
	for i, k := range p.calls() {
		if k.err = err; err != nil {
			continue
		}
		k.Type, k.Fid, k.n = k.want-1, g.num, 0 // it may have been sent already
		if k.err = g.c.do(ctx, k); i < p.n-p.may {
			err = k.err
		}
	}
	if p.end != 0 {
		p.err = g.end(ctx, p.end)
	}
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
