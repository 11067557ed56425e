package aan

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/srvtest"
)

// A command is an aan that runs, with files to its standard ones.
type command struct {
	in       *os.File
	out, err *os.File
	ended    chan error
}

func start(t *testing.T, args ...string) *command {
	t.Helper()
	var ends [3][2]*os.File
	for i := range ends {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		ends[i] = [2]*os.File{r, w}
	}
	c := &command{ends[0][1], ends[1][0], ends[2][0], make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() {
		err := Main(ctx, [3]*os.File{ends[0][0], ends[1][1], ends[2][1]}, args)
		ends[1][1].Close()
		ends[2][1].Close()
		c.ended <- err
	}()
	return c
}

// listening waits until somebody listens at a Unix socket.
func listening(t *testing.T, path string) {
	t.Helper()
	if !srvtest.Until(func() bool { _, err := os.Stat(path); return err == nil }) {
		t.Fatal("nobody listens")
	}
}

// cutter leads those who connect to a Unix socket to another, and cuts the first few of
// them after some bytes.
func cutter(t *testing.T, at, to string, cuts int64, after int64) *atomic.Int64 {
	t.Helper()
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var links atomic.Int64
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("unix", to)
			if err != nil {
				a.Close()
				continue
			}
			cut := links.Add(1) <= cuts
			go func() {
				io.Copy(b, a)
				b.Close()
			}()
			go func() {
				if cut {
					io.CopyN(a, b, after)
				} else {
					io.Copy(a, b)
				}
				a.Close()
				b.Close()
			}()
		}
	}()
	return &links
}

// TestStdio carries a question one way and a long answer the other, over links that break.
func TestStdio(t *testing.T) {
	dir := t.TempDir()
	door, via := filepath.Join(dir, "door"), filepath.Join(dir, "via")
	server := start(t, "unix!"+door)
	listening(t, door)
	links := cutter(t, via, door, 3, 200<<10)
	client := start(t, "-c", "-d", "unix!"+via)
	io.WriteString(client.in, "how much?")
	client.in.Close()
	if b, err := io.ReadAll(server.out); string(b) != "how much?" || err != nil {
		t.Fatalf("%q, %v", b, err)
	}
	answer := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{}).Read(answer)
	go func() {
		server.in.Write(answer)
		server.in.Close()
	}()
	if b, err := io.ReadAll(client.out); !bytes.Equal(b, answer) || err != nil {
		t.Fatalf("%d bytes of %d, %v", len(b), len(answer), err)
	}
	for _, c := range []*command{client, server} {
		if err := <-c.ended; err != nil {
			t.Error(err)
		}
	}
	if n := links.Load(); n != 4 {
		t.Errorf("%d links", n)
	}
	if b, _ := io.ReadAll(client.err); strings.Count(string(b), "sent again") != 3 {
		t.Errorf("it tells %q", b)
	}
}

// TestLead has several clients led to a server each by a connection of its own.
func TestLead(t *testing.T) {
	dir := t.TempDir()
	door, echo := filepath.Join(dir, "door"), filepath.Join(dir, "echo")
	l, err := srv.Announce("unix!" + echo)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	start(t, "unix!"+door, "unix!"+echo)
	listening(t, door)
	var clients [3]*command
	for i := range clients {
		clients[i] = start(t, "-c", "unix!"+door)
		io.WriteString(clients[i].in, strings.Repeat("x", i+1))
	}
	for i, c := range clients {
		c.in.Close()
		if b, err := io.ReadAll(c.out); len(b) != i+1 || err != nil {
			t.Errorf("client %d: %q, %v", i, b, err)
		}
		if err := <-c.ended; err != nil {
			t.Error(err)
		}
	}
}

// TestEnds: an aan whose other end has closed does not wait for standard input, and one to
// which nobody leads says so.
func TestEnds(t *testing.T) {
	dir := t.TempDir()
	door, gone := filepath.Join(dir, "door"), filepath.Join(dir, "gone")
	start(t, "unix!"+door, "unix!"+gone)
	listening(t, door)
	if err := <-start(t, "-c", "unix!"+door).ended; err == nil || !strings.Contains(err.Error(), "no such session") {
		t.Error(err)
	}
	if err := <-start(t, "-c", "unix!"+gone).ended; err == nil || !strings.Contains(err.Error(), "not exist") {
		t.Error(err)
	}
	l, err := srv.Announce("unix!" + gone)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			io.WriteString(c, "bye")
			c.Close()
		}
	}()
	c := start(t, "-c", "unix!"+door)
	if b, err := io.ReadAll(c.out); string(b) != "bye" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	io.WriteString(c.in, "is anybody there?") // of which the far side's connection knows
	if err := <-c.ended; err != nil {
		t.Error(err)
	}
}

// TestAnswer: who answers and closes while we still write is heard to the end, over a link that
// breaks meanwhile as well.
func TestAnswer(t *testing.T) {
	dir := t.TempDir()
	door, via, program := filepath.Join(dir, "door"), filepath.Join(dir, "via"), filepath.Join(dir, "program")
	l, err := srv.Announce("unix!" + program)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const size = 2 << 20
	closed := make(chan struct{})
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		io.ReadFull(c, make([]byte, 5))
		c.Write(make([]byte, size))
		c.Close()
		close(closed)
	}()
	start(t, "unix!"+door, "unix!"+program)
	listening(t, door)
	vl, err := net.Listen("unix", via)
	if err != nil {
		t.Fatal(err)
	}
	defer vl.Close()
	go func() {
		for first := true; ; first = false {
			if !first { // what is sent now has no link
				<-closed
				time.Sleep(100 * time.Millisecond)
			}
			a, err := vl.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("unix", door)
			if err != nil {
				return
			}
			go func() {
				io.Copy(b, a)
				b.Close()
			}()
			go func() {
				for i := 0; !first || i < 3; i++ {
					if _, err := io.CopyN(a, b, 64<<10); err != nil {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				a.Close()
				b.Close()
			}()
		}
	}()
	c := start(t, "-c", "unix!"+via)
	go func() {
		for {
			if _, err := io.WriteString(c.in, "hello"); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	if b, err := io.ReadAll(c.out); len(b) != size || err != nil {
		t.Errorf("%d bytes of %d, %v", len(b), size, err)
	}
	if err := <-c.ended; err != nil {
		t.Error(err)
	}
}

// TestReset: what a program said that was cut off is not taken for all that it had to say.
func TestReset(t *testing.T) {
	door := filepath.Join(t.TempDir(), "door")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.Write(make([]byte, 100<<10))
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}()
	start(t, "unix!"+door, "tcp!"+strings.Replace(l.Addr().String(), ":", "!", 1))
	listening(t, door)
	c := start(t, "-c", "unix!"+door)
	c.in.Close()
	n, _ := io.Copy(io.Discard, c.out)
	if err := <-c.ended; err == nil {
		t.Errorf("%d bytes are all that there was to say", n)
	}
}
