package ipcfs

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// TestQueueOrder: messages come out as they went in, whole, and in parts to a reader
// with little room.
func TestQueueOrder(t *testing.T) {
	each(t, Config{}, func(x tree) {
		w, err := x.create("q", "a", p9.OWRITE|p9.OTRUNC)
		if err != nil {
			x.Fatal(err)
		}
		r := x.Open("q/a", p9.OREAD)
		for i := range 10 {
			x.Write(w, fmt.Sprintf("message %d", i))
		}
		for i := range 5 {
			x.reads(r, fmt.Sprintf("message %d", i))
		}
		other := x.Open("q/a", p9.OREAD)
		if s, err := read(x.Context(), r, 3); s != "mes" || err != nil {
			x.Error(s, err)
		}
		x.reads(other, "message 6")
		x.reads(r, "sage 5")
		x.status("q/a depth 64 messages 3 leased 0 readers 0 writers 0")
		x.must("close a", "ctl")
		if _, err := w.Write(x.Context(), []byte("x"), 0); !errors.Is(err, syscall.EIO) {
			x.Errorf("write to a closed queue: %v", err)
		}
		for i := range 3 {
			x.reads(other, fmt.Sprintf("message %d", 7+i))
		}
		for range 2 {
			if s, err := read(x.Context(), r, 10); s != "" || !errors.Is(err, io.EOF) {
				x.Errorf("%q, %v", s, err)
			}
		}
	})
}

// TestQueueWaits: readers and writers wait in turn, and a flush takes nothing.
func TestQueueWaits(t *testing.T) {
	each(t, Config{}, func(x tree) {
		x.must("queue a 2", "ctl")
		var rs []*pending
		for i := range 3 {
			rs = append(rs, x.start(x.Open("q/a", p9.OREAD)))
			x.status(fmt.Sprintf("q/a depth 2 messages 0 leased 0 readers %d writers 0", i+1))
		}
		rs[1].flushed()
		x.status("q/a depth 2 messages 0 leased 0 readers 2 writers 0")
		w := x.Open("q/a", p9.OWRITE)
		x.Write(w, "1")
		rs[0].ends("1")
		x.Write(w, "2")
		rs[2].ends("2")
		x.Write(w, "3")
		x.Write(w, "4")
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				w := x.Open("q/a", p9.OWRITE)
				x.Write(w, fmt.Sprint(5+i))
			})
			x.status(fmt.Sprintf("q/a depth 2 messages 2 leased 0 readers 0 writers %d", i+1))
		}
		r := x.Open("q/a", p9.OREAD)
		for i := 3; i <= 6; i++ {
			x.reads(r, fmt.Sprint(i))
		}
		wg.Wait()
		// One that goes away.
		p := x.start(r)
		x.status("q/a depth 2 messages 0 leased 0 readers 1 writers 0")
		if err := (client.Fsys{Root: x.Root}).Remove(x.Context(), "q/a"); err != nil {
			x.Fatal(err)
		}
		if <-p.done; !errors.Is(p.err, syscall.EIDRM) {
			x.Errorf("%q, %v", p.text, p.err)
		}
		p.stop()
	})
}

func TestNonblock(t *testing.T) {
	each(t, Config{}, func(x tree) {
		x.must("queue a 1 nonblock", "ctl")
		f := x.Open("q/a", p9.ORDWR)
		_, err := read(x.Context(), f, 10)
		x.fails(err, "queue a is empty: Resource temporarily unavailable")
		x.Write(f, "x")
		_, err = f.Write(x.Context(), []byte("y"), 0)
		x.fails(err, "queue a is full: Resource temporarily unavailable")
		x.must("queue b\nsem s\nmutex m\nevent e", "ctl")
		if !x.Root.Conn().DotL() {
			return // no such mode
		}
		m := x.Open("mutex/m", p9.OREAD)
		x.reads(m, acquired)
		for _, name := range []string{"q/b", "sem/s", "mutex/m", "event/e"} {
			f := x.Open(name, p9.OREAD|p9.ONONBLOCK)
			if _, err := read(x.Context(), f, 10); !errors.Is(err, syscall.EAGAIN) {
				x.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestWorkQueue(t *testing.T) {
	each(t, Config{}, func(x tree) {
		x.must("queue w 10 work", "ctl")
		put := x.Open("q/w", p9.OWRITE)
		for _, m := range []string{"a", "b", "c", "d", "e"} {
			x.Write(put, m)
		}
		r1, r2, r3 := x.Open("q/w", p9.OREAD), x.Open("q/w", p9.OREAD), x.Open("q/w", p9.ORDWR)
		x.reads(r1, "a")
		x.reads(r2, "b")
		x.reads(r3, "c")
		x.clunk(r2)
		x.status("q/w depth 10 messages 3 leased 2 readers 0 writers 0 work")
		x.reads(r1, "b") // done with a
		x.clunk(r1)
		r1 = x.Open("q/w", p9.OREAD)
		x.reads(r1, "b")
		x.Write(r3, "back\n")
		x.reads(r3, "c")
		x.Write(r3, "ack")
		x.fails(func() error { _, err := r3.Write(x.Context(), []byte("ack"), 0); return err }(), "no message is leased")
		x.fails(func() error { _, err := r3.Write(x.Context(), []byte("job"), 0); return err }(), "who reads a work queue writes ack or back")
		x.reads(r3, "d")
		x.must("close w", "ctl")
		x.reads(r1, "e") // done with b
		p := x.start(r3) // done with d; the end waits for e
		x.status("q/w depth 10 messages 0 leased 1 readers 1 writers 0 work closed")
		x.clunk(r1)
		p.ends("e")
		p = x.start(r3)
		p.ends("")
		x.status("q/w depth 10 messages 0 leased 0 readers 0 writers 0 work closed")
	})
}

// TestLeaseToWaiting: what comes back goes to a reader that waits.
func TestLeaseToWaiting(t *testing.T) {
	each(t, Config{}, func(x tree) {
		x.must("queue w 10 work", "ctl")
		x.must("job", "q/w")
		r1, r2 := x.Open("q/w", p9.OREAD), x.Open("q/w", p9.OREAD)
		if s, err := read(x.Context(), r1, 2); s != "jo" || err != nil {
			x.Error(s, err)
		}
		p := x.start(r2)
		x.status("q/w depth 10 messages 0 leased 1 readers 1 writers 0 work")
		x.clunk(r1)
		p.ends("job")
	})
}

// TestQueueMany has many writers and readers, flushes among them: each message is read
// once, and each writer's are in order for each reader.
func TestQueueMany(t *testing.T) {
	const writers, readers, messages = 4, 4, 300
	for _, work := range []string{"", " work"} {
		each(t, Config{}, func(x tree) {
			x.must("queue a 5"+work, "ctl")
			var wg, rg sync.WaitGroup
			for i := range writers {
				w := x.Open("q/a", p9.OWRITE)
				wg.Go(func() {
					for j := range messages {
						if _, err := w.Write(x.Context(), fmt.Appendf(nil, "%d %04d", i, j), 0); err != nil {
							x.Error(err)
							return
						}
					}
				})
			}
			var mu sync.Mutex
			var got []string
			for i := range readers {
				r := x.Open("q/a", p9.OREAD)
				rg.Go(func() {
					for n := 0; ; n++ {
						p := x.start(r)
						if i%2 == 0 && n%3 == 0 {
							p.stop()
						}
						<-p.done
						p.stop()
						if errors.Is(p.err, io.EOF) {
							return
						}
						if p.err == nil {
							mu.Lock()
							got = append(got, p.text)
							mu.Unlock()
						}
					}
				})
			}
			wg.Wait()
			x.must("close a", "ctl")
			rg.Wait()
			if slices.Sort(got); len(got) != writers*messages || len(slices.Compact(got)) != writers*messages {
				x.Errorf("%d messages, %d different", len(got), len(slices.Compact(got)))
			}
		})
	}
}

func TestPipe(t *testing.T) {
	each(t, Config{}, func(x tree) {
		ctl := x.Open("pipe/clone", p9.ORDWR)
		x.reads(ctl, "0\n")
		a, b := x.Open("pipe/0/data", p9.ORDWR), x.Open("pipe/0/data1", p9.ORDWR)
		x.Write(a, "one")
		x.Write(a, "two")
		x.Write(b, "three")
		x.reads(b, "one")
		if s, err := read(x.Context(), b, 1); s != "t" || err != nil {
			x.Error(s, err)
		}
		x.reads(b, "wo")
		x.reads(a, "three")
		p := x.start(b)
		x.Write(a, "four")
		p.ends("four")
		x.Write(ctl, "nonblock")
		_, err := read(x.Context(), b, 10)
		x.fails(err, "pipe 0 is empty")
		big := strings.Repeat("x", 8000)
		for n := 0; ; n++ {
			if _, err = a.Write(x.Context(), []byte(big), 0); err != nil {
				if n != pipeBytes/len(big)+1 {
					x.Errorf("full after %d", n)
				}
				break
			}
		}
		x.fails(err, "pipe 0 is full")
		x.Write(ctl, "block")
		x.fails(func() error { _, err := ctl.Write(x.Context(), []byte("nonblok"), 0); return err }(), `"nonblok"`)
		x.fails(func() error { _, err := ctl.Write(x.Context(), []byte("block 1"), 0); return err }(), "usage: block")
		x.clunk(a)
		for range pipeBytes/len(big) + 1 {
			x.reads(b, big)
		}
		x.reads(b, "")
		if _, err := b.Write(x.Context(), []byte("x"), 0); !errors.Is(err, syscall.EPIPE) {
			x.Error(err)
		}
		// The second pipe, and a third, for the number of the first is gone with it.
		ctl1 := x.Open("pipe/clone", p9.ORDWR)
		x.reads(ctl1, "1\n")
		x.clunk(b)
		x.clunk(ctl)
		ctl = x.Open("pipe/clone", p9.ORDWR)
		x.reads(ctl, "2\n")
		r := x.Open("pipe/2/data", p9.OREAD)
		p = x.start(r)
		x.Write(ctl, "hangup")
		p.ends("")
	})
}
