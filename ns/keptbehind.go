package ns

import (
	"context"
	"io"
	"slices"
	"sync"

	"ninespace/srv/client"
)

// Writing behind: a write is answered before the server has, which has it when close(2)
// or fsync(2) returns. They, or the next write, tell what went wrong.

// behindMost is how many bytes are under way, at most.
const behindMost = 4 << 20

// A writeBehind is what was written and not answered yet.
type writeBehind struct {
	mu    sync.Mutex
	under []*piece
	bytes int
	err   error         // the first that went wrong and was not told
	came  chan struct{} // closed when an answer has come; nil: nobody waits
}

// A piece is a write under way.
type piece struct {
	off int64
	n   int
}

// write sends data at an offset, once there is room for it and nothing is under way
// that it overlaps: those could be done in any order.
func (b *writeBehind) write(ctx context.Context, k *kept, fid *client.Fid, data []byte, off int64) (int, error) {
	if err := b.failed(); err != nil {
		return 0, err
	}
	p := &piece{off, len(data)}
	err := b.wait(ctx, func() bool {
		if b.bytes > 0 && b.bytes+p.n > behindMost {
			return true
		}
		for _, q := range b.under {
			if p.off < q.off+int64(q.n) && q.off < p.off+int64(p.n) {
				return true
			}
		}
		b.under = append(b.under, p)
		b.bytes += p.n
		return false
	})
	if err != nil {
		return 0, err
	}
	k.c.drop(k)
	data = append([]byte(nil), data...)
	go func() {
		var err error
		for done := 0; err == nil && done < len(data); { // of less than all the next write says why
			var n int
			if n, err = fid.Write(context.Background(), data[done:], off+int64(done)); n == 0 && err == nil {
				err = io.ErrShortWrite
			}
			done += n
		}
		k.c.drop(k)
		b.mu.Lock()
		defer b.mu.Unlock()
		for i, q := range b.under {
			if q == p {
				b.under = append(b.under[:i], b.under[i+1:]...)
				break
			}
		}
		if b.bytes -= p.n; b.err == nil {
			b.err = err
		}
		if b.came != nil {
			close(b.came)
			b.came = nil
		}
	}()
	return len(data), nil
}

// wait waits as long as busy, which is called with b.mu held, says so.
func (b *writeBehind) wait(ctx context.Context, busy func() bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for busy() {
		if b.came == nil {
			b.came = make(chan struct{})
		}
		came := b.came
		b.mu.Unlock()
		select {
		case <-came:
		case <-ctx.Done():
		}
		b.mu.Lock()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// calm waits for all answers.
func (b *writeBehind) calm(ctx context.Context) error {
	return b.wait(ctx, func() bool { return len(b.under) > 0 })
}

// calmFrom waits for the answers to what was written at an offset or behind it.
func (b *writeBehind) calmFrom(ctx context.Context, off int64) error {
	return b.wait(ctx, func() bool {
		return slices.ContainsFunc(b.under, func(p *piece) bool { return off < p.off+int64(p.n) })
	})
}

func (b *writeBehind) busy() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.under) > 0
}

// failed gives, once, the first error of those that wrote.
func (b *writeBehind) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.err
	b.err = nil
	return err
}
