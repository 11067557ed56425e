package nstest

import (
	"context"
	"sync/atomic"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A Pit is a file of which only the beginning can be read: what reads further waits. It has a
// version, so that Linux may keep its pages.
type Pit struct {
	srv.Node
	Vers  atomic.Uint32
	Asked chan struct{} // each time that somebody waits
}

// NewPit makes a Pit of version 1.
func NewPit() *Pit {
	p := &Pit{Node: srv.NewNode(0o444), Asked: make(chan struct{}, 1)}
	p.Vers.Store(1)
	return p
}

const pitSize, pitEdge = 4 << 20, 1 << 20

func (p *Pit) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := p.Node.Stat(ctx)
	st.Qid.Vers, st.Length = p.Vers.Load(), pitSize
	return st, err
}

func (p *Pit) Read(ctx context.Context, b []byte, off int64) (int, error) {
	if off+int64(len(b)) > pitEdge {
		select {
		case p.Asked <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return 0, ctx.Err()
	}
	clear(b)
	return len(b), nil
}
