package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// A node is a place of a test's own to run nine in: its binary, so that its
// processes can be told from others', a name space directory, and a mark in the
// environment of all that it starts.
type node struct {
	*testing.T
	ctx       context.Context
	nine, dir string
	env       []string
	mark      string
	calls     []net.Conn // of callers who keep to nothing
}

func newNode(t *testing.T) *node {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: whether a user may make name spaces is the machine's to say")
	}
	n := &node{T: t, dir: tempDir(t), nine: filepath.Join(tempDir(t), "nine")}
	if out, err := exec.Command("cp", binary(t), n.nine).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var cancel context.CancelFunc
	n.ctx, cancel = context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	n.mark = "LC_NINETEST=" + n.nine // which cpu passes on
	n.env = append(os.Environ(), "NAMESPACE="+n.dir, "XDG_CACHE_HOME="+filepath.Join(n.dir, "cache"), "TMPDIR="+n.dir, "SHELL=/bin/sh", "cpuidle=0", n.mark)
	return n
}

func (n *node) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(n.ctx, n.nine, args...)
	cmd.Env = n.env
	return cmd
}

// cpud starts a cpud, which is killed when the test ends.
func (n *node) cpud() *exec.Cmd {
	n.Helper()
	cmd := n.command("cpud")
	cmd.Stderr = io.Discard
	if err := cmd.Start(); err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	waitFor(n.T, n.ctx, func() bool { _, err := os.Stat(filepath.Join(n.dir, "cpu")); return err == nil })
	return cmd
}

// gone waits until nothing runs that the test started, but for pid.
func (n *node) gone(pid int) {
	n.Helper()
	waitFor(n.T, n.ctx, func() bool {
		environs, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, name := range environs {
			b, _ := os.ReadFile(name)
			if slices.Contains(strings.Split(string(b), "\x00"), n.mark) && !strings.HasPrefix(name, fmt.Sprintf("/proc/%d/", pid)) {
				return false
			}
		}
		return true
	})
}

// find gives the process of the node whose arguments begin with these words.
func (n *node) find(words string) int {
	n.Helper()
	for _, p := range processes(n.nine) {
		args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p))
		if strings.HasPrefix(string(args), strings.ReplaceAll(words, " ", "\x00")+"\x00") {
			return p
		}
	}
	n.Fatalf("no process %s", words)
	return 0
}

// leavers is a command that says ready when it has left all kinds of processes behind.
const leavers = "sleep 1000 2>/dev/null & setsid sleep 1000 2>/dev/null & nohup sleep 1000 >/dev/null 2>&1 & echo ready; cat; sleep 1000"

// TestCpuKilled kills one of those who make a session: the others end, with one line
// that says so, and nothing is left of what ran.
func TestCpuKilled(t *testing.T) {
	for _, who := range []string{"cpu", "cpud", "cpud -i"} {
		t.Run(who, func(t *testing.T) {
			n := newNode(t)
			cpud := n.cpud()
			cmd := n.command("cpu", "sh", "-c", leavers)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			in, out := piped(t, cmd)
			defer in.Close()
			if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
				t.Fatal(err, &stderr)
			}
			pid := map[string]int{"cpu": cmd.Process.Pid, "cpud": cpud.Process.Pid}[who]
			if pid == 0 {
				pid = n.find("nine " + who)
			}
			syscall.Kill(pid, syscall.SIGKILL)
			err := cmd.Wait()
			if who != "cpu" && (err == nil || err.Error() != "exit status 1" ||
				!strings.HasPrefix(stderr.String(), "cpu: local: connection lost: ") || strings.Count(stderr.String(), "\n") != 1) {
				t.Errorf("%v: %q", err, &stderr)
			}
			keep := cpud.Process.Pid
			if who == "cpud" {
				cpud.Wait()
			}
			n.gone(keep)
		})
	}
}

// TestCpuTerminal: what holds the terminal in the background does not hold cpu, nor
// outlives it, and the terminal is as it was.
func TestCpuTerminal(t *testing.T) {
	n := newNode(t)
	cpud := n.cpud()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 12, Cols: 34}); err != nil {
		t.Fatal(err)
	}
	before, err := term.GetState(int(slave.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"stty size; exit 9", "set -m; sleep 1000 & stty size; exit 9", "set -m; yes & stty size; exit 9"} {
		cmd := n.command("cpu", "sh", "-c", command)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		seen := make(chan bool)
		stop := make(chan struct{})
		go func() { // all of it, so that nobody waits for a reader
			var all strings.Builder
			buf := make([]byte, 4096)
			for {
				k, err := master.Read(buf)
				all.Write(buf[:k])
				select {
				case <-stop:
					seen <- strings.Contains(all.String(), "12 34")
					return
				default:
				}
				if err != nil {
					seen <- false
					return
				}
			}
		}()
		err := cmd.Run()
		if err == nil || err.Error() != "exit status 9" {
			t.Errorf("%s: %v", command, err)
		}
		close(stop)
		tick := time.NewTicker(10 * time.Millisecond)
		for read := false; !read; {
			go io.WriteString(slave, "\n") // wakes the reader; if that has ended and the terminal is full, it waits for the next one
			select {
			case ok := <-seen:
				if read = true; !ok {
					t.Errorf("%s: no size", command)
				}
			case <-tick.C:
			case <-n.ctx.Done():
				t.Fatalf("%s: the terminal gives nothing: %v", command, n.ctx.Err())
			}
		}
		tick.Stop()
		after, err := term.GetState(int(slave.Fd()))
		if err != nil || *after != *before {
			t.Errorf("%s: the terminal is not as it was: %v", command, err)
		}
		n.gone(cpud.Process.Pid)
	}
}

// TestCpudFull: a cpud without descriptors for those who do not greet is there for
// others as soon as these have gone.
func TestCpudFull(t *testing.T) {
	n := newNode(t)
	cpud := exec.CommandContext(n.ctx, "sh", "-c", "ulimit -n 64; exec "+n.nine+" cpud")
	cpud.Env = n.env
	said, err := cpud.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cpud.Start(); err != nil {
		t.Fatal(err)
	}
	defer cpud.Wait()
	defer cpud.Process.Kill()
	socket := filepath.Join(n.dir, "cpu")
	waitFor(t, n.ctx, func() bool { _, err := os.Stat(socket); return err == nil })
	var conns []net.Conn
	for range 80 {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	if _, err := said.Read(make([]byte, 1000)); err != nil { // that there are too many
		t.Error(err)
	}
	go io.Copy(io.Discard, said)
	// They go, and are seen to be gone: those who were still to be let in as well, who take
	// descriptors when these are free again.
	for _, c := range conns {
		c.(*net.UnixConn).CloseWrite()
	}
	for _, c := range conns {
		c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
		c.Close()
	}
	waitFor(t, n.ctx, func() bool {
		fds, err := os.ReadDir("/proc/" + strconv.Itoa(cpud.Process.Pid) + "/fd")
		return err == nil && len(fds) < 15
	})
	if out, err := n.command("cpu", "echo", "ok").CombinedOutput(); err != nil || string(out) != "ok\n" {
		t.Errorf("%v: %q", err, out)
	}
}

// TestUpKilled: whichever way up ends, nothing is left, nor its directory.
func TestUpKilled(t *testing.T) {
	for _, c := range []struct {
		name   string
		sig    syscall.Signal
		whom   string
		script string
	}{
		{"kill", syscall.SIGKILL, "up", leavers},
		{"kill inner", syscall.SIGKILL, "inner", leavers},
		{"kill nsd", syscall.SIGKILL, "nsd", leavers},
		{"term", syscall.SIGTERM, "up", leavers},
		{"hangup", syscall.SIGHUP, "up", leavers},
		{"deaf", syscall.SIGTERM, "up", "trap '' TERM HUP; " + leavers},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			up := n.command("up", "-c", "echo $PPID; "+c.script)
			in, out := piped(t, up)
			defer in.Close()
			var pid int
			var word string
			if _, err := fmt.Fscan(out, &pid, &word); err != nil || word != "ready" {
				t.Fatal(err, word)
			}
			switch c.whom {
			case "up":
				pid = up.Process.Pid
			case "nsd":
				pid = n.find("nine nsd")
			}
			syscall.Kill(pid, c.sig)
			if err := up.Wait(); err == nil {
				t.Error("status 0")
			}
			n.gone(0)
			waitFor(t, n.ctx, func() bool {
				ents, err := os.ReadDir(n.dir)
				return err == nil && len(ents) == 0
			})
		})
	}
}
