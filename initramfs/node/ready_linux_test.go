package node

import (
	"net"
	"testing"
)

// TestListens sees who listens, by IPv4 and by both, and who is only called from a port or does so no more.
func TestListens(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", ":0"} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if !listens("/proc/net", port) {
			t.Errorf("nobody at %v", l.Addr())
		}
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if from := c.LocalAddr().(*net.TCPAddr); listens("/proc/net", from.Port) {
			t.Errorf("somebody at %v", from)
		}
		c.Close()
		l.Close()
		if listens("/proc/net", port) {
			t.Errorf("somebody at %v, which is closed", l.Addr())
		}
	}
	if listens(t.TempDir(), cpuPort) {
		t.Error("somebody, where no file says so")
	}
}
