package srv_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A paper is a file of which long reads give pages.
type paper struct {
	srv.Node
	path   string
	how    int // to open it
	passed atomic.Int64
	open   atomic.Int64
}

func (*paper) Inline() {}

func (f *paper) Open(context.Context, p9.Mode) (srv.Handle, error) {
	file, err := os.OpenFile(f.path, f.how, 0)
	if err == nil {
		f.open.Add(1)
	}
	return &scrap{f, file}, err
}

type scrap struct {
	of *paper
	f  *os.File
}

func (*scrap) Inline()                                                    {}
func (l *scrap) Read(_ context.Context, p []byte, off int64) (int, error) { return l.f.ReadAt(p, off) }
func (l *scrap) Clunk()                                                   { l.f.Close(); l.of.open.Add(-1) }

func (l *scrap) Pages(off int64, n int) (fd, have int) {
	fi, err := l.f.Stat()
	if err != nil {
		return -1, 0
	}
	l.of.passed.Add(1)
	return int(l.f.Fd()), int(min(int64(n), fi.Size()-off))
}

const paperSize = 3<<20 + 1234

// newPaper makes such a file and serves it beside others.
func newPaper(t *testing.T, how int) (*paper, []byte, *place) {
	content := make([]byte, paperSize)
	rand.NewChaCha8([32]byte{1}).Read(content)
	f := &paper{Node: srv.NewNode(0o666), path: filepath.Join(t.TempDir(), "f"), how: how}
	if err := os.WriteFile(f.path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	p := listen(t, srv.New(newHall(map[string]srv.File{"f": f, "hello": srv.Const("hello"), "bulk": &bulk{Node: srv.NewNode(0o444)}})))
	return f, content, p
}

// TestPages has long and short reads of a file, and other requests, in one go, from a
// client that takes the replies at once, or not for a while.
func TestPages(t *testing.T) {
	tcp := func(t *testing.T, p *place) net.Conn {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); p.s.Serve(ctx, l) }()
		t.Cleanup(func() { cancel(); <-ended })
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	unix := func(t *testing.T, p *place) net.Conn { return p.dial(true).c }
	for name, dial := range map[string]func(*testing.T, *place) net.Conn{"unix": unix, "tcp": tcp} {
		t.Run(name, func(t *testing.T) {
			f, content, p := newPaper(t, os.O_RDONLY)
			w := &wire{t, dial(t, p), false}
			w.version(true, p9.MaxMsize)
			w.rpc(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid})
			for round := range 20 {
				w.open("f", p9.OREAD)
				var fs []*p9.Fcall
				for i := range uint16(40) {
					m := &p9.Fcall{Type: p9.Tread, Tag: i, Fid: 1, Offset: rand.Uint64N(paperSize + 100), Count: rand.Uint32N(1 << 20)}
					if i%5 == 1 {
						m.Count = rand.Uint32N(100)
					}
					if i%5 == 2 {
						m = &p9.Fcall{Type: p9.Tgetattr, Tag: i, Fid: 1}
					}
					fs = append(fs, m)
				}
				w.send(append(fs, &p9.Fcall{Type: p9.Tclunk, Tag: 100, Fid: 1})...)
				if round%10 == 9 {
					p.pass(15 * time.Millisecond)
				}
				for range fs {
					r := w.recv()
					m := fs[r.Tag]
					if m.Type == p9.Tread {
						off := min(m.Offset, paperSize)
						want := content[off:min(off+uint64(min(m.Count, p9.MaxMsize-11)), paperSize)]
						if r.Type != p9.Rread || !bytes.Equal(r.Data, want) {
							t.Fatalf("%s: %d bytes that are not the %d of the file", m.Text(true), len(r.Data), len(want))
						}
					} else if r.Type != p9.Rgetattr {
						t.Fatal(r.Text(true))
					}
				}
				if r := w.recv(); r.Type != p9.Rclunk || f.open.Load() != 0 {
					t.Fatalf("%s, %d files open", r.Text(true), f.open.Load())
				}
			}
			if f.passed.Load() < 100 {
				t.Errorf("only %d reads by pages", f.passed.Load())
			}
		})
	}
}

// TestPagesCut cuts a file, and writes to it, after reads of it that the client takes
// later: the replies are whole.
func TestPagesCut(t *testing.T) {
	const n, size, left = 8, 1<<20 - p9.IOHdrSz, 70_000
	f, content, p := newPaper(t, os.O_RDONLY)
	w := p.large()
	w.open("f", p9.OREAD)
	for i := range uint16(n) {
		w.send(&p9.Fcall{Type: p9.Tread, Tag: i, Fid: 1, Count: size})
	}
	p.pass(15 * time.Millisecond)
	if err := os.Truncate(f.path, left); err != nil {
		t.Fatal(err)
	}
	for range n {
		r := w.recv()
		if r.Type != p9.Rread || len(r.Data) != size && len(r.Data) != left {
			t.Fatalf("%d bytes", len(r.Data))
		}
		for i, b := range r.Data {
			if b != content[i] && (i < left || b != 0) {
				t.Fatalf("byte %d is neither what it was nor 0", i)
			}
		}
	}
	w.rpc(&p9.Fcall{Type: p9.Tclunk, Fid: 1})
}

// TestPagesBad has a descriptor that gives nothing: the reply that is begun cannot be
// ended, so the connection is.
func TestPagesBad(t *testing.T) {
	_, _, p := newPaper(t, os.O_WRONLY)
	w := p.large()
	w.open("f", p9.OREAD)
	w.send(&p9.Fcall{Type: p9.Tread, Fid: 1, Count: 64 << 10})
	if n, err := io.Copy(io.Discard, w.c); n >= 64<<10 {
		t.Errorf("%d bytes, %v", n, err)
	}
	p.large().work(1)
}
