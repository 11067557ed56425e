package rc

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv/srvtest"
)

// TestStop: ^Z stops what runs in the foreground, fg and bg let it go on.
func TestStop(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"program":   "sleep 1000",
		"pipeline":  "sleep 1000 | cat | cat",
		"function":  "fn f { sleep 1000; echo nev''er }; f",
		"loop":      "for(i in 1 2) sleep 1000",
		"subshell":  "@{sleep 1000}; echo nev''er",
		"left":      "{sleep 1000; echo} | cat",
		"ended":     "{sleep 1000; echo} | true",
		"redirects": "sleep 1000 | cat >/dev/null",
		"local":     "x=1 sleep 1000",
		"condition": "if(sleep 1000) echo nev''er",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newTerminal(t, "-i")
			x.until("% ")
			x.send("echo be''gun; " + command + "\n")
			x.until("begun\n")
			x.insist("\x1a", func() bool { return strings.Contains(x.shown(), "stopped") })
			x.send("echo aft''er $status\n")
			x.until("after stopped\n")
			x.send("bg; echo go''es; jobs\n")
			x.until("goes\n")
			x.stopped("goes\n", "\x1a", "stopped")
			x.send("echo ag''ain\n")
			x.until("again\n")
			x.stopped("again\n", "\x03", "^C\n% ")
			x.insist("echo ba''ck\n", func() bool { return strings.Contains(x.shown(), "back\n") })
			x.send("exit 3\n")
			x.ended()
			if strings.Contains(x.shown(), "never\n") {
				t.Errorf("it went on: %q", x.shown())
			}
		})
	}
}

// TestStopStarting: programs that are stopped between fork and exec, where their parent waits
// for them, do not hold up the shell.
func TestStopStarting(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, "-i")
	x.until("% ")
	x.send("sh -c 'trap \"\" TSTP; while :; do kill -TSTP 0; done' " + strings.Repeat("| cat ", 30) + "\n")
	if !srvtest.Until(func() bool { return strings.Contains(x.shown(), "stopped") }) {
		t.Fatalf("it does not stop: %q", x.shown())
	}
	x.send("echo aft''er\n")
	x.until("after\n")
}

// stopped brings the job to the foreground, after something was shown, and types a key
// there that has something shown.
func (x *terminal) stopped(after, key, shown string) {
	x.t.Helper()
	if !srvtest.Until(func() bool { return strings.HasSuffix(x.shown(), "% ") }) {
		x.t.Fatalf("no prompt: %q", x.shown())
	}
	x.send("fg; echo nev''er\n")
	since := func() string {
		_, s, _ := strings.Cut(x.shown(), after)
		_, s, _ = strings.Cut(s, "fg; echo nev''er\n")
		return s
	}
	if !srvtest.Until(func() bool { return since() != "" }) {
		x.t.Fatalf("fg: %q", x.shown())
	}
	x.insist(key, func() bool { return strings.Contains(since(), shown) })
}

// TestInterruptAll: ^C ends all programs of a job, and the rest of the line only if it
// ended the last.
func TestInterruptAll(t *testing.T) {
	t.Parallel()
	// The cats see to it that the last command ends behind the others.
	for command, c := range map[string]struct {
		sleeps int // that run in the beginning
		on     bool
	}{
		"sleep 1001 | sleep 1002 | sleep 1003":                               {3, false},
		"cat <{sleep 1001} <{sleep 1002; sleep 1002}":                        {2, false},
		"{sleep 1001; sleep 1002; echo} | cat":                               {1, false},
		"sleep 1001 | sh -c 'trap : INT; sleep 1002; cat'":                   {2, true},
		"sh -c 'trap ''echo caught'' INT; sleep 1001; cat $0' <{sleep 1002}": {2, true},
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			x := newTerminal(t, "-i")
			x.until("% ")
			x.send("echo be''gun; " + command + "; echo go''es on\n")
			x.until("begun\n")
			sleeps := func() (n int) {
				all, _ := filepath.Glob("/proc/[0-9]*/stat")
				for _, name := range all {
					b, _ := os.ReadFile(name)
					_, rest, _ := strings.Cut(string(b), "(sleep) ")
					if f := strings.Fields(rest); len(f) > 3 && f[0] != "Z" && f[3] == strconv.Itoa(x.cmd.Process.Pid) {
						n++
					}
				}
				return n
			}
			if !srvtest.Until(func() bool { return sleeps() == c.sleeps }) {
				t.Fatal("it does not begin")
			}
			x.insist("\x03", func() bool { return strings.Count(x.shown(), "% ") > 1 && sleeps() == 0 })
			if strings.Contains(x.shown(), "goes on\n") != c.on {
				t.Errorf("got %q", x.shown())
			}
		})
	}
}

// TestStopNot: what is the shell's own does not stop, and is interrupted all the same.
func TestStopNot(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"loop":      "while() {}",
		"backquote": "x=`{sleep 1000}",
		"left":      "{while() {}} | true",
		"lefts":     "{while() sleep .01} | true",
		"right":     "sleep 1000 | {sleep 1000; true}",
		"wait":      "sleep 1000 & wait",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newTerminal(t, "-i")
			x.until("% ")
			x.send("echo be''gun; " + command + "\n")
			x.until("begun\n")
			x.insist("\x1a\n\x03", func() bool { return strings.Count(x.shown(), "% ") > 1 })
			x.insist("echo ba''ck\n", func() bool { return strings.Contains(x.shown(), "back\n") })
			x.send("if(! ~ $#apid 0) kill $apid\n")
			x.insist("exit 3\n", func() bool {
				select {
				case err := <-x.done:
					if err == nil || err.Error() != "exit status 3" {
						t.Errorf("ended: %v\n%s", err, x.shown())
					}
					x.done <- nil
					return true
				default:
					return false
				}
			})
		})
	}
}

// TestExitStopped: somebody who leaves stopped jobs is told once.
func TestExitStopped(t *testing.T) {
	t.Parallel()
	for _, leave := range []string{"exit\n", "\x04"} {
		x := newTerminal(t, "-i")
		x.until("% ")
		x.send("echo be''gun; sleep 1000\n")
		x.until("begun\n")
		x.insist("\x1a", func() bool { return strings.Contains(x.shown(), "stopped") })
		x.send("\n" + leave) // there may be a ^Z that came too early
		x.until("there are stopped jobs\n% ")
		x.send("echo he''re\n")
		x.until("here\n")
		x.send(leave)
		if !srvtest.Until(func() bool { return strings.Count(x.shown(), "there are stopped jobs\n% ") == 2 }) {
			t.Fatalf("not told again: %q", x.shown())
		}
		x.send(leave)
		<-x.done
		x.done <- nil
	}
}

// TestBackgroundReads: a job in the background that reads the terminal stops, which is
// told; $apid and wait are as they are.
func TestBackgroundReads(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, "-i")
	x.until("% ")
	x.send("cat </dev/tty >out &\n")
	x.insist("\n", func() bool { return strings.Contains(x.shown(), "stopped (it reads the terminal)  cat") })
	x.send("fg\n")
	if !srvtest.Until(func() bool {
		_, s, _ := strings.Cut(x.shown(), "fg\n")
		return strings.Contains(s, "cat </dev/tty >out\n")
	}) {
		t.Fatalf("fg: %q", x.shown())
	}
	x.send("some text\n\x04")
	x.insist("echo ba''ck\n", func() bool { return strings.Contains(x.shown(), "back\n") })
	x.send("wait $apid; echo sta''tus $status.\n")
	x.until("status .\n")
	if b, err := os.ReadFile(x.dir + "/out"); err != nil || !strings.HasPrefix(string(b), "some text\n") {
		t.Errorf("got %q, %v", b, err)
	}
}

// TestModes: whatever a program leaves the terminal in, the next prompt has it as
// it was; but for what stty sets.
func TestModes(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, "-i")
	x.until("% ")
	x.send("sh -c 'stty raw -echo; kill -9 $$'\n")
	x.until("kill\n% ")
	x.send("sh -c 'stty raw -echo'; sh -c 'stty -a' | grep -o -e '[ -]echo ' -e '[ -]icanon'; echo do''ne\n")
	x.until("done\n")
	x.send("sh -c 'stty -a' | grep -o -e '[ -]icanon'; echo do''ne again\n")
	x.until(" icanon\ndone again\n")
	x.send("stty -icanon; echo se''t\n")
	x.until("set\n")
	x.send("sh -c 'stty -a' | grep -o -e '[ -]icanon'; echo do''ne 3\n")
	x.until("-icanon\ndone 3\n")
}

// TestModesAfter: who is there after the shell has the terminal as it was, ^Z too.
func TestModesAfter(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"exit", "exec true", "\x04"} {
		x := newTerminal(t, "-i")
		before := x.modes()
		x.until("% ")
		x.send("sh -c 'stty raw'; echo do''ne\n")
		x.until("done\n% ")
		x.send(command + "\n")
		<-x.done
		x.done <- nil
		if after := x.modes(); after != before {
			t.Errorf("%s: before %v, after %v", command, before, after)
		}
	}
}

// modes gives how the terminal is set.
func (x *terminal) modes() unix.Termios {
	x.t.Helper()
	conn, err := x.master.SyscallConn()
	if err != nil {
		x.t.Fatal(err)
	}
	var m *unix.Termios
	if e := conn.Control(func(fd uintptr) { m, err = unix.IoctlGetTermios(int(fd), unix.TCGETS) }); e != nil || err != nil {
		x.t.Fatal(e, err)
	}
	return *m
}

// TestNoControl: where no person types there are no jobs.
func TestNoControl(t *testing.T) {
	x := newTerminal(t, "-c", "whatis fg; jobs; echo done")
	x.until("fg: not found\n")
	x.until("done\n")
	<-x.done
	x.done <- nil
}
