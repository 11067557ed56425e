package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestHalfReply has a server fall silent in the middle of a reply: a call whose ctx has ended ends
// nevertheless, also one that is never flushed, and the connection goes on when the server does.
// Only where nothing stops who reads the call ends with the connection.
func TestHalfReply(t *testing.T) {
	calls := map[string]struct {
		at int
		do func(ctx context.Context, f *client.Fid) error
	}{
		"read": {15, func(ctx context.Context, f *client.Fid) error {
			_, err := f.Read(ctx, make([]byte, 200), 0)
			return err
		}},
		"stat":   {100, func(ctx context.Context, f *client.Fid) error { _, err := f.Stat(ctx); return err }},
		"remove": {9, func(ctx context.Context, f *client.Fid) error { return f.Remove(ctx) }},
	}
	streams := map[string]func(net.Conn) io.ReadWriteCloser{
		"socket":  func(c net.Conn) io.ReadWriteCloser { return c },
		"foreign": func(c net.Conn) io.ReadWriteCloser { return foreign{c} },
		"plain":   func(c net.Conn) io.ReadWriteCloser { return plain{c} },
	}
	for name, call := range calls {
		for kind, by := range streams {
			t.Run(name+" on "+kind, func(t *testing.T) {
				h := &halting{}
				root := h.attachBy(t, by)
				f, err := root.Walk(ctx)
				if err != nil {
					t.Fatal(err)
				}
				client.SetPatience(root.Conn(), 5*time.Millisecond)
				octx, cancel := context.WithCancel(ctx)
				defer cancel()
				h.at.Store(int32(call.at))
				done := make(chan error, 1)
				go func() { done <- call.do(octx, f) }()
				<-h.there
				cancel()
				want := error(context.Canceled)
				if kind == "plain" {
					want = p9.ErrHungup
				}
				select {
				case err := <-done:
					if !errors.Is(err, want) {
						t.Errorf("%v, want %v", err, want)
					}
				case <-time.After(srvtest.Patience):
					t.Error("it does not end")
				}
				h.on <- struct{}{}
				if _, err := root.Stat(ctx); kind != "plain" && err != nil {
					t.Errorf("then: %v", err)
				}
			})
		}
	}
}
