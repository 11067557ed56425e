package client_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestAsk: a request and its answer, in either dialect; a request that is refused is the
// error, whatever the read says; what answers nothing is at its end.
func TestAsk(t *testing.T) {
	answer := make(chan []byte, 1)
	file := srv.Stream(0o666,
		func(_ context.Context, p []byte) (int, error) {
			select {
			case b := <-answer:
				return copy(p, b), nil
			default:
				return 0, p9.ErrPerm
			}
		},
		func(_ context.Context, p []byte) (int, error) {
			if string(p) == "refused" {
				return 0, p9.ErrNotExist
			}
			if string(p) == "nothing" {
				p = nil
			}
			answer <- append([]byte(nil), p...)
			return max(len(p), 7), nil
		})
	for _, dotl := range []bool{true, false} {
		root := srvtest.MountServer(t, srv.New(srv.NewDir().Add("f", file)), dotl)
		f, err := root.WalkOpen(t.Context(), p9.ORDWR, "f")
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		for range 3 {
			if n, err := f.Ask(t.Context(), []byte("request"), b); err != nil || string(b[:n]) != "request" {
				t.Errorf("%v: %q, %v", dotl, b[:n], err)
			}
		}
		if _, err := f.Ask(t.Context(), []byte("refused"), b); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v: %v", dotl, err)
		}
		if n, err := f.Ask(t.Context(), []byte("nothing"), b); n != 0 || err != io.EOF {
			t.Errorf("%v: %d, %v", dotl, n, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.Ask(ctx, []byte("request"), b); err != context.Canceled {
			t.Errorf("%v: %v", dotl, err)
		}
	}
}
