package client_test

import (
	"net"
	"os"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/srvtest"
)

// TestPeer has a server at a Unix socket be known by its process, and one at another stream not.
func TestPeer(t *testing.T) {
	s := srv.New(srv.NewDir())
	local, err := client.Dial(t.Context(), srvtest.NewLink(t, s, 0).Addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	if pid, ok := local.Peer(); pid != os.Getpid() || !ok {
		t.Errorf("Unix socket: %d, %v", pid, ok)
	}
	a, b := net.Pipe()
	go s.ServeConn(t.Context(), a)
	piped, err := client.New(t.Context(), b, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer piped.Close()
	if pid, ok := piped.Peer(); pid != 0 || ok {
		t.Errorf("pipe: %d, %v", pid, ok)
	}
}
