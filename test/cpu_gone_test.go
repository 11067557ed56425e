package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"ninespace/srv/srvtest"
)

// A wire is a proxy to an address that can be cut as a cable is: nothing more comes
// through, and neither end hears of it.
type wire struct {
	addr string
	cut  atomic.Bool
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w := &wire{addr: l.Addr().String()}
	carry := func(dst, src net.Conn) {
		defer src.Close()
		defer dst.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := src.Read(b)
			if w.cut.Load() {
				<-t.Context().Done()
			}
			if err != nil {
				return
			}
			if _, err := dst.Write(b[:n]); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				c.Close()
				continue
			}
			go carry(far, c)
			go carry(c, far)
		}
	}()
	return w
}

// TestCpuKeptGone: who keeps a connection ends with its idle time though the cable was cut
// and the command killed in the middle of what it wrote.
func TestCpuKeptGone(t *testing.T) {
	f := newFleet(t)
	f.serve()
	w := newWire(t, "127.0.0.1:"+f.port)
	_, port, _ := net.SplitHostPort(w.addr)
	f.write("home/.ssh/known_hosts", "[127.0.0.1]:"+port+" "+f.read("host.pub"))
	f.env = append(f.env, "cpuidle=100ms")
	addr := "tcp!127.0.0.1!" + port
	cmd := f.command("cpu", "-h", addr, "-u", "glenda", "sh", "-c", "echo begun; cat >/dev/null")
	in, out := piped(t, cmd)
	if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	keeper := f.find(fmt.Sprintf("nine cpu -M -h %s -u glenda", addr))
	w.cut.Store(true)
	block := []byte(strings.Repeat("x", 32<<10))
	wrote := make(chan struct{})
	first := make(chan struct{})
	go func() {
		defer close(wrote)
		for i := range 100 {
			if _, err := in.Write(block); err != nil {
				return
			}
			if i == 0 {
				close(first)
			}
		}
	}()
	<-first
	cmd.Process.Kill()
	cmd.Wait()
	<-wrote
	// The idle time, and what the far side may take to answer.
	if !srvtest.Until(func() bool { _, err := os.Stat(fmt.Sprint("/proc/", keeper)); return err != nil }) {
		t.Error("it goes on")
	}
}
