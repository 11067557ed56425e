package procfs

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A grandchild is a process whose parent is not this one: waiting for a child, package
// os would take what a tracer here waits for.
type grandchild struct {
	pid int
	in  io.WriteCloser
	out *bufio.Reader
}

// startGrandchild runs a script in a shell that says its pid first.
func startGrandchild(t *testing.T, script string) *grandchild {
	t.Helper()
	cmd := exec.Command("sh", "-c", `sh -c "$0" <&3 & wait; wait`, `echo $$; `+script)
	in, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	t.Cleanup(func() { w.Close() })
	cmd.ExtraFiles = []*os.File{in}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd)
	g := &grandchild{in: w, out: bufio.NewReader(out)}
	if g.pid, err = strconv.Atoi(g.line(t)); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *grandchild) line(t *testing.T) string {
	t.Helper()
	s, err := g.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(s)
}

func (g *grandchild) say(t *testing.T, s string) {
	t.Helper()
	if _, err := io.WriteString(g.in, s+"\n"); err != nil {
		t.Fatal(err)
	}
}

// state waits until status has it.
func state(t *testing.T, root *client.Fid, pid int, want string) {
	t.Helper()
	var s string
	var err error
	if !srvtest.Until(func() bool {
		s, err = read(t, root, pid, "status")
		return err == nil && strings.TrimSpace(s[56:68]) == want
	}) {
		t.Fatalf("%q, %v: not %s", s, err, want)
	}
}

// do has ctl do commands.
func do(t *testing.T, root *client.Fid, pid int, cmds ...string) {
	t.Helper()
	for _, cmd := range cmds {
		if err := write(t, root, pid, "ctl", cmd); err != nil {
			t.Fatalf("%s: %v", cmd, err)
		}
	}
}

func TestClose(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		g := startGrandchild(t, `exec 7</dev/null; echo open; while read x; do echo got $x; done; echo end`)
		g.line(t)
		has := func() bool {
			_, err := os.Lstat(fmt.Sprintf("/proc/%d/fd/7", g.pid))
			return err == nil
		}
		if !has() {
			t.Fatal("not open")
		}
		do(t, root, g.pid, "close 7") // it waits in a read, which it takes up again
		if has() {
			t.Error("still open")
		}
		g.say(t, "hello")
		if s := g.line(t); s != "got hello" {
			t.Errorf("%q", s)
		}
		for _, bad := range []string{"close 7", "close 1000", "close", "close x", "close -1", "close 1 2"} {
			if err := write(t, root, g.pid, "ctl", bad); err == nil {
				t.Errorf("%s: no error", bad)
			}
		}
		do(t, root, g.pid, "stop", "waitstop", "close 2") // and stays stopped
		if _, err := os.Lstat(fmt.Sprintf("/proc/%d/fd/2", g.pid)); err == nil {
			t.Error("2 is open")
		}
		state(t, root, g.pid, "Stopped")
		do(t, root, g.pid, "start")
		g.say(t, "more")
		if s := g.line(t); s != "got more" {
			t.Errorf("%q", s)
		}
	})
}

// TestOwn has a process do to itself what nobody else may, and go on reading.
func TestOwn(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		g := startGrandchild(t, `exec 7</dev/null 8</dev/null; while read x; do echo got $x; done`)
		status := func(want string) {
			t.Helper()
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.pid))
			if err != nil || !regexp.MustCompile(want).Match(b) {
				t.Errorf("%s, %v: no %s", b, err, want)
			}
		}
		g.say(t, "first")
		g.line(t)
		for _, bad := range []string{"closefiles 7", "noswap 1", "private x", "event x"} {
			if err := write(t, root, g.pid, "ctl", bad); err == nil {
				t.Errorf("%s: no error", bad)
			}
		}
		do(t, root, g.pid, "noswap")
		status(`(?m)^VmLck:\s+[1-9]`)
		var st unix.Stat_t
		private := fmt.Sprintf("/proc/%d/environ", g.pid)
		do(t, root, g.pid, "private")
		if err := unix.Stat(private, &st); err != nil || st.Uid != 0 {
			t.Errorf("%s is %d's, %v", private, st.Uid, err)
		}
		g.say(t, "second")
		if s := g.line(t); s != "got second" {
			t.Errorf("%q", s)
		}
		if os.Getuid() != 0 {
			return // it is root's now
		}
		do(t, root, g.pid, "closefiles")
		if left, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.pid)); err == nil && len(left) > 0 {
			t.Errorf("%v are open", left)
		}
	})
}

func TestHang(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		g := startGrandchild(t, `read x; exec sh -c 'echo next; read x; exec sh -c "echo last; read x"'`)
		do(t, root, g.pid, "hang")
		g.say(t, "go")
		do(t, root, g.pid, "waitstop")
		state(t, root, g.pid, "Stopped")
		if s, err := read(t, root, g.pid, "args"); err != nil || !strings.HasPrefix(s, "sh -c 'echo next") {
			t.Errorf("it has stopped in %q, %v", s, err)
		}
		do(t, root, g.pid, "nohang", "start")
		if s := g.line(t); s != "next" {
			t.Errorf("%q", s)
		}
		g.say(t, "go")
		if s := g.line(t); s != "last" {
			t.Errorf("%q", s)
		}
	})
}

func TestWaitstop(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		g := startGrandchild(t, `read x; kill -STOP $$; echo on; read x`)
		f, err := open(t, root, p9.OWRITE, strconv.Itoa(g.pid), "ctl")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Clunk(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		wait := func() {
			_, err := f.Write(ctx, []byte("waitstop"), 0)
			done <- err
		}
		go wait()
		cancel()
		if err := <-done; err == nil {
			t.Error("it has not stopped, but waitstop ends")
		}
		ctx = t.Context()
		go wait()
		g.say(t, "stop")
		if err := <-done; err != nil {
			t.Error(err)
		}
		state(t, root, g.pid, "Stopped")
		go wait()
		if err := <-done; err != nil { // it has already
			t.Error(err)
		}
		do(t, root, g.pid, "start")
		g.line(t)
		go wait()
		do(t, root, g.pid, "kill")
		if err := <-done; err != nil && !strings.Contains(err.Error(), "exited") && !strings.Contains(err.Error(), "process") {
			t.Errorf("its end: %v", err)
		}
	})
}

func TestStartstop(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		g := startGrandchild(t, `read x; kill -STOP $$; echo on; kill -STOP $$; echo more; read x`)
		g.say(t, "go")
		do(t, root, g.pid, "waitstop", "startstop")
		state(t, root, g.pid, "Stopped")
		if s := g.line(t); s != "on" {
			t.Errorf("%q", s)
		}
		do(t, root, g.pid, "start")
		if s := g.line(t); s != "more" {
			t.Errorf("%q", s)
		}
	})
}

func TestTrace(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		f, err := open(t, root, p9.OREAD, "trace")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Clunk(t.Context())
		g := startGrandchild(t, `trap 'echo usr1' USR1; read x; env true; kill -USR1 $$; exit 7`)
		do(t, root, g.pid, "event", "trace 1", "event") // of the first nobody hears
		g.say(t, "go")
		var all string
		for !strings.Contains(all, fmt.Sprintf(" %d exit", g.pid)) {
			p := make([]byte, 4096)
			n, err := f.Read(t.Context(), p, int64(len(all)))
			if err != nil {
				t.Fatalf("%v after\n%s", err, all)
			}
			all += string(p[:n])
		}
		for _, want := range []string{
			`(?m)^\d+\.\d{9} PID fork (\d+)$`, `exec env true$`, `exec true$`, `PID note SIGUSR1$`, `\d exit ''$`, `PID exit 'exit 7'$`, `\A[^\n]* PID event$`,
		} {
			want = "(?m)" + strings.ReplaceAll(want, "PID", strconv.Itoa(g.pid))
			if !regexp.MustCompile(want).MatchString(all) {
				t.Errorf("no event matches %s in\n%s", want, all)
			}
		}
		if n := strings.Count(all, "event"); n != 1 {
			t.Errorf("%d events of the two", n)
		}
		for _, bad := range []string{"trace on", "trace 1 2"} {
			if err := write(t, root, os.Getpid(), "ctl", bad); err == nil {
				t.Errorf("%s: no error", bad)
			}
		}
	})
}

// TestTraceLost reads too slowly.
func TestTraceLost(t *testing.T) {
	r := newTree(t)
	h, err := r.events.Open(t.Context(), p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	th := h.(*traceHandle)
	for i := range traceBacklog + 2 {
		r.events.event(i, 0, "stop")
	}
	p := make([]byte, 100)
	if _, err := th.Read(t.Context(), p, 0); err == nil || !strings.Contains(err.Error(), "2 events lost") {
		t.Error(err)
	}
	n, err := th.Read(t.Context(), p[:5], 0)
	m, err2 := th.Read(t.Context(), p[n:], 0)
	if err != nil || err2 != nil || !strings.HasSuffix(string(p[:n+m]), " 2 stop\n") {
		t.Errorf("%q, %v, %v", p[:n+m], err, err2)
	}
	th.Clunk()
	if len(r.events.readers) != 0 {
		t.Error("it is still told")
	}
}

// TestTraceUsers: events are told to whose processes they are of, and to the server's own.
func TestTraceUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("the server's own user is to be another one than 1")
	}
	r := newTree(t)
	const his, others = 1, 2
	for _, c := range []struct {
		who  uint32
		want string
	}{{0, "10 20 "}, {his, "10 "}, {3, ""}} {
		h, err := r.events.Open(srv.WithUser(t.Context(), &srv.User{Uid: c.who}), p9.OREAD|p9.ONONBLOCK)
		if err != nil {
			t.Fatal(err)
		}
		r.events.event(10, his, "stop")
		r.events.event(20, others, "stop")
		var got string
		for p := make([]byte, 100); ; {
			n, err := h.(srv.Reader).Read(t.Context(), p, 0)
			if err != nil {
				break
			}
			got += strings.Fields(string(p[:n]))[1] + " "
		}
		if got != c.want {
			t.Errorf("%d is told of %q, want %q", c.who, got, c.want)
		}
		srv.Clunk(h)
	}
}
