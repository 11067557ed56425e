package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"math"
	mrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A cutter is a way to an address on which every connection is cut after so many bytes, at
// random about a number of them.
type cutter struct {
	net.Listener
	to    string
	about atomic.Int64
	cuts  atomic.Int64
	done  sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool
}

// cut cuts every connection that there is, and tells whether there was one.
func (c *cutter) cut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for a := range c.open {
		a.Close()
	}
	return len(c.open) > 0
}

// count has a connection be one that is cut by cut, or no more.
func (c *cutter) count(a net.Conn, is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if is {
		c.open[a] = true
	} else {
		delete(c.open, a)
	}
}

func newCutter(t *testing.T, to string, about int64) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l, to: to, open: map[net.Conn]bool{}}
	c.about.Store(about)
	c.done.Go(func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			c.done.Go(func() { c.carry(a) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.done.Wait()
	})
	return c
}

func (c *cutter) carry(a net.Conn) {
	defer a.Close()
	b, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer b.Close()
	c.count(a, true)
	defer c.count(a, false)
	left := new(atomic.Int64)
	left.Store(20000 + mrand.Int64N(c.about.Load())) // after it has shaken hands
	var both sync.WaitGroup
	pump := func(dst, src net.Conn) {
		buf := make([]byte, 8<<10)
		for {
			n, err := src.Read(buf)
			rest := left.Add(-int64(n))
			if rest < 0 {
				n = max(0, n+int(rest)) // within a record of TLS, likely
			}
			if _, werr := dst.Write(buf[:n]); werr != nil || err != nil || rest < 0 {
				if rest < 0 {
					c.cuts.Add(1)
				}
				dst.Close()
				src.Close()
				return
			}
		}
	}
	both.Go(func() { pump(a, b) })
	both.Go(func() { pump(b, a) })
	both.Wait()
}

// TestCpuCut has the link of a command cut again and again: every byte comes once and in
// order, files are whole, the command runs once and its status is its own.
func TestCpuCut(t *testing.T) {
	f := newFleet(t)
	f.serve()
	c := newCutter(t, "127.0.0.1:"+f.port, 1<<20)
	_, port, _ := net.SplitHostPort(c.Addr().String())
	f.write("home/.ssh/known_hosts", "[127.0.0.1]:"+port+" "+f.read("host.pub"))
	data := make([]byte, 8<<20)
	rand.Read(data)
	f.write("big", string(data))
	cmd := f.command("cpu", "-h", "tcp!127.0.0.1!"+port, "-u", "glenda", "sh", "-c",
		"echo once >>"+f.glenda+"/ran; cat; cp /mnt/term"+f.dir+"/big "+f.glenda+"/copy; cmp "+f.glenda+"/copy /mnt/term"+f.dir+"/big; exit 7")
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(data), &out, &errs
	cmd.Run()
	if cmd.ProcessState.ExitCode() != 7 || errs.Len() > 0 {
		t.Errorf("%v: %s", cmd.ProcessState, &errs)
	}
	if !bytes.Equal(out.Bytes(), data) {
		t.Errorf("%d bytes came back, and not those %d", out.Len(), len(data))
	}
	if copied, err := os.ReadFile(filepath.Join(f.glenda, "copy")); err != nil || !bytes.Equal(copied, data) {
		t.Errorf("the copy has %d bytes, %v", len(copied), err)
	}
	if ran := f.read("glenda/ran"); ran != "once\n" {
		t.Errorf("ran %q", ran)
	}
	if n := c.cuts.Load(); n < 10 {
		t.Errorf("only %d cuts", n)
	} else {
		t.Logf("%d cuts", n)
	}

	// The host goes on without what it was to: who waits is told.
	c.about.Store(math.MaxInt32)
	cmd = f.command("cpu", "-h", "tcp!127.0.0.1!"+port, "-u", "glenda", "sh", "-c", "echo here; sleep 1000")
	errs.Reset()
	cmd.Stderr = &errs
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(said, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	f.restart()
	if err := cmd.Wait(); err == nil || !strings.Contains(errs.String(), "connection lost") {
		t.Errorf("%v: %s", err, &errs)
	}
}

// TestCpuCutEditor has the link be cut a hundred times while somebody types into vim there, and writes
// the file each time: what is in it, and on the screen, is what was typed, once.
func TestCpuCutEditor(t *testing.T) {
	for _, name := range []string{"tmux", "vim"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
	f := newFleet(t)
	f.serve()
	c := newCutter(t, "127.0.0.1:"+f.port, math.MaxInt32)
	_, port, _ := net.SplitHostPort(c.Addr().String())
	f.write("home/.ssh/known_hosts", "[127.0.0.1]:"+port+" "+f.read("host.pub"))
	tmux := func(args ...string) string {
		cmd := exec.CommandContext(f.ctx, "tmux", append([]string{"-S", filepath.Join(f.dir, "tmux"), "-f", "/dev/null"}, args...)...)
		cmd.Env = append(f.env, "LC_ALL=C.UTF-8", "TERM=screen")
		out, err := cmd.CombinedOutput()
		if err != nil && args[0] != "kill-server" {
			t.Fatalf("tmux %q: %v: %s", args, err, out)
		}
		return string(out)
	}
	tmux("new-session", "-d", "-x", "80", "-y", "24", f.nine, "cpu", "-h", "tcp!127.0.0.1!"+port, "-u", "glenda", "-d", "/mnt/term"+f.dir, "vim", "-u", "NONE", "-N", "edited")
	defer tmux("kill-server")
	want := ""
	defer func() {
		if t.Failed() {
			t.Logf("want %q, the file %q, the screen\n%s", want, f.read("edited"), tmux("capture-pane", "-p"))
		}
	}()
	waitFor(t, f.ctx, func() bool { return strings.Contains(tmux("capture-pane", "-p"), "~") })
	for i := range 100 {
		line := fmt.Sprintf("line %d, typed once", i)
		tmux("send-keys", "G", "o"+line)
		waitFor(t, f.ctx, c.cut)
		tmux("send-keys", "Escape", ":w", "Enter")
		want += "\n" + line
		waitFor(t, f.ctx, func() bool {
			b, _ := os.ReadFile(filepath.Join(f.dir, "edited"))
			return string(b) == want+"\n" && strings.Contains(tmux("capture-pane", "-p"), line)
		})
	}
}
