package client_test

import (
	"io"
	"net"
	"testing"
	"time"

	hugelgupf "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// The benchmarks compare this client's calls that send ahead, the same done by a
// Fid's calls one by one, and hugelgupf/p9's client, all on one server, by turns.
// The ratios are of the times: how often ours is done while the other is done once.
//
//	go test -run - -bench . ./srv/client

const benchMsize = 64 << 10

// A contest is one work, done by three.
type contest struct {
	ahead, single func(s client.Fsys) error
	peer          func(root hugelgupf.File) error
	rounds        int // of work in a turn
}

// run does the contest over a plain socket and over one on which each message
// takes a millisecond.
func (c contest) run(b *testing.B, tree srv.File) {
	for name, delay := range map[string]time.Duration{"socket": 0, "1ms": time.Millisecond} {
		b.Run(name, func(b *testing.B) {
			dial := func() net.Conn {
				conn := srvtest.Serve(b, srv.New(tree))
				if delay == 0 {
					return conn
				}
				near, far := srvtest.Pair(b)
				go late(far, conn, delay)
				go late(conn, far, delay)
				return near
			}
			conn, err := client.New(ctx, dial(), &client.Options{Version: p9.Version9P2000L + p9.InOrder, Msize: benchMsize})
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			root, err := conn.Attach(ctx, nil, "", "")
			if err != nil {
				b.Fatal(err)
			}
			s := client.Fsys{Root: root}
			hc, err := hugelgupf.NewClient(dial(), hugelgupf.WithMessageSize(benchMsize))
			if err != nil {
				b.Fatal(err)
			}
			defer hc.Close()
			hroot, err := hc.Attach("")
			if err != nil {
				b.Fatal(err)
			}
			works := []func() error{
				func() error { return c.ahead(s) },
				func() error { return c.single(s) },
				func() error { return c.peer(hroot) },
			}
			took := make([]time.Duration, len(works))
			for i := 0; b.Loop(); i++ {
				for j := range works {
					j = (i + j) % len(works)
					start := time.Now()
					for range c.rounds {
						if err := works[j](); err != nil {
							b.Fatal(err)
						}
					}
					took[j] += time.Since(start)
				}
			}
			n := float64(b.N * c.rounds)
			b.ReportMetric(float64(took[0].Microseconds())/n, "µs/ours")
			b.ReportMetric(float64(took[1])/float64(took[0]), "x/single")
			b.ReportMetric(float64(took[2])/float64(took[0]), "x/hugelgupf")
			b.ReportMetric(0, "ns/op") // which would be of all three
		})
	}
}

// late passes bytes on some time after they came.
func late(to, from net.Conn, delay time.Duration) {
	type piece struct {
		due time.Time
		b   []byte
	}
	c := make(chan piece, 1000)
	go func() {
		defer to.Close()
		for p := range c {
			time.Sleep(time.Until(p.due))
			to.Write(p.b)
		}
	}()
	defer close(c)
	for {
		b := make([]byte, benchMsize)
		n, err := from.Read(b)
		if err != nil {
			return
		}
		c <- piece{time.Now().Add(delay), b[:n]}
	}
}

func hugelgupfAt(root hugelgupf.File, names ...string) (hugelgupf.File, error) {
	_, f, err := root.Walk(names)
	return f, err
}

// BenchmarkReadFile opens, reads and closes a small file.
func BenchmarkReadFile(b *testing.B) {
	tree := newFolder()
	tree.Add("f", newBlob(pattern(1000)))
	contest{
		ahead: func(s client.Fsys) error { _, err := s.ReadFile(ctx, "f"); return err },
		single: func(s client.Fsys) error {
			f, err := s.Root.Walk(ctx, "f")
			if err != nil {
				return err
			}
			if err := f.Open(ctx, p9.OREAD); err != nil {
				return err
			}
			p := make([]byte, 8<<10)
			if _, err := f.Read(ctx, p, 0); err != nil {
				return err
			}
			if _, err := f.Read(ctx, p, 1000); err != io.EOF {
				return err
			}
			return f.Clunk(ctx)
		},
		peer: func(root hugelgupf.File) error {
			f, err := hugelgupfAt(root, "f")
			if err != nil {
				return err
			}
			if _, _, err := f.Open(hugelgupf.ReadOnly); err != nil {
				return err
			}
			p := make([]byte, 8<<10)
			if _, err := f.ReadAt(p, 0); err != nil && err != io.EOF {
				return err
			}
			if _, err := f.ReadAt(p, 1000); err != io.EOF {
				return err
			}
			return f.Close()
		},
		rounds: 20,
	}.run(b, tree)
}

// BenchmarkReadBig reads 64 MiB by messages of 64 KiB.
func BenchmarkReadBig(b *testing.B) {
	const size = 64 << 20
	tree := newFolder()
	tree.Add("f", newBlob(make([]byte, size)))
	buf := make([]byte, benchMsize)
	all := func(r io.Reader) error {
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, buf)
		if err == nil && n != size {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	read := func(s client.Fsys, ahead int) error {
		f, err := s.Open(ctx, "f", p9.OREAD)
		if err != nil {
			return err
		}
		defer f.Close()
		f.ReadAhead(ahead)
		return all(f)
	}
	contest{
		ahead:  func(s client.Fsys) error { return read(s, 1<<20) },
		single: func(s client.Fsys) error { return read(s, 0) },
		peer: func(root hugelgupf.File) error {
			f, err := hugelgupfAt(root, "f")
			if err != nil {
				return err
			}
			defer f.Close()
			if _, _, err := f.Open(hugelgupf.ReadOnly); err != nil {
				return err
			}
			return all(io.NewSectionReader(f, 0, 1<<62))
		},
		rounds: 1,
	}.run(b, tree)
}

// BenchmarkWriteFile makes a file, writes 1,000 bytes and closes it.
func BenchmarkWriteFile(b *testing.B) {
	data := pattern(1000)
	contest{
		ahead: func(s client.Fsys) error { return s.WriteFile(ctx, "f", data, 0o666) },
		single: func(s client.Fsys) error {
			f, err := s.Root.Walk(ctx)
			if err != nil {
				return err
			}
			if err := f.Create(ctx, "f", 0o666, p9.OWRITE); err != nil {
				return err
			}
			if _, err := f.Write(ctx, data, 0); err != nil {
				return err
			}
			return f.Clunk(ctx)
		},
		peer: func(root hugelgupf.File) error {
			d, err := hugelgupfAt(root)
			if err != nil {
				return err
			}
			f, _, _, err := d.Create("f", hugelgupf.WriteOnly, 0o666, hugelgupf.NoUID, hugelgupf.NoGID)
			if err != nil {
				return err
			}
			if _, err := f.WriteAt(data, 0); err != nil {
				return err
			}
			return f.Close()
		},
		rounds: 20,
	}.run(b, newFolder())
}
