package client_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// pattern is n bytes that tell where they are.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// file opens a file of a tree that has nothing else.
func (s setup) file(t *testing.T, f srv.File, mode p9.Mode) (*client.File, *ledger) {
	t.Helper()
	root, l := s.mount(t, newFolder().Add("f", f))
	h, err := client.Fsys{Root: root}.Open(ctx, "f", mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h, l
}

func (l *ledger) mostOf(t p9.Type) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.most[t]
}

// gate has the first n reads or writes of a blob wait until all n are there, and
// then end in reverse.
func gate(b *blob, n int) *blob {
	turns := make([]chan struct{}, n+1)
	for i := range turns {
		turns[i] = make(chan struct{})
	}
	var came atomic.Int64
	b.hook = func(ctx context.Context, _ bool, _ int64, count int) (int, error) {
		i := int(came.Add(1))
		if i > n {
			return count, nil
		}
		if i == n {
			close(turns[n])
		}
		select {
		case <-turns[i]:
			close(turns[i-1])
			return count, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return b
}

// TestWindow moves what takes many messages by parallel ones.
func TestWindow(t *testing.T) {
	for _, dotl := range []bool{false, true} {
		for _, msize := range []uint32{256, 8 << 10, 80 << 10} {
			s := setup{dotl: dotl, msize: msize}
			t.Run(fmt.Sprint(dotl, " ", msize), func(t *testing.T) {
				data := pattern(3*int(msize) + 17)
				f, l := s.file(t, newBlob(data), p9.ORDWR)
				p := make([]byte, len(data))
				for _, off := range []int{0, 1, len(data) - 1, len(data), len(data) + 1} {
					n, err := f.ReadAt(p, int64(off))
					want := data[min(off, len(data)):]
					if !bytes.Equal(p[:n], want) || off > 0 && err != io.EOF || off == 0 && err != nil {
						t.Errorf("at %d: %d bytes of %d, %v", off, n, len(want), err)
					}
				}
				if n, err := f.WriteAt(data, 1); n != len(data) || err != nil {
					t.Errorf("write: %d, %v", n, err)
				}
				if _, err := f.ReadAt(p, 1); err != nil || !bytes.Equal(p, data) {
					t.Errorf("other bytes were written, %v", err)
				}
				if l.mostOf(p9.Tread) > client.Depth || l.mostOf(p9.Twrite) > client.Depth {
					t.Errorf("%v under way at once", l.most)
				}
			})
		}
	}
}

// TestAtOnce has a file that answers only when several messages have come, and in
// the wrong order.
func TestAtOnce(t *testing.T) {
	data := pattern(2 * client.Depth * 8 << 10)
	s := setup{dotl: true, msize: 8 << 10}
	f, _ := s.file(t, gate(newBlob(data), client.Depth), p9.OREAD)
	p := make([]byte, len(data))
	if n, err := f.ReadAt(p, 0); n != len(p) || err != nil || !bytes.Equal(p, data) {
		t.Errorf("read: %d, %v", n, err)
	}
	b := gate(newBlob(nil), client.Depth)
	f, _ = s.file(t, b, p9.OWRITE)
	if n, err := f.WriteAt(data, 0); n != len(data) || err != nil || b.bytes() != string(data) {
		t.Errorf("write: %d, %v", n, err)
	}
}

// TestInTurn has files of which one message at a time may be under way.
func TestInTurn(t *testing.T) {
	for what, c := range map[string]struct {
		vers uint32
		mode p9.Mode
	}{
		"a stream":            {vers: 0},
		"opened with OAPPEND": {vers: 1, mode: p9.OAPPEND},
	} {
		for _, dotl := range []bool{false, true} {
			b := newBlob(pattern(64 << 10))
			b.vers = c.vers
			f, l := setup{dotl: dotl, msize: 4 << 10}.file(t, b, p9.ORDWR|c.mode)
			f.ReadAhead(1 << 20)
			f.WriteBehind(1 << 20)
			if c.vers == 0 {
				if _, err := f.ReadAt(make([]byte, 60<<10), 0); err != nil {
					t.Errorf("%s: %v", what, err)
				}
				if _, err := f.Read(make([]byte, 10)); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			for range 3 {
				if _, err := f.Write(make([]byte, 10<<10)); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			if l.mostOf(p9.Tread) > 1 || l.mostOf(p9.Twrite) > 1 {
				t.Errorf("%s, dotl %v: %v under way at once", what, dotl, l.most)
			}
		}
	}
}

// TestShortReads reads a file that gives less than it is asked for.
func TestShortReads(t *testing.T) {
	data := pattern(50 << 10)
	for _, ahead := range []int{0, 64 << 10} {
		b := newBlob(data)
		b.hook = func(_ context.Context, _ bool, _ int64, n int) (int, error) { return 1 + rand.IntN(n), nil }
		f, _ := setup{dotl: true, msize: 4 << 10}.file(t, b, p9.OREAD)
		p := make([]byte, len(data))
		if n, err := f.ReadAt(p, 0); err != nil || !bytes.Equal(p[:n], data) {
			t.Errorf("ReadAt: %d bytes, %v", n, err)
		}
		f.ReadAhead(ahead)
		if p, err := io.ReadAll(f); err != nil || !bytes.Equal(p, data) {
			t.Errorf("ahead %d: %d bytes, %v", ahead, len(p), err)
		}
	}
}
