package aan

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

// TestCloseWrite: one end says that it writes no more, and has all of the answer, which is
// longer than what is kept at a time, over links that are cut.
func TestCloseWrite(t *testing.T) {
	hasty(t)
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(3, 4))
	cfg := Config{Every: 200 * time.Millisecond}
	p := newPlace(t, cfg, func(c net.Conn) net.Conn {
		mu.Lock()
		defer mu.Unlock()
		return newFrail(c, 1000+int64(r.ExpFloat64()*float64(window/2)), false)
	})
	near, far := p.session(cfg)
	near.Write([]byte("how much?"))
	if err := near.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := near.CloseWrite(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if b, err := io.ReadAll(far); string(b) != "how much?" || err != nil {
		t.Fatalf("%q, %v", b, err)
	}
	pump(t, far, near, 3*window, 5)
	far.Close()
	if n, err := near.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("behind the end: %d, %v", n, err)
	}
	near.Close()
	if !srvtest.Until(func() bool { return near.broken() != nil && far.broken() != nil }) {
		t.Error("the session goes on")
	}
	if n, _ := near.Links(); n < 2 {
		t.Error("no link was cut")
	}
}

// A counter counts the writes to a link.
type counter struct {
	net.Conn
	writes *atomic.Int64
}

func (c counter) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// TestWritev: pieces go in as few messages as hold them, and come in order.
func TestWritev(t *testing.T) {
	var writes atomic.Int64
	p := newPlace(t, Config{Every: time.Minute}, nil)
	near, err := Dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
		link, err := p.link(ctx)
		return counter{link, &writes}, err
	}, Config{Every: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far := <-p.got
	defer far.Close()
	for _, c := range []struct {
		pieces []int
		most   int64 // messages
	}{{[]int{12, 100}, 1}, {[]int{12, maxData - 12}, 1}, {[]int{12, maxData}, 2}, {[]int{12, 4 * maxData}, 5}, {[]int{1, 2, 3, 70_000}, 2}, {[]int{2 * window}, 1000}} {
		before := writes.Load()
		var want []byte
		var pieces [][]byte
		for i, n := range c.pieces {
			pieces = append(pieces, bytes.Repeat([]byte{byte(i + 1)}, n))
			want = append(want, pieces[i]...)
		}
		done := make(chan error, 1)
		go func() {
			n, err := near.Writev(pieces...)
			if err == nil && n != len(want) {
				err = io.ErrShortWrite
			}
			done <- err
		}()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v: other bytes come: %v", c.pieces, err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if n := writes.Load() - before; n > c.most {
			t.Errorf("%v: %d messages", c.pieces, n)
		}
	}
}
