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
	"syscall"
	"testing"
	"testing/iotest"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

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
