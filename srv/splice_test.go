package srv_test

import (
	"bytes"
	"context"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A hose is a file whose bytes come by a pipe, long reads by splice(2).
type hose struct {
	srv.Node
	from    *os.File
	raw     syscall.RawConn
	spliced atomic.Int64 // bytes
}

func (*hose) Inline()  {}
func (*hose) Ordered() {}

// waiting is how many bytes there are.
func (h *hose) waiting() (n int) {
	h.raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return n
}

func (h *hose) Splice(pipe, n int) (have int) {
	h.raw.Control(func(fd uintptr) {
		k, err := unix.Splice(int(fd), nil, pipe, nil, n, unix.SPLICE_F_NONBLOCK)
		if err == nil {
			have = int(k)
		}
	})
	h.spliced.Add(int64(have))
	return have
}

func (h *hose) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	if srv.Nonblock(ctx) {
		return 0, srv.ErrAgain
	}
	return h.from.Read(p)
}

// TestSplice has a client read by long reads, several on their way, what comes by a pipe:
// one that takes its replies at once, and one that takes none until all are asked for.
func TestSplice(t *testing.T) {
	for name, slow := range map[string]bool{"quick": false, "slow": true} {
		t.Run(name, func(t *testing.T) {
			srvtest.CheckFiles(t)
			r, in, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			h := &hose{Node: srv.NewNode(0o444), from: r}
			if h.raw, err = r.SyscallConn(); err != nil {
				t.Fatal(err)
			}
			want := make([]byte, 8<<20)
			for i := range want {
				want[i] = byte(i >> 8 * i)
			}
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				in.Write(want)
				in.Close()
			}()
			const long = 32 << 10
			filled := func() { // else a worker waits for it, by Read
				t.Helper()
				if !srvtest.Until(func() bool { return h.waiting() >= long }) {
					t.Fatal("the pipe is empty")
				}
			}
			filled()
			w := dial(t, newHall(map[string]srv.File{"f": h}), true)
			w.version(true, 1<<20)
			w.rpc(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid, Uname: "glenda", Nuname: p9.NoUid})
			w.open("f", p9.OREAD)
			const ahead = 100
			var got []byte
			// A worker that has answered may not be done writing, and then the reader does not
			// splice. While nothing else is asked for, it comes to that.
			for h.spliced.Load() == 0 && len(got) < len(want)/2 {
				w.send(&p9.Fcall{Type: p9.Tread, Fid: 1, Count: long})
				f := w.recv()
				if f.Type != p9.Rread {
					t.Fatal(f.Text(true)[:100])
				}
				got = append(got, f.Data...)
				filled()
			}
			h.spliced.Store(0)
			for tag, asked := uint16(0), 0; ; {
				for ; asked < ahead; asked++ {
					w.send(&p9.Fcall{Type: p9.Tread, Tag: tag, Fid: 1, Count: 256 << 10})
					tag++
				}
				if slow {
					if !srvtest.Until(func() bool { return h.spliced.Load() > 0 }) {
						t.Fatal("nothing was spliced")
					}
					slow = false
				}
				f := w.recv()
				asked--
				if f.Type != p9.Rread {
					t.Fatal(f.Text(true)[:100])
				}
				got = append(got, f.Data...)
				if len(got) >= len(want) || len(f.Data) == 0 {
					break
				}
			}
			<-sent
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes came of %d, or others", len(got), len(want))
			}
			if h.spliced.Load() == 0 {
				t.Error("nothing was spliced")
			}
		})
	}
}
