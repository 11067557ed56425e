package srv_test

import (
	"context"
	"net"
	"os"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/srvtest"
)

// TestPeer: a request over a Unix socket comes with the number of its sender's user.
func TestPeer(t *testing.T) {
	type answer struct {
		uid uint32
		ok  bool
	}
	got := make(chan answer, 2)
	s := srv.New(srv.NewDir())
	attach := s.Attach
	s.Attach = func(ctx context.Context, uname, aname string) (srv.File, error) {
		uid, ok := srv.Peer(ctx)
		got <- answer{uid, ok}
		return attach(ctx, uname, aname)
	}
	srvtest.MountServer(t, s, true)
	if a := <-got; !a.ok || a.uid != uint32(os.Getuid()) {
		t.Errorf("over a socket pair: %+v", a)
	}
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- s.ServeConn(t.Context(), b) }()
	c, err := client.New(t.Context(), a, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Attach(t.Context(), nil, "", ""); err != nil {
		t.Fatal(err)
	}
	if a := <-got; a.ok {
		t.Errorf("over a pipe in the process: %+v", a)
	}
	c.Close()
	<-done
}
