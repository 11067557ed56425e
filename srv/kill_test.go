package srv_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// long has tests run in full that else stop at a part, CONTRIBUTING.md.
var long = os.Getenv("NINE_LONG") != ""

// A tray is a queue that counts the reads in it.
type tray struct {
	*srv.Queue
	reads atomic.Int64
}

func (q *tray) Read(ctx context.Context, p []byte, off int64) (int, error) {
	q.reads.Add(1)
	defer q.reads.Add(-1)
	return q.Queue.Read(ctx, p, off)
}

// TestFlushAll has 100 clients with 100 reads of one queue each, all of which are
// flushed while records come in: each flush is answered, and each record is either
// read, by a reply before its Rflush, or still there.
func TestFlushAll(t *testing.T) {
	const clients, reads, records = 100, 100, 5000
	q := &tray{Queue: srv.NewQueue(0o444)}
	p := listen(t, srv.New(newHall(map[string]srv.File{"q": q})))
	var all []*wire
	for range clients {
		w := p.dial(true)
		w.open("q", p9.OREAD)
		for tag := range uint16(reads) {
			w.send(&p9.Fcall{Type: p9.Tread, Tag: tag, Fid: 1, Count: 8})
		}
		all = append(all, w)
	}
	if !srvtest.Until(func() bool { return q.reads.Load() == clients*reads }) {
		t.Fatalf("%d reads block", q.reads.Load())
	}
	var mu sync.Mutex
	seen := map[uint64]int{}
	record := func(b []byte) {
		if len(b) != 8 {
			t.Errorf("a record of %d bytes", len(b))
			return
		}
		mu.Lock()
		defer mu.Unlock()
		seen[binary.LittleEndian.Uint64(b)]++
	}
	var wg sync.WaitGroup
	begun := make(chan struct{})
	wg.Go(func() {
		for i := range uint64(records) {
			if i == records/4 {
				close(begun)
			}
			q.Put(binary.LittleEndian.AppendUint64(nil, i))
		}
	})
	<-begun
	var flushed atomic.Int64
	for _, w := range all {
		wg.Go(func() {
			var flushes []*p9.Fcall
			for tag := range uint16(reads) {
				flushes = append(flushes, &p9.Fcall{Type: p9.Tflush, Tag: reads + tag, Oldtag: tag})
			}
			w.send(flushes...)
			over := map[uint16]bool{}
			for n := 0; n < reads; {
				r, err := srvtest.Recv(w.c, true)
				switch {
				case err != nil:
					t.Error(err)
					return
				case r.Type == p9.Rflush && r.Tag >= reads && !over[r.Tag-reads]:
					over[r.Tag-reads] = true
					n++
				case r.Type == p9.Rread && !over[r.Tag]:
					record(r.Data)
				default:
					t.Errorf("out of order: %s", r.Text(true))
				}
			}
			flushed.Add(int64(len(over)))
		})
	}
	wg.Wait()
	if n := flushed.Load(); n != clients*reads || q.reads.Load() != 0 {
		t.Errorf("%d flushes are answered, %d reads block", n, q.reads.Load())
	}
	taken := len(seen)
	q.Close()
	for b := make([]byte, 8); ; {
		n, _ := q.Queue.Read(context.Background(), b, 0)
		if n == 0 {
			break
		}
		record(b[:n])
	}
	t.Logf("%d records of %d were read by what was flushed", taken, records)
	for i := range uint64(records) {
		if seen[i] != 1 {
			t.Fatalf("record %d came %d times", i, seen[i])
		}
	}
	for _, w := range all {
		w.c.Close()
	}
}

func init() { children["client"] = childClient }

// childClient sends requests of all sorts, and takes replies as they come, until it
// is killed. After as many as its argument says it prints a line.
func childClient() {
	c, err := net.Dial("unix", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	n, _ := strconv.Atoi(os.Args[2])
	w := &wire{new(testing.T), c, false}
	r := &rider{wire: w, rnd: rand.New(rand.NewSource(int64(n)))}
	w.version(n%2 == 0, 64<<10)
	go io.Copy(io.Discard, c)
	var b []byte
	for i := 0; ; i++ {
		if i == n {
			fmt.Println("ready")
		}
		f := r.any()
		if i%5 == 0 {
			f = &p9.Fcall{Type: p9.Tattach, Fid: uint32(r.rnd.Intn(allFids)), Afid: p9.NoFid, Uname: "glenda", Nuname: p9.NoUid}
		}
		f.Tag, f.Oldtag = uint16(i%50_000), uint16((i-r.rnd.Intn(tags))%50_000)
		b, _ = f.Append(b, w.dotl)
		if len(b) > 1000 { // frames are cut in two as it comes
			if _, err := c.Write(b[:1000]); err != nil {
				return
			}
			b = b[:copy(b, b[1000:])]
		}
	}
}

// TestKill kills clients in the middle of what they ask: nothing of them stays.
func TestKill(t *testing.T) {
	n := 60
	if long {
		n = 1000
	}
	c := &census{t: t}
	p := listen(t, &srv.Server{Attach: func(context.Context, string, string) (srv.File, error) { return c.beast("root"), nil }})
	rnd := rand.New(rand.NewSource(time.Now().UnixNano()))
	sizes := make(chan int)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for size := range sizes {
				cmd := child(t, "client", p.path, strconv.Itoa(size))
				out, err := cmd.StdoutPipe()
				if err == nil {
					err = cmd.Start()
				}
				if err != nil {
					t.Error(err)
					continue
				}
				if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
					t.Errorf("a client ended by itself: %v", err)
				}
				cmd.Process.Kill()
				cmd.Wait()
			}
		})
	}
	for range n {
		sizes <- 1 + rnd.Intn(400)
	}
	close(sizes)
	wg.Wait()
	none := func() bool {
		f := figures(t, p.s)
		return c.live.Load() == 0 && f["conns"] == "0" && f["fids"] == "0" && f["inflight"] == "0" && f["mem"] == "0"
	}
	if !srvtest.Until(none) {
		t.Errorf("%d files and handles were never clunked; %v", c.live.Load(), figures(t, p.s))
	}
	t.Logf("%d clients killed: %v", n, figures(t, p.s))
}
