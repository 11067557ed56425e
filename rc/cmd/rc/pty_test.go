package rc

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv/srvtest"
)

// A terminal is a person's, with an rc on it.
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	done   chan error
	dir    string

	mu  sync.Mutex
	out bytes.Buffer
}

// newTerminal starts an rc on a terminal of its own.
func newTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	// Not blocking, so that Close ends a read.
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	conn, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	var failed error
	err = conn.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			n, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	defer tty.Close()
	// Neither ^C nor ^Z drops what is on its way.
	if m, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS); err == nil {
		m.Lflag |= unix.NOFLSH
		unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, m)
	}
	x := &terminal{t: t, master: master, done: make(chan error, 1), dir: t.TempDir()}
	x.cmd = exec.Command(shell(t), args...)
	x.cmd.Dir = x.dir
	x.cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + x.dir, "LC_ALL=C.UTF-8"}
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = tty, tty, tty
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			x.mu.Lock()
			x.out.Write(buf[:n])
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	go func() { x.done <- x.cmd.Wait() }()
	t.Cleanup(func() {
		killSession(x.cmd.Process.Pid)
		<-x.done
		master.Close()
		<-read
	})
	return x
}

// killSession kills what is left of a session: each of its jobs is a group.
func killSession(sid int) {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range all {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		// Behind the name in brackets: state, parent, group, session.
		_, rest, _ := strings.Cut(string(b), ") ")
		f := strings.Fields(rest)
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && len(f) > 3 && f[3] == strconv.Itoa(sid) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func (x *terminal) send(s string) {
	x.t.Helper()
	if _, err := x.master.WriteString(s); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) shown() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.ReplaceAll(x.out.String(), "\r\n", "\n")
}

// until waits for a text that was not there before.
func (x *terminal) until(text string) {
	x.t.Helper()
	if !srvtest.Until(func() bool { return strings.Contains(x.shown(), text) }) {
		x.t.Fatalf("%q never came: %q", text, x.shown())
	}
}

// ended wants the shell to end, as it was told to, with status 3.
func (x *terminal) ended() {
	x.t.Helper()
	if err := <-x.done; err == nil || err.Error() != "exit status 3" {
		x.t.Errorf("ended: %v\n%s", err, x.shown())
	}
	x.done <- nil
}

// insist sends a text every now and then until something is so.
func (x *terminal) insist(text string, cond func() bool) {
	x.t.Helper()
	tries := 0
	if !srvtest.Until(func() bool {
		if tries++; tries%100 == 1 {
			x.send(text)
		}
		return cond()
	}) {
		x.t.Fatalf("%q did nothing: %q", text, x.shown())
	}
}

// TestInterrupt ends commands of every kind with ^C: the prompt comes back.
func TestInterrupt(t *testing.T) {
	for name, command := range map[string]string{
		"program":   "sleep 1000",
		"loop":      "while() {}",
		"programs":  "while() sleep 0.01",
		"backquote": "x=`{sleep 1000; echo}",
		"subshell":  "@{while() {}}",
		"left":      "{while() {}} | cat",
		"right":     "sleep 1000 | {while() {}}",
		"pipeline":  "sleep 1000 | cat | cat",
		"function":  "fn f { f1 }; fn f1 { while() {} }; f",
		"wait":      "sleep 1000 & wait",
		"eval":      "eval 'while() {}'",
		"fifo":      "mkfifo p; cat <p",
		"fifos":     "mkfifo p; x=`{cat <p; while() {}}",
		"procsub":   "cat <{sleep 1000}",
		"typed":     "cat",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newTerminal(t, "-i")
			x.until("% ")
			x.send("touch begun; " + command + "\n")
			if !srvtest.Until(func() bool {
				_, err := os.Stat(filepath.Join(x.dir, "begun"))
				return err == nil
			}) {
				t.Fatal(x.shown())
			}
			// One ^C may be too early: what it is to end is only about to run. And
			// one may be too late, so that it ends what is typed next.
			x.insist("\x03", func() bool { return strings.Count(x.shown(), "% ") > 1 })
			x.insist("echo ba''ck\n", func() bool { return strings.Contains(x.shown(), "back\n") })
			x.send("if(! ~ $#apid 0) kill $apid\nexit 3\n")
			x.ended()
		})
	}
}

// TestInterruptScript: a script dies of ^C as its program does.
func TestInterruptScript(t *testing.T) {
	for _, script := range []string{"echo on; sleep 1000; echo never", "echo on; while() {}"} {
		x := newTerminal(t, "-c", script)
		x.until("on\n")
		x.send("\x03")
		err := <-x.done
		x.done <- nil
		if err == nil || !strings.Contains(err.Error(), "interrupt") {
			t.Errorf("%s: ended: %v\n%s", script, err, x.shown())
		}
	}
}

// TestInterruptBackground: what & left runs on.
func TestInterruptBackground(t *testing.T) {
	x := newTerminal(t, "-i")
	x.until("% ")
	x.send("sleep 1000 &\n{ sleep 1000; true } &\nx=$apid; echo st''arted\n")
	x.until("started\n")
	before := strings.Count(x.shown(), "% ")
	x.send("\x03")
	if !srvtest.Until(func() bool { return strings.Count(x.shown(), "% ") > before }) {
		t.Fatalf("no prompt: %q", x.shown())
	}
	x.send("kill -0 $x && echo al''ive\n")
	x.until("alive\n")
	x.send("kill $x; wait $x; echo en''ded $status\n")
	x.until("ended signal: kill")
}

// TestInterruptFull ends an echo whose output nobody reads.
func TestInterruptFull(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, "-i")
	x.send("mkfifo p; {echo reading; sleep 1000} <>p &\n")
	x.until("reading\n")
	x.send("x=`{seq 100000}; echo writ''ing; echo $x >p\n")
	x.until("writing\n")
	x.insist("\x03", func() bool {
		_, after, _ := strings.Cut(x.shown(), "writing\n")
		return strings.Contains(after, "% ")
	})
	x.insist("echo ba''ck\n", func() bool { return strings.Contains(x.shown(), "back\n") })
	x.send("kill $apid; exit 3\n")
	x.ended()
}

// TestInterruptDropped: what an interrupted echo has not written is not written later.
func TestInterruptDropped(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, "-i")
	n := ""
	x.send("mkfifo p; {echo reading; sleep 1000} <>p &\n")
	x.until("reading\n")
	x.send("x=`{seq 100000}; echo writ''ing; echo $x >p\n")
	x.until("writing\n")
	x.insist("\x03", func() bool {
		_, after, _ := strings.Cut(x.shown(), "writing\n")
		return strings.Contains(after, "% ")
	})
	// The pipe has room for 64 KiB.
	x.send("echo NEW >p &\nn=`{sed /NEW/q <p | wc -c}; echo st''ale $n\n")
	x.until("stale ")
	if !srvtest.Until(func() bool { _, n, _ = strings.Cut(x.shown(), "stale "); return strings.Contains(n, "\n") }) {
		t.Fatal(x.shown())
	}
	n, _, _ = strings.Cut(n, "\n")
	if size, err := strconv.Atoi(n); err != nil || size > 100<<10 {
		t.Errorf("%s bytes are there", n)
	}
}

// TestReadInterrupted: what reads after an interrupt that was caught waits as before it.
func TestReadInterrupted(t *testing.T) {
	cmd := exec.Command(shell(t), "-c", "fn sigint { caught=yes }; kill -2 $pid; while(~ $#caught 0) sleep 0.01; x=`{read}; echo got $x; {y=`{read}; echo $y} | cat; read")
	cmd.Stdin = strings.NewReader("a\nb\nc\n")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "got a\nb\nc\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

// TestInterruptHandler: a function for it runs instead.
func TestInterruptHandler(t *testing.T) {
	x := newTerminal(t, "-c", "fn sigint { echo caught; exit 4 }; echo on; sleep 1000; echo after")
	x.until("on\n")
	x.insist("\x03", func() bool { return strings.Contains(x.shown(), "caught\n") })
	err := <-x.done
	x.done <- nil
	if err == nil || err.Error() != "exit status 4" {
		t.Errorf("ended: %v\n%s", err, x.shown())
	}
}
