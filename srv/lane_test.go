package srv_test

import (
	"context"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A belt is an Ordered file: a read waits for the next byte that somebody puts on it, a
// write puts what it has.
type belt struct {
	srv.Node
	in, out chan byte
	quick   bool // reads try on the reading goroutine
}

func (b *belt) Open(context.Context, p9.Mode) (srv.Handle, error) {
	if b.quick {
		return &quickBelt{b}, nil
	}
	return (*slowBelt)(b), nil
}

type slowBelt belt

func (b *slowBelt) Ordered() {}

func (b *slowBelt) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	select {
	case p[0] = <-b.in:
		return 1, nil
	default:
	}
	if srv.Nonblock(ctx) {
		return 0, srv.ErrAgain
	}
	select {
	case p[0] = <-b.in:
		return 1, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (b *slowBelt) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	if srv.Nonblock(ctx) && len(b.out) == cap(b.out) {
		return 0, srv.ErrAgain
	}
	select {
	case b.out <- p[0]:
		return len(p), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

type quickBelt struct{ *belt }

func (b *quickBelt) Inline()  {}
func (b *quickBelt) Ordered() {}
func (b *quickBelt) Read(ctx context.Context, p []byte, off int64) (int, error) {
	return (*slowBelt)(b.belt).Read(ctx, p, off)
}
func (b *quickBelt) Write(ctx context.Context, p []byte, off int64) (int, error) {
	return (*slowBelt)(b.belt).Write(ctx, p, off)
}

// TestOrdered has many reads and writes of one fid on their way, which are done in the
// order in which they came and do not wait for each other; some are flushed, and the last
// comes before a clunk.
func TestOrdered(t *testing.T) {
	for name, quick := range map[string]bool{"blocking": false, "inline": true} {
		t.Run(name, func(t *testing.T) {
			const n = 200
			b := &belt{Node: srv.NewNode(0o666), in: make(chan byte), out: make(chan byte), quick: quick}
			w := dial(t, newHall(map[string]srv.File{"f": b}), true)
			w.open("f", p9.ORDWR)
			for i := range uint16(n) {
				w.send(&p9.Fcall{Type: p9.Tread, Tag: i, Fid: 1, Count: 1},
					&p9.Fcall{Type: p9.Twrite, Tag: n + i, Fid: 1, Data: []byte{byte(i)}})
			}
			// Every seventh read and fifth write goes.
			flush := func(tag uint16) {
				w.send(&p9.Fcall{Type: p9.Tflush, Tag: 1000, Oldtag: tag})
				if r := w.recv(); r.Type != p9.Rflush {
					t.Fatalf("flush of %d: %s", tag, r.Text(true))
				}
			}
			var reads, writes []uint16
			for i := range uint16(n) {
				if i%7 == 0 {
					flush(i)
				} else {
					reads = append(reads, i)
				}
				if i%5 == 0 {
					flush(n + i)
				} else {
					writes = append(writes, i)
				}
			}
			go func() {
				for i := range reads {
					b.in <- byte(i)
				}
			}()
			for i, tag := range reads {
				if r := w.recv(); r.Type != p9.Rread || r.Tag != tag || r.Data[0] != byte(i) {
					t.Fatalf("read %d: %s, for tag %d", i, r.Text(true), tag)
				}
			}
			w.send(&p9.Fcall{Type: p9.Tclunk, Tag: 1001, Fid: 1})
			for i, tag := range writes {
				if got := <-b.out; got != byte(tag) {
					t.Fatalf("write %d: %d came, not %d", i, got, tag)
				}
			}
			clunked := false
			for i := 0; i < len(writes); {
				r := w.recv()
				switch {
				case r.Tag == 1001:
					clunked = true
				case r.Type != p9.Rwrite || r.Tag != n+writes[i]:
					t.Fatalf("write %d: %s", i, r.Text(true))
				default:
					i++
				}
			}
			if !clunked {
				if r := w.recv(); r.Tag != 1001 {
					t.Fatal(r.Text(true))
				}
			}
		})
	}
}
