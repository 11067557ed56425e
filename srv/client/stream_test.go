package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A tape gives some bytes, and takes some.
type tape struct {
	srv.Node
	mu   sync.Mutex
	give []byte
	took bytes.Buffer
	most int // bytes that it takes; then it is broken

	hang  bool // where there is no more to be done, it is for ever, but that one write hears that it is broken
	heard bool
	under atomic.Int32 // reads that hang, and writes
}

func (tp *tape) Ordered() {}

func (tp *tape) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	n := copy(p, tp.give)
	tp.give = tp.give[n:]
	if n == 0 && tp.hang {
		return 0, tp.hangs(ctx)
	}
	return n, nil
}

func (tp *tape) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	switch {
	case tp.took.Len() < tp.most:
		return tp.took.Write(p)
	case tp.hang && tp.heard:
		return 0, tp.hangs(ctx)
	}
	tp.heard = true
	return 0, syscall.EPIPE
}

// hangs waits until nobody wants it any more.
func (tp *tape) hangs(ctx context.Context) error {
	tp.mu.Unlock()
	defer tp.mu.Lock()
	tp.under.Add(1)
	defer tp.under.Add(-1)
	<-ctx.Done()
	return ctx.Err()
}

// newTape serves one at the other end of a link, and opens it.
func newTape(t *testing.T, tp *tape, mode p9.Mode) (*client.Fid, *srvtest.Link) {
	t.Helper()
	tp.Node, tp.most = srv.NewNode(0o666), max(tp.most, 1<<20)
	l := srvtest.NewLink(t, srv.New(srv.NewDir().Add("tape", tp)), time.Millisecond)
	c, err := client.Dial(t.Context(), l.Addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	root, err := c.Attach(t.Context(), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	f, err := root.WalkOpen(t.Context(), mode, "tape")
	if err != nil {
		t.Fatal(err)
	}
	l.Traffic()
	return f, l
}

// many and single say whether several requests may be under way.
func many() bool   { return true }
func single() bool { return false }

// TestStreamRead: much that is read from a server that keeps the order of reads takes few round
// trips, and comes in order.
func TestStreamRead(t *testing.T) {
	const size = 4 << 20
	for _, c := range []struct {
		name        string
		inOrder     func() bool
		least, most int
	}{{"in order", many, 1, 24}, {"in any order", single, 64, 68}} {
		t.Run(c.name, func(t *testing.T) {
			data := pattern(size)
			f, l := newTape(t, &tape{give: data}, p9.OREAD)
			var got bytes.Buffer
			if _, err := io.Copy(&got, f.Stream(t.Context(), c.inOrder)); err != nil || !bytes.Equal(got.Bytes(), data) {
				t.Errorf("%d bytes, %v", got.Len(), err)
			}
			if n := l.Traffic(); n.Trips < c.least || n.Trips > c.most {
				t.Errorf("%v, not %d to %d", n, c.least, c.most)
			}
		})
	}
}

// TestStreamReadFew: what comes bit by bit, and in pieces of any size, is all there.
func TestStreamReadFew(t *testing.T) {
	data := pattern(300000)
	f, _ := newTape(t, &tape{give: data}, p9.OREAD)
	s := f.Stream(t.Context(), many)
	var got []byte
	for n := 1; ; n = n*3%5000 + 1 {
		p := make([]byte, n)
		m, err := s.Read(p)
		if got = append(got, p[:m]...); err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, data) {
		t.Errorf("%d bytes of %d", len(got), len(data))
	}
	if n, err := s.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("behind the end: %d, %v", n, err)
	}
}

// TestStreamWrite is TestStreamRead for writes.
func TestStreamWrite(t *testing.T) {
	const size = 4 << 20
	for _, c := range []struct {
		name        string
		inOrder     func() bool
		least, most int
	}{{"in order", many, 1, 24}, {"in any order", single, 64, 68}} {
		t.Run(c.name, func(t *testing.T) {
			data := pattern(size)
			tp := &tape{most: 2 * size}
			f, l := newTape(t, tp, p9.OWRITE)
			s := f.Stream(t.Context(), c.inOrder)
			if n, err := io.Copy(s, struct{ io.Reader }{bytes.NewReader(data)}); err != nil || n != size {
				t.Errorf("%d bytes, %v", n, err)
			}
			if err := s.Flush(); err != nil {
				t.Error(err)
			}
			tp.mu.Lock()
			defer tp.mu.Unlock()
			if !bytes.Equal(tp.took.Bytes(), data) {
				t.Errorf("%d bytes came", tp.took.Len())
			}
			if n := l.Traffic(); n.Trips < c.least || n.Trips > c.most {
				t.Errorf("%v, not %d to %d", n, c.least, c.most)
			}
		})
	}
}

// TestStreamWriteMixed: short and long pieces, beside each other, come in order.
func TestStreamWriteMixed(t *testing.T) {
	tp := &tape{}
	f, _ := newTape(t, tp, p9.OWRITE)
	s := f.Stream(t.Context(), many)
	data := pattern(500000)
	for i, n := 0, 1; i < len(data); n = n*7%40000 + 1 {
		n = min(n, len(data)-i)
		if m, err := s.Write(data[i : i+n]); m != n || err != nil {
			t.Fatal(m, err)
		}
		i += n
	}
	if err := s.Flush(); err != nil {
		t.Error(err)
	}
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if !bytes.Equal(tp.took.Bytes(), data) {
		t.Errorf("%d bytes came, or others", tp.took.Len())
	}
}

// TestStreamBroken: that the other end takes no more is heard, at the latest at the end, and by
// all who write afterwards.
func TestStreamBroken(t *testing.T) {
	f, _ := newTape(t, &tape{most: 1 << 20}, p9.OWRITE)
	s := f.Stream(t.Context(), many)
	_, err := io.Copy(s, struct{ io.Reader }{bytes.NewReader(pattern(8 << 20))})
	if !errors.Is(err, syscall.EPIPE) {
		t.Errorf("8 MiB: %v", err)
	}
	if err := s.Flush(); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("flush: %v", err)
	}
	if _, err := s.Write(make([]byte, 10)); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("one more: %v", err)
	}
}

// A full is a writer that takes some bytes, and fails with the last of them.
type full struct {
	room int
	last func()
}

func (w *full) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room > 0 {
		return len(p), nil
	}
	w.last()
	return 0, syscall.ENOSPC
}

// TestStreamGivenUp: where bytes can't be moved on, what is still under way is neither waited for nor
// left with the server.
func TestStreamGivenUp(t *testing.T) {
	const size = 2 << 20
	ctx, cancel := context.WithTimeout(t.Context(), srvtest.Patience)
	defer cancel()
	some := func(tp *tape) {
		if !srvtest.Until(func() bool { return tp.under.Load() > 0 }) {
			t.Error("nothing is under way")
		}
	}
	none := func(tp *tape) {
		if ctx.Err() != nil || !srvtest.Until(func() bool { return tp.under.Load() == 0 }) {
			t.Errorf("%d are under way still, or were waited for", tp.under.Load())
		}
	}
	tp := &tape{give: pattern(size), hang: true}
	f, _ := newTape(t, tp, p9.OREAD)
	to := &full{size, func() { some(tp) }}
	if _, err := f.Stream(ctx, many).WriteTo(to); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("reading: %v", err)
	}
	none(tp)

	tp = &tape{most: size, hang: true}
	f, _ = newTape(t, tp, p9.OWRITE)
	s := f.Stream(ctx, many)
	if _, err := io.Copy(s, struct{ io.Reader }{bytes.NewReader(pattern(2 * size))}); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing: %v", err)
	}
	if err := s.Flush(); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("flush: %v", err)
	}
	none(tp)
	if _, err := s.Write(make([]byte, 10)); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("one more: %v", err)
	}
}
