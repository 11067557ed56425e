package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A mute is a server that takes all requests and, until it is told to, answers none
// but the first two. Then it answers all, each Tflush after what it is for.
type mute struct {
	mu     sync.Mutex
	speaks bool
	owes   []p9.Fcall
	fids   map[uint32]bool
}

func (m *mute) serve(t *testing.T, c net.Conn) {
	defer c.Close()
	var frame []byte
	for n := 0; ; n++ {
		head := make([]byte, 4)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		size := int(head[0]) | int(head[1])<<8
		frame = append(append(frame[:0], head...), make([]byte, size-4)...)
		if _, err := io.ReadFull(c, frame[4:]); err != nil {
			return
		}
		var f p9.Fcall
		if err := f.Decode(frame, true); err != nil {
			t.Error(err)
			return
		}
		m.mu.Lock()
		if m.owes = append(m.owes, f); m.speaks || n < 2 {
			m.answer(t, c)
		}
		m.mu.Unlock()
	}
}

// answer answers all that was asked. m.mu is held.
func (m *mute) answer(t *testing.T, c net.Conn) {
	var b []byte
	for _, f := range m.owes {
		r := p9.Fcall{Type: f.Type + 1, Tag: f.Tag, Msize: f.Msize, Version: p9.Version9P2000L}
		switch f.Type {
		case p9.Tattach:
			m.fids[f.Fid] = true
			r.Qid.Type = p9.QTDIR
		case p9.Twalk:
			if m.fids[f.Newfid] {
				t.Errorf("fid %d is in use", f.Newfid)
			}
			m.fids[f.Newfid] = true
			r.Wqid = make([]p9.Qid, len(f.Wname))
		case p9.Tclunk, p9.Tremove:
			if !m.fids[f.Fid] {
				r.Type, r.Errno = p9.Rlerror, 9
			}
			delete(m.fids, f.Fid)
		}
		var err error
		if b, err = r.Append(b, true); err != nil {
			t.Error(err)
		}
	}
	m.owes = nil
	c.Write(b)
}

// TestAllTags has calls that a server does not answer take all tags there are: further
// ones, and their Tflushes, and clunks, wait for a tag for no longer than for their ctx.
// When the server answers at last, all tags and fids are free again.
func TestAllTags(t *testing.T) {
	srvtest.CheckGoroutines(t)
	a, b := srvtest.Pair(t)
	m := &mute{fids: map[uint32]bool{}}
	served := make(chan struct{})
	go func() { defer close(served); m.serve(t, b) }()
	defer func() { a.Close(); <-served }()
	c, err := client.New(ctx, a, &client.Options{Version: p9.Version9P2000L, Msize: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	root, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	client.SetPatience(c, time.Millisecond)

	// calls makes n calls at once, and gives what ends them and waits for that.
	calls := func(n int, call func(ctx context.Context) error) func() {
		octx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				if err := call(octx); !errors.Is(err, context.Canceled) {
					t.Errorf("ended by %v", err)
				}
			})
		}
		return func() {
			t.Helper()
			cancel()
			done := make(chan struct{})
			go func() { wg.Wait(); close(done) }()
			select {
			case <-done:
			case <-time.After(srvtest.Patience):
				tags, _ := client.InUse(c)
				c.Close()
				<-done
				t.Fatalf("calls do not end with their ctx: %d tags are in use", tags)
			}
		}
	}
	used := func(n int) {
		t.Helper()
		if !srvtest.Until(func() bool { tags, _ := client.InUse(c); return tags >= n }) {
			tags, _ := client.InUse(c)
			t.Fatalf("%d tags are in use", tags)
		}
	}
	stat := func(ctx context.Context) error { _, err := root.Stat(ctx); return err }
	for n := 0; n < 50000; n += 4000 {
		end := calls(2000, stat)
		used(n + 2000)
		end()
	}
	end := calls(9000, stat)
	used(60000)
	end() // not all of these can be flushed
	used(1<<16 - 1)
	calls(10, stat)()
	calls(10, func(ctx context.Context) error { _, err := root.Walk(ctx, "x"); return err })()
	g := calls(1, root.Clunk)
	g()

	m.mu.Lock()
	m.speaks = true
	m.answer(t, b)
	m.mu.Unlock()
	if !srvtest.Until(func() bool { tags, fids := client.InUse(c); return tags == 0 && fids == 0 }) {
		tags, fids := client.InUse(c)
		t.Errorf("%d tags and %d fids stay in use", tags, fids)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.fids) != 0 {
		t.Errorf("the server has %d fids still", len(m.fids))
	}
}
