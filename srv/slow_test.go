package srv_test

import (
	"io"
	"runtime"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A pond is a server with a file to read much of, and one to read little of.
func newPond(t *testing.T, memory int64, stalled time.Duration) *place {
	s := srv.New(newHall(map[string]srv.File{
		"bulk":  &bulk{Node: srv.NewNode(0o444)},
		"quick": &quickBulk{bulk{Node: srv.NewNode(0o444)}},
		"hello": srv.Const("hello"),
	}))
	s.Memory = memory
	s.SetStalled(stalled)
	return listen(t, s)
}

const stuffing = 8 << 20 // more than the engine and a socket keep of what is inline

// stuff sends reads, and takes no reply, until the server waits for the client; it
// returns how many bytes of replies there will be at most. The reads go on being
// sent for as long as the connection takes them.
func (p *place) stuff(w *wire, name string, count uint32) {
	p.Helper()
	w.open(name, p9.OREAD)
	sent := make(chan struct{})
	p.Cleanup(func() { w.c.Close(); <-sent })
	go func() {
		defer close(sent)
		for i := range stuffing / int(count) {
			b, _ := (&p9.Fcall{Type: p9.Tread, Tag: uint16(i), Fid: 1, Count: count}).Append(nil, true)
			if _, err := w.c.Write(b); err != nil {
				return
			}
		}
	}()
	p.pass(10 * time.Millisecond)
}

// work has a client that takes its replies do something, in pieces of 128 KiB.
func (w *wire) work(n int) {
	w.Helper()
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"bulk"}})
	w.rpc(&p9.Fcall{Type: p9.Tlopen, Fid: 1})
	for range n {
		if r := w.rpc(&p9.Fcall{Type: p9.Tread, Fid: 1, Count: 128 << 10}); len(r.Data) != 128<<10 {
			w.Fatalf("%d bytes of 128 KiB", len(r.Data))
		}
		w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 2, Wname: []string{"hello"}})
		w.rpc(&p9.Fcall{Type: p9.Tclunk, Fid: 2})
	}
	w.rpc(&p9.Fcall{Type: p9.Tclunk, Fid: 1})
}

// large connects with a large msize.
func (p *place) large() *wire {
	p.Helper()
	w := p.dial(true)
	w.version(true, p9.MaxMsize)
	w.rpc(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid})
	return w
}

// pass waits until the oldest of the writes that the server waits with has lasted
// for some time.
func (p *place) pass(d time.Duration) {
	p.Helper()
	if !srvtest.Until(func() bool {
		for _, since := range p.s.Writes() {
			if srv.Clock()-since > int64(d) {
				return true
			}
		}
		return false
	}) {
		p.Fatal("the server waits for nobody")
	}
}

// kinds are ways to stuff a connection: replies of the reading goroutine and of
// others, so large that reading is asked whether there is memory, and small.
var kinds = []struct {
	title, file string
	count       uint32
}{{"inline", "quick", 64 << 10}, {"inline small", "quick", 1 << 10}, {"goroutines", "bulk", 64 << 10}, {"goroutines small", "bulk", 1 << 10}}

// TestSlowReader has a client send and never read while there is memory: it is not
// cut off, however long it takes, and others go on.
func TestSlowReader(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.title, func(t *testing.T) {
			p := newPond(t, 1<<30, time.Millisecond)
			slow, w := p.large(), p.large()
			p.stuff(slow, k.file, k.count)
			w.work(20)
			p.pass(100 * time.Millisecond)
			for range stuffing / int(k.count) {
				if r := slow.recv(); len(r.Data) != int(k.count) {
					t.Fatal(r.Text(true))
				}
			}
			w.work(1)
		})
	}
}

// TestSlowReaderCut has the same while memory is short: that one is cut off, the
// others don't notice.
func TestSlowReaderCut(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.title, func(t *testing.T) {
			p := newPond(t, 100<<10, 500*time.Millisecond)
			slow, w := p.large(), p.large()
			p.stuff(slow, k.file, k.count)
			if !srvtest.Until(func() bool { return p.s.Waiting() == 0 }) {
				t.Fatalf("%d bytes still wait", p.s.Waiting())
			}
			if n, err := io.Copy(io.Discard, slow.c); err == nil && n >= stuffing {
				t.Error("the slow client got everything")
			}
			w.work(1)
		})
	}
}

// TestSlowReaderPatience has memory short, and the time that a client may take not
// over: nobody is cut off, and who takes replies gets whole ones.
func TestSlowReaderPatience(t *testing.T) {
	p := newPond(t, 100<<10, time.Hour)
	slow, w := p.large(), p.large()
	p.stuff(slow, "quick", 64<<10)
	p.pass(100 * time.Millisecond)
	w.work(20)
	for range stuffing / (64 << 10) {
		if r := slow.recv(); r.Type != p9.Rread || len(r.Data) == 0 {
			t.Fatal(r.Text(true))
		}
	}
}

// TestSlowReaderProgress has a client take its replies bit by bit: each bit counts.
func TestSlowReaderProgress(t *testing.T) {
	p := newPond(t, 1<<30, time.Hour)
	slow := p.large()
	p.stuff(slow, "bulk", 1<<20-p9.IOHdrSz)
	for range 5 {
		writes := p.s.Writes()
		if len(writes) != 1 {
			t.Fatal("no write waits")
		}
		if !srvtest.Until(func() bool {
			io.CopyN(io.Discard, slow.c, 4<<10)
			now := p.s.Writes()
			return len(now) == 1 && now[0] != writes[0]
		}) {
			t.Fatal("a client that takes something seems to take nothing")
		}
	}
}

// TestBuffersReturn has replies that a socket takes in pieces: their buffers are used
// again all the same.
func TestBuffersReturn(t *testing.T) {
	const n, size = 1024, 128 << 10
	p := newPond(t, 1<<30, time.Hour)
	w := p.large()
	w.open("quick", p9.OREAD)
	var reads []*p9.Fcall
	for i := range uint16(16) {
		reads = append(reads, &p9.Fcall{Type: p9.Tread, Tag: i, Fid: 1, Count: size})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n / len(reads) {
		w.send(reads...)
		if _, err := io.CopyN(io.Discard, w.c, int64(len(reads)*(size+p9.HdrSz+4))); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	// Buffers have 256 KiB; with the race detector pools lose a quarter of what is put
	// there.
	if got := after.TotalAlloc - before.TotalAlloc; got > n*size*3/4 {
		t.Errorf("%d bytes were allocated for %d bytes of replies", got, n*size)
	}
}
