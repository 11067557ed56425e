package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"

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

// TestReadAhead reads by all ways of io.Reader, io.Seeker and io.ReaderAt.
func TestReadAhead(t *testing.T) {
	for _, dotl := range []bool{false, true} {
		data := pattern(3000)
		f, l := setup{dotl: dotl, msize: 256}.file(t, newBlob(data), p9.OREAD)
		f.ReadAhead(8 << 10)
		if err := iotest.TestReader(f, data); err != nil {
			t.Error(err)
		}
		if got := l.mostOf(p9.Tread); got > client.Depth {
			t.Errorf("%d reads under way", got)
		}
	}
}

// TestMixed does what one does with a file, at random, with and without reading
// ahead and writing behind: it is as with a file in memory.
func TestMixed(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 3))
		b := newBlob(pattern(10000))
		model := []byte(b.bytes())
		f, _ := setup{dotl: seed%2 == 0, msize: 1 << 10}.file(t, b, p9.ORDWR)
		off := 0
		for i := range 400 {
			p := make([]byte, 1+r.IntN(3000))
			switch op := r.IntN(8); op {
			case 0, 1, 2:
				n, err := f.Read(p)
				want := model[min(off, len(model)):]
				if err == io.EOF && len(want) == 0 {
					break
				}
				if err != nil || n == 0 || n > len(want) || !bytes.Equal(p[:n], want[:n]) {
					t.Fatalf("seed %d, step %d: read at %d: %d, %v", seed, i, off, n, err)
				}
				off += n
			case 3, 4:
				for j := range p {
					p[j] = byte(r.Uint32())
				}
				at := off
				var err error
				if op == 3 {
					_, err = f.Write(p)
					off += len(p)
				} else {
					at = r.IntN(len(model))
					_, err = f.WriteAt(p, int64(at))
				}
				if err != nil {
					t.Fatal(err)
				}
				model = append(model, make([]byte, max(0, at+len(p)-len(model)))...)
				copy(model[at:], p)
			case 5:
				off = r.IntN(len(model))
				if r.IntN(2) == 0 {
					f.Seek(int64(off-len(model)), io.SeekEnd)
				} else {
					f.Seek(int64(off), io.SeekStart)
				}
			case 6:
				at := r.IntN(len(model))
				n, err := f.ReadAt(p, int64(at))
				if want := model[at:min(len(model), at+len(p))]; !bytes.Equal(p[:n], want) || n == len(p) && err != nil {
					t.Fatalf("seed %d, step %d: ReadAt %d: %d of %d, %v", seed, i, at, n, len(want), err)
				}
			case 7:
				f.ReadAhead(r.IntN(2) * r.IntN(16<<10))
				if err := f.WriteBehind(r.IntN(2) * r.IntN(16<<10)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if b.bytes() != string(model) {
			t.Errorf("seed %d: the file is another", seed)
		}
	}
}

// TestBehindError has a write fail after Write has returned: a later call says so,
// and Close always.
func TestBehindError(t *testing.T) {
	for _, fails := range []int64{0, 5000, 9000} {
		for _, later := range []bool{false, true} {
			b := newBlob(nil)
			leave := make(chan struct{})
			b.hook = func(ctx context.Context, _ bool, off int64, n int) (int, error) {
				if off != fails {
					return n, nil
				}
				if later { // when Close waits for it
					<-leave
				}
				return 0, syscall.ENOSPC
			}
			f, _ := setup{dotl: true}.file(t, b, p9.OWRITE)
			f.WriteBehind(1 << 20)
			for i := range 10 {
				if _, err := f.Write(make([]byte, 1000)); err != nil && !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("write %d: %v", i, err)
				}
			}
			close(leave)
			if err := f.Close(); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("close: %v", err)
			}
		}
	}
	b := newBlob(nil)
	b.hook = func(_ context.Context, _ bool, _ int64, n int) (int, error) { return n / 2, nil }
	f, _ := setup{dotl: true}.file(t, b, p9.OWRITE)
	f.WriteBehind(1 << 20)
	f.Write(make([]byte, 100))
	if err := f.Close(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("close after a short write: %v", err)
	}
}

// TestCancelFile ends the ctx of a File whose requests are under way.
func TestCancelFile(t *testing.T) {
	for _, write := range []bool{false, true} {
		b := newBlob(pattern(100 << 10))
		came := make(chan struct{}, 100)
		b.hook = func(ctx context.Context, _ bool, off int64, n int) (int, error) {
			if off < 20<<10 {
				return n, nil
			}
			came <- struct{}{}
			<-ctx.Done()
			return 0, ctx.Err()
		}
		root, _ := setup{dotl: true, msize: 4 << 10}.mount(t, newFolder().Add("f", b))
		fctx, cancel := context.WithCancel(ctx)
		f, err := client.Fsys{Root: root}.Open(fctx, "f", p9.ORDWR)
		if err != nil {
			t.Fatal(err)
		}
		go func() { <-came; cancel() }()
		if write {
			f.WriteBehind(64 << 10)
			for err == nil {
				_, err = f.Write(make([]byte, 1<<10))
			}
			if cerr := f.Close(); !errors.Is(cerr, context.Canceled) {
				t.Errorf("close: %v", cerr)
			}
		} else {
			f.ReadAhead(64 << 10)
			_, err = io.Copy(io.Discard, f)
			f.Close()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("write %v: %v", write, err)
		}
	}
}

// TestShared has many goroutines use one File.
func TestShared(t *testing.T) {
	b := newBlob(nil)
	f, _ := setup{dotl: true, msize: 4 << 10}.file(t, b, p9.ORDWR)
	f.ReadAhead(16 << 10)
	f.WriteBehind(16 << 10)
	const lines, writers = 200, 8
	line := strings.Repeat("x", 99) + "\n"
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for range lines {
				if _, err := io.WriteString(f, line); err != nil {
					t.Error(err)
				}
				if i == 0 {
					f.ReadAt(make([]byte, 5000), 0)
				}
			}
		})
	}
	wg.Wait()
	f.Seek(0, io.SeekStart)
	var mu sync.Mutex
	n := 0
	for range writers {
		wg.Go(func() {
			for p := make([]byte, 77); ; {
				m, err := f.Read(p)
				mu.Lock()
				n += m
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	if want := lines * writers * len(line); n != want || b.bytes() != strings.Repeat(line, lines*writers) {
		t.Errorf("%d bytes of %d", n, want)
	}
}

// An echo is a stream: its reads wait for what is written.
type echo struct {
	srv.Node
	c chan []byte
}

func (e *echo) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	select {
	case b := <-e.c:
		return copy(p, b), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (e *echo) Write(_ context.Context, p []byte, _ int64) (int, error) {
	e.c <- bytes.Clone(p)
	return len(p), nil
}

// TestStream writes to a stream while a Read of the same File waits.
func TestStream(t *testing.T) {
	f, l := setup{dotl: true}.file(t, &echo{srv.NewNode(0o666), make(chan []byte, 1)}, p9.ORDWR)
	f.ReadAhead(1 << 20)
	f.WriteBehind(1 << 20)
	got := make(chan string)
	go func() {
		p := make([]byte, 10)
		n, err := f.Read(p)
		got <- fmt.Sprint(string(p[:n]), err)
	}()
	l.wait(t, func() bool { return l.count[p9.Tread] > 0 })
	if _, err := io.WriteString(f, "hello"); err != nil {
		t.Error(err)
	}
	if s := <-got; s != "hello<nil>" {
		t.Error(s)
	}
}
