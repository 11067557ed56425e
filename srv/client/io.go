package client

import (
	"context"
	"io"

	"ninespace/srv/p9"
)

// Read reads at an offset, as many bytes as one message moves at most. The end
// is 0 and io.EOF.
func (f *Fid) Read(ctx context.Context, p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := f.read(ctx, p9.Tread, p[:min(len(p), int(f.Iounit()))], uint64(off))
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func (f *Fid) read(ctx context.Context, t p9.Type, p []byte, off uint64) (int, error) {
	k := f.readCall(t, p, off)
	defer k.release()
	if err := f.c.do(ctx, k); err != nil {
		return 0, err
	}
	return k.n, nil
}

// ReadAt reads len(p) bytes at an offset, or up to the end: then it is io.EOF that
// comes with them. What takes several messages is asked for at once, unless the
// file is one whose bytes must come in turn: a stream, one that is made up as it
// is read (qid.vers 0) or is only appended to.
func (f *Fid) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if len(p) > f.chunk() && f.regular() {
		return f.readWindow(ctx, p, off)
	}
	done := 0
	for done < len(p) {
		n, err := f.Read(ctx, p[done:], off+int64(done))
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (f *Fid) readWindow(ctx context.Context, p []byte, off int64) (int, error) {
	var w window
	asked, done := 0, 0
	for done < len(p) {
		for chunk := f.chunk(); w.n < depth && asked < len(p); {
			q := p[asked:min(len(p), asked+chunk)]
			w.add(f.readCall(p9.Tread, q, uint64(off)+uint64(asked)))
			asked += len(q)
		}
		k := w.next(ctx, f.c)
		q, n, err := k.p, k.n, k.err
		k.release()
		done += n
		switch {
		case err == nil && n == 0:
			err = io.EOF
			fallthrough
		case err != nil:
			w.drop(f.c)
			return done, err
		case n < len(q): // maybe the end, maybe not: what comes after it waits
			w.first(ctx, f.c, f.readCall(p9.Tread, q[n:], uint64(off)+uint64(done)))
		}
	}
	return done, nil
}

// Write writes all of p at an offset, by as many messages as that takes. It
// stops at an error and where the server takes less than it was given, and says
// how many bytes were taken up to there. With OAPPEND in 9P2000, which has no such
// mode, it writes at what the end is just then.
//
// Of a file that ReadAt reads at once, and that is not open with OAPPEND, the
// messages go at once: those behind the one that stops it may have been taken.
func (f *Fid) Write(ctx context.Context, p []byte, off int64) (int, error) {
	if f.mode&p9.OAPPEND != 0 && !f.c.dotl {
		st, err := f.Stat(ctx)
		if err != nil {
			return 0, err
		}
		off = int64(st.Length)
	}
	var w window
	most, chunk := 1, int(f.Iounit())
	if f.parallel() {
		most, chunk = depth, f.chunk()
	}
	sent, done := 0, 0
	for first := true; first || done < len(p); first = false {
		for w.n < most && (sent < len(p) || sent == 0 && w.n == 0) {
			q := p[sent:min(len(p), sent+chunk)]
			w.add(f.writeCall(q, uint64(off)+uint64(sent)))
			sent += len(q)
		}
		k := w.next(ctx, f.c)
		size := len(k.Data)
		n, err := k.written()
		k.release()
		done += n
		if err != nil || n < size {
			w.drop(f.c)
			return done, err
		}
	}
	return done, nil
}

// parallel reports whether writes may go at once.
func (f *Fid) parallel() bool { return f.regular() && f.mode&p9.OAPPEND == 0 }
