package door

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

// TestGuardSilent: a factotum that answers nothing holds nobody's place for good.
func TestGuardSilent(t *testing.T) {
	srvtest.CheckGoroutines(t)
	old := deskLimit
	deskLimit = 100 * time.Millisecond
	t.Cleanup(func() { deskLimit = old })
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NAMESPACE", dir)
	silent, err := net.Listen("unix", filepath.Join(dir, "factotum"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	calls, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer calls.Close()
	caller, err := net.Dial("tcp", calls.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	raw, err := calls.Accept()
	if err != nil {
		t.Fatal(err)
	}
	to, listener, err := packets()
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	defer listener.Close()
	g := Guard{Log: func(string, error) {}}
	done := make(chan error, 1)
	go func() { done <- g.stranger(t.Context(), &Listener{plan9: true}, raw, to, func() {}) }()
	_, files, err := receiveAll(listener)
	if err != nil || len(files) != 2 {
		t.Fatal(err, len(files))
	}
	defer files[0].Close()
	conv, err := packetConn(files[1])
	if err != nil {
		t.Fatal(err)
	}
	defer conv.Close()
	if _, err := conv.Write([]byte{askStart}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(srvtest.Patience):
		t.Error("it is waited for")
	}
}
