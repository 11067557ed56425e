package ns

import (
	"context"
	"io"

	"ninespace/srv/client"
)

// A part is what has come of a file that is asked for ahead, and that takes several messages: who
// opens it meanwhile waits for what he reads, not for all of it.
type part struct {
	readAhead
	as    uint64 // the file's turn
	taken bool   // somebody has opened it, under the cache's mu
}

// arrives has who opens the file read of buf, of which an opening has brought the first bytes, and
// asks for the rest. It is nil where that is not the file that was known. c.mu is not held.
func (k *kept) arrives(g *client.Fid, first *client.First, buf []byte, t ticket) *part {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	if !k.isThis(first, len(buf)) || !k.stays(t) {
		return nil
	}
	k.take(&first.Stat, t)
	k.read = true
	p := &part{as: k.turn}
	here := &block{buf: buf[:first.N], n: first.N, done: make(chan struct{})}
	close(here.done)
	p.blocks = append(p.blocks, here)
	for at := first.N; at < len(buf); at += aheadBlock {
		p.add(g, int64(at), buf[at:min(at+aheadBlock, len(buf))], false)
	}
	k.part = p
	k.arrived()
	return p
}

// rest waits for the rest, and adds it to what has come.
func (p *part) rest(first *client.First) {
	for _, b := range p.blocks[1:] {
		if <-b.done; first.ReadErr == nil {
			first.N, first.ReadErr = first.N+b.n, b.err
		}
	}
}

// at gives the block that has an offset; nil behind the end.
func (p *part) at(off int64) *block {
	for _, b := range p.blocks {
		if off >= b.off && off < b.off+int64(len(b.buf)) {
			return b
		}
	}
	return nil
}

// readPart reads of what is still to come, as long as the file is not known to have changed.
func (h *keptHandle) readPart(ctx context.Context, p []byte, off int64) (n int, ok bool, err error) {
	h.mu.Lock()
	from := h.part
	h.mu.Unlock()
	if from == nil {
		return 0, false, nil
	}
	b := from.at(off)
	if b != nil {
		using(ctx, h.c.conn)
		select {
		case <-b.done:
		case <-ctx.Done():
			return 0, true, ctx.Err()
		}
	}
	h.c.mu.Lock()
	same := h.turn == h.as
	h.c.mu.Unlock()
	switch {
	case !same || b != nil && (b.err != nil || b.n < len(b.buf)):
		h.mu.Lock()
		h.part = nil
		h.mu.Unlock()
		return 0, false, nil
	case b == nil:
		return 0, true, io.EOF
	}
	return copy(p, b.buf[off-b.off:]), true, nil
}
