package client

import (
	"context"
	"io"

	"ninespace/srv/p9"
)

// Reading ahead and writing behind: what a File does while its caller does
// something else. Both are for regular files, see Fid.ReadAt; others are read and
// written as if neither was asked for.

// A readAhead is what was asked for and is not read yet.
type readAhead struct {
	max    int // how many requests may be under way
	window int // how many are, while the reads go on one after the other
	w      window
	at     int64  // the offset of the first byte that is not read
	asked  int64  // that of the next request
	data   []byte // the first bytes that are not read
	buf    []byte // and where they are
	free   [][]byte
}

// read reads at an offset: with any other than where the last read ended it all
// begins anew.
func (a *readAhead) read(ctx context.Context, f *Fid, p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if off != a.at {
		a.drop(f.c)
		a.at, a.asked = off, off
	}
	if len(a.data) == 0 {
		if err := a.fetch(ctx, f); err != nil {
			a.drop(f.c)
			return 0, err
		}
	}
	n := copy(p, a.data)
	a.at += int64(n)
	if a.data = a.data[n:]; len(a.data) == 0 && len(a.buf) == f.chunk() {
		a.free = append(a.free, a.buf)
	}
	return n, nil
}

// fetch waits for what comes next, and asks for what comes after that.
func (a *readAhead) fetch(ctx context.Context, f *Fid) error {
	a.ask(f)
	k := a.w.next(ctx, f.c)
	defer k.release()
	switch {
	case k.err != nil:
		return k.err
	case k.n == 0:
		return io.EOF
	case k.n < len(k.p): // maybe the end, maybe not: what comes after it waits
		a.w.first(ctx, f.c, f.readCall(p9.Tread, make([]byte, len(k.p)-k.n), uint64(a.at)+uint64(k.n)))
	}
	a.buf, a.data = k.p, k.p[:k.n]
	a.window = min(2*a.window, a.max)
	a.ask(f)
	a.w.send(ctx, f.c)
	return nil
}

// ask adds requests up to what may be under way.
func (a *readAhead) ask(f *Fid) {
	for a.window = max(1, a.window); a.w.n < a.window; {
		var b []byte
		if i := len(a.free) - 1; i >= 0 {
			b, a.free = a.free[i], a.free[:i]
		} else {
			b = make([]byte, f.chunk())
		}
		a.w.add(f.readCall(p9.Tread, b, uint64(a.asked)))
		a.asked += int64(len(b))
	}
}

// drop forgets what was asked for.
func (a *readAhead) drop(c *Conn) {
	a.w.drop(c)
	a.asked, a.window, a.data, a.buf = a.at, 0, nil, nil
}

// A writeBehind is what was written and not answered yet.
type writeBehind struct {
	max   int // how many bytes may be under way
	under int // how many are
	w     window
	at    int64 // where the last one ended
	err   error // the first that went wrong
	bufs  [][]byte
}

// write writes at an offset. What overlaps could be done in any order, so that
// anything but writing on waits for all that was before.
func (b *writeBehind) write(ctx context.Context, f *Fid, p []byte, off int64) (int, error) {
	for b.w.ready() {
		b.take(ctx, f.c)
	}
	if off != b.at {
		b.wait(ctx, f.c)
		b.at = off
	}
	done := 0
	for first := true; first || done < len(p); first = false {
		data := p[done:min(len(p), done+f.chunk())]
		for b.w.n == depth || b.w.n > 0 && b.under+len(data) > b.max {
			b.take(ctx, f.c)
		}
		if b.err != nil {
			return done, b.err
		}
		b.w.add(f.writeCall(b.keep(data, f.chunk()), uint64(off)+uint64(done)))
		b.w.send(ctx, f.c)
		done += len(data)
		b.under += len(data)
		b.at += int64(len(data))
	}
	return done, nil
}

// keep copies what is not copied where it is sent.
func (b *writeBehind) keep(p []byte, size int) []byte {
	if len(p) < large {
		return p
	}
	var buf []byte
	if i := len(b.bufs) - 1; i >= 0 {
		buf, b.bufs = b.bufs[i], b.bufs[:i]
	} else {
		buf = make([]byte, size)
	}
	return buf[:copy(buf, p)]
}

// take takes the first answer.
func (b *writeBehind) take(ctx context.Context, c *Conn) {
	k := b.w.next(ctx, c)
	defer k.release()
	b.under -= len(k.Data)
	n, err := k.written()
	if err == nil && n < len(k.Data) {
		err = io.ErrShortWrite
	}
	if b.err == nil {
		b.err = err
	}
	if len(k.Data) >= large {
		b.bufs = append(b.bufs, k.Data[:cap(k.Data)])
	}
}

// wait waits for all answers and gives the first error of all there were.
func (b *writeBehind) wait(ctx context.Context, c *Conn) error {
	for b.w.n > 0 {
		b.take(ctx, c)
	}
	return b.err
}
