package srv_test

import (
	"context"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A post is a file whose reads wait for somebody to send something.
type post struct {
	srv.Node
	come chan struct{}
}

func (f *post) Wait(ctx context.Context) error {
	select {
	case <-f.come:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Read gives all that is asked for, without Wait too late.
func (f *post) Read(_ context.Context, p []byte, _ int64) (int, error) { return len(p), nil }

func (f *post) Open(context.Context, p9.Mode) (srv.Handle, error) { return f, nil }

// TestWaiter: reads that wait hold no memory, so that of many none is cut short, and end by a flush.
func TestWaiter(t *testing.T) {
	const n, size = 100, 1<<20 - 100
	f := &post{srv.NewNode(0o444), make(chan struct{})}
	w := &wire{t, srvtest.Serve(t, srv.New(newHall(map[string]srv.File{"f": f}))), false}
	w.version(true, 1<<20)
	w.rpc(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid})
	w.open("f", p9.OREAD)
	for i := range n {
		w.send(&p9.Fcall{Type: p9.Tread, Tag: uint16(i), Fid: 1, Count: size})
	}
	w.send(&p9.Fcall{Type: p9.Tflush, Tag: n, Oldtag: 7})
	if r := w.recv(); r.Type != p9.Rflush {
		t.Error(r.Text(true))
	}
	for range n - 1 {
		f.come <- struct{}{}
		if r := w.recv(); r.Type != p9.Rread || len(r.Data) != size {
			t.Fatalf("%s of %d bytes", r.Type, len(r.Data))
		}
	}
}
