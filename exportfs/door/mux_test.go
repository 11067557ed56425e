package door

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

// A counted stream counts what is written to it at a time.
type counted struct {
	io.ReadWriteCloser
	writes atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.ReadWriteCloser.Write(p)
}

// muxed gives the two ends of a stream through below and y.
func muxed(t *testing.T, below, y io.ReadWriteCloser) (near, far net.Conn) {
	t.Helper()
	a, err := mux(below, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b, err := mux(y, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	if near, err = a.Open(); err != nil {
		t.Fatal(err)
	}
	if far, err = b.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// TestFramed: a small write to a stream is one to what is below, and comes as it was written.
func TestFramed(t *testing.T) {
	srvtest.CheckGoroutines(t)
	x, y := srvtest.Pair(t)
	below := &counted{ReadWriteCloser: x}
	s, r := muxed(t, below, y)
	for _, size := range []int{1, frameHead, 1000, smallFrame, smallFrame + 1, 1 << 20} {
		before := below.writes.Load()
		data := bytes.Repeat([]byte{byte(size), 0, 9}, size/3+1)[:size]
		if n, err := s.Write(data); n != size || err != nil {
			t.Fatalf("write of %d: %d, %v", size, n, err)
		}
		got := make([]byte, size)
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("of %d other bytes come: %v", size, err)
		}
		if n := below.writes.Load() - before; size <= smallFrame && n != 1 {
			t.Errorf("a write of %d is %d below", size, n)
		}
	}
}

// A slow stream passes on so many bytes of what is written to it, and the rest when it is let.
type slow struct {
	io.ReadWriteCloser
	full, let chan struct{}
	most      int
}

func (s *slow) Write(p []byte) (int, error) {
	n := min(s.most, len(p))
	s.most -= n
	if _, err := s.ReadWriteCloser.Write(p[:n]); err != nil {
		return 0, err
	}
	if n < len(p) {
		close(s.full)
		<-s.let
		if _, err := s.ReadWriteCloser.Write(p[n:]); err != nil {
			return n, err
		}
		s.most = 1 << 30
	}
	return len(p), nil
}

// TestFramedRead: what has come of a stream is read while the rest is still to come.
func TestFramedRead(t *testing.T) {
	srvtest.CheckGoroutines(t)
	const size = 100 << 10
	x, y := srvtest.Pair(t)
	below := &slow{ReadWriteCloser: x, full: make(chan struct{}), let: make(chan struct{}), most: size + size/2}
	s, r := muxed(t, below, y)
	data := bytes.Repeat([]byte("0123456789"), size/10)
	wrote := make(chan error, 1)
	go func() {
		for range 3 {
			if _, err := s.Write(data); err != nil {
				wrote <- err
				return
			}
		}
		wrote <- nil
	}()
	<-below.full
	got, read := make([]byte, size), make(chan error, 3)
	go func() {
		for range 3 {
			_, err := io.ReadFull(r, got)
			if err == nil && !bytes.Equal(got, data) {
				err = io.ErrNoProgress
			}
			read <- err
		}
	}()
	var err error
	select {
	case err = <-read:
	case <-time.After(srvtest.Patience):
		err = io.ErrNoProgress
	}
	if err != nil {
		t.Error("of what has come nothing is read:", err)
	}
	close(below.let)
	for range 2 {
		if err := <-read; err != nil {
			t.Error(err)
		}
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

// piecemeal gives what it holds, and takes down how much it was asked for at most.
type piecemeal struct {
	io.ReadWriteCloser
	data io.Reader
	most int
}

func (p *piecemeal) Read(b []byte) (int, error) {
	p.most = max(p.most, len(b))
	return p.data.Read(b)
}

// TestFramedLengths: what comes is given as it came, however long a body its head promises, also
// where an int has 32 bits; and the head alone has no room made for all of it.
func TestFramedLengths(t *testing.T) {
	for _, size := range []uint32{0, 1, smallFrame, smallFrame + 1, largeFrame - 1, largeFrame, largeFrame + 1,
		1<<31 - frameHead - 1, 1<<31 - frameHead, 1<<31 - 1, 1 << 31, 1<<32 - frameHead, 1<<32 - 1} {
		for _, come := range []int{0, 1, smallFrame, 3 * smallFrame} {
			come = int(min(int64(come), int64(size)))
			frame := make([]byte, frameHead, frameHead+come)
			binary.BigEndian.PutUint32(frame[frameLength:], size)
			frame = append(frame, bytes.Repeat([]byte{7}, come)...)
			largeFrames = sync.Pool{New: largeFrames.New} // none has room yet
			p := &piecemeal{data: bytes.NewReader(frame)}
			got, err := io.ReadAll(&framed{ReadWriteCloser: p})
			want := frame
			if size <= largeFrame && uint32(come) < size { // one that is kept until it is whole breaks off
				want = nil
			}
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("a body of %d, %d of them come: %d bytes, not %d, %v", size, come, len(got), len(want), err)
			}
			if p.most > firstRoom {
				t.Errorf("a body of %d, %d of them come: room for %d", size, come, p.most)
			}
		}
	}
}
