package door

import (
	"bytes"
	"io"
	"sync/atomic"
	"testing"

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

// TestFramed: a small write to a stream is one to what is below, and comes as it was written.
func TestFramed(t *testing.T) {
	srvtest.CheckGoroutines(t)
	x, y := srvtest.Pair(t)
	below := &counted{ReadWriteCloser: x}
	near, err := mux(below, true)
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := mux(y, false)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	s, err := near.Open()
	if err != nil {
		t.Fatal(err)
	}
	r, err := far.Accept()
	if err != nil {
		t.Fatal(err)
	}
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
