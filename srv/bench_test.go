package srv_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A bencher speaks 9P2000.L by hand, so that the figures are the server's.
type bencher struct {
	b    *testing.B
	c    net.Conn
	out  []byte
	in   []byte
	have []byte
}

func (w *bencher) add(f *p9.Fcall) {
	var err error
	if w.out, err = f.Append(w.out, true); err != nil {
		w.b.Fatal(err)
	}
}

func (w *bencher) send() {
	if _, err := w.c.Write(w.out); err != nil {
		w.b.Fatal(err)
	}
	w.out = w.out[:0]
}

// recv takes n replies, none of which may be an error.
func (w *bencher) recv(n int) {
	for n > 0 {
		for len(w.have) >= 4 && len(w.have) >= int(binary.LittleEndian.Uint32(w.have)) && n > 0 {
			if p9.Type(w.have[4]) == p9.Rlerror {
				w.b.Fatal("an error reply")
			}
			w.have = w.have[binary.LittleEndian.Uint32(w.have):]
			n--
		}
		if n == 0 {
			return
		}
		k := copy(w.in, w.have)
		m, err := w.c.Read(w.in[k:])
		if err != nil {
			w.b.Fatal(err)
		}
		w.have = w.in[:k+m]
	}
}

func bench(b *testing.B, root srv.File) *bencher {
	w := &bencher{b: b, c: srvtest.Serve(b, srv.New(root)), in: make([]byte, 2<<20)}
	w.add(&p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: p9.MaxMsize, Version: p9.Version9P2000L})
	w.send()
	w.recv(1)
	w.add(&p9.Fcall{Type: p9.Tattach, Fid: 0, Afid: p9.NoFid})
	w.send()
	w.recv(1)
	return w
}

// slow has a file's methods but not its mark Inline.
type slow struct {
	srv.Node
	srv.Bytes
}

func (s slow) Stat(ctx context.Context) (p9.Stat, error) { return s.Node.Stat(ctx) }
func (s slow) Open(context.Context, p9.Mode) (srv.Handle, error) {
	return readOnly{s.Bytes}, nil
}

type readOnly struct{ srv.Reader }

func benchTree() srv.File {
	text := srv.Bytes(make([]byte, 8<<10))
	return srv.NewDir().Add("inline", srv.Const(string(text))).Add("blocks", slow{srv.NewNode(0o444), text})
}

func BenchmarkRead4K(b *testing.B) {
	for _, name := range []string{"inline", "blocks"} {
		for _, depth := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/%d", name, depth), func(b *testing.B) {
				w := bench(b, benchTree())
				w.add(&p9.Fcall{Type: p9.Twalk, Fid: 0, Newfid: 1, Wname: []string{name}})
				w.add(&p9.Fcall{Type: p9.Tlopen, Fid: 1})
				w.send()
				w.recv(2)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					w.add(&p9.Fcall{Type: p9.Tread, Tag: uint16(i % depth), Fid: 1, Count: 4096})
					if i%depth == depth-1 {
						w.send()
						w.recv(depth)
					}
				}
			})
		}
	}
}

func BenchmarkStatCycle(b *testing.B) {
	for _, depth := range []int{1, 32} {
		b.Run(fmt.Sprint(depth), func(b *testing.B) {
			w := bench(b, benchTree())
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				fid, tag := uint32(i%depth+1), uint16(3*(i%depth))
				w.add(&p9.Fcall{Type: p9.Twalk, Tag: tag, Fid: 0, Newfid: fid, Wname: []string{"inline"}})
				w.add(&p9.Fcall{Type: p9.Tgetattr, Tag: tag + 1, Fid: fid, Mask: p9.GetattrBasic})
				w.add(&p9.Fcall{Type: p9.Tclunk, Tag: tag + 2, Fid: fid})
				if i%depth == depth-1 {
					w.send()
					w.recv(3 * depth)
				}
			}
		})
	}
}
