package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Record locks belong to processes, so the program runs itself for further ones.

// helper is what the program does where it is not init:
//
//	lock file         for each line "how type start len" on its standard input, where
//	                  how is set, wait or get, says on its standard output what came of it
//	ok                says ok
func helper(args []string) {
	switch args[0] {
	case "ok":
		fmt.Println("ok")
	case "lock":
		f, err := os.OpenFile(args[1], os.O_RDWR, 0)
		if err != nil {
			fmt.Println(err)
			return
		}
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			fmt.Println(lockLine(f, strings.Fields(in.Text())))
		}
	}
}

func lockLine(f *os.File, w []string) string {
	number := func(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n }
	l := unix.Flock_t{Type: int16(number(w[1])), Start: number(w[2]), Len: number(w[3])}
	cmd := map[string]int{"set": unix.F_SETLK, "wait": unix.F_SETLKW, "get": unix.F_GETLK}[w[0]]
	if w[0] == "flock" {
		return fmt.Sprint(unix.Flock(int(f.Fd()), int(number(w[1]))))
	}
	if err := unix.FcntlFlock(f.Fd(), cmd, &l); err != nil || w[0] != "get" {
		return fmt.Sprint(err)
	}
	if l.Type == unix.F_UNLCK {
		return "free"
	}
	return fmt.Sprint(l.Type, l.Start, l.Len)
}

// A locker is a process with a file open.
type locker struct {
	t     *T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

func (t *T) locker(file string) *locker {
	l := &locker{t: t, cmd: exec.Command("/proc/self/exe", "lock", file)}
	var err error
	l.in, err = l.cmd.StdinPipe()
	t.ok(err)
	o, err := l.cmd.StdoutPipe()
	t.ok(err)
	l.lines = bufio.NewScanner(o)
	t.ok(l.cmd.Start())
	t.Cleanup(func() { l.cmd.Process.Kill(); l.cmd.Wait() })
	return l
}

func (l *locker) ask(format string, args ...any) { fmt.Fprintf(l.in, format+"\n", args...) }

func (l *locker) answer() string {
	if !l.lines.Scan() {
		return "gone"
	}
	return l.lines.Text()
}

// try asks and wants the answer.
func (l *locker) try(want, format string, args ...any) {
	l.ask(format, args...)
	if got := l.answer(); got != want {
		l.t.Errorf("%s: %s, want %s", fmt.Sprintf(format, args...), got, want)
	}
}

// waits tells that the locker waits in the kernel for its answer.
func (l *locker) waits() {
	file := fmt.Sprintf("/proc/%d/task/%d/syscall", l.cmd.Process.Pid, l.cmd.Process.Pid)
	l.t.until("a lock that waits", func() bool {
		tasks, _ := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(file)), "*/syscall"))
		for _, task := range tasks {
			b, _ := os.ReadFile(task)
			if w := strings.Fields(string(b)); len(w) > 2 && w[0] == fmt.Sprint(unix.SYS_FCNTL) && w[2] == fmt.Sprintf("%#x", unix.F_SETLKW) {
				return true
			}
		}
		return false
	})
}

const (
	blocked = "resource temporarily unavailable"
	free    = "free"
	done    = "<nil>"
)

// testLocks has processes on one mount, where the kernel itself settles most, and
// on a second one, of another connection, where the server does.
func testLocks(t *T, m *mount, dir, ref string) {
	file := dir + "/f"
	t.ok(write(file, "0123456789", 0o644))
	for _, where := range []string{dir, filepath.Join(m.again(t), filepath.Base(dir))} {
		t.Run(map[bool]string{true: "one mount", false: "two mounts"}[where == dir], func(t *T) {
			a, b := t.locker(file), t.locker(where+"/f")
			a.try(done, "set %d 2 3", unix.F_WRLCK)
			b.try(blocked, "set %d 4 1", unix.F_RDLCK)
			b.try(done, "set %d 5 2", unix.F_WRLCK)
			b.try(fmt.Sprint(unix.F_WRLCK, 2, 3), "get %d 0 0", unix.F_RDLCK)
			a.try(fmt.Sprint(unix.F_WRLCK, 5, 2), "get %d 0 0", unix.F_RDLCK)
			b.try(free, "get %d 7 0", unix.F_WRLCK)
			a.try(done, "set %d 3 1", unix.F_UNLCK) // splits it
			b.try(done, "set %d 3 1", unix.F_WRLCK)
			b.try(blocked, "set %d 4 1", unix.F_WRLCK)
			a.try(done, "set %d 4 1", unix.F_RDLCK) // makes it less
			b.try(done, "set %d 4 1", unix.F_RDLCK)
			b.try(done, "set %d 0 0", unix.F_UNLCK)

			a.try(done, "set %d 0 0", unix.F_WRLCK)
			b.ask("wait %d 0 10", unix.F_WRLCK)
			b.waits()
			a.try(done, "set %d 0 0", unix.F_UNLCK)
			if got := b.answer(); got != done {
				t.Errorf("a lock that was waited for: %s", got)
			}

			c := t.locker(where + "/f")
			c.ask("wait %d 0 10", unix.F_WRLCK)
			c.waits()
			t.ok(c.cmd.Process.Kill()) // its request is flushed
			if err := c.cmd.Wait(); err == nil || !strings.Contains(err.Error(), syscall.SIGKILL.String()) {
				t.Errorf("a killed process that waited for a lock: %v", err)
			}
			b.in.Close() // gives up what it has as it ends
			t.ok(b.cmd.Wait())
			a.try(free, "get %d 0 0", unix.F_WRLCK)
			a.try(done, "set %d 0 0", unix.F_WRLCK)
			d := t.locker(where + "/f")
			d.try(blocked, "set %d 0 1", unix.F_RDLCK)
			a.try(done, "set %d 0 0", unix.F_UNLCK)

			a.try(done, "flock %d 0 0", unix.LOCK_EX)
			d.try(blocked, "flock %d 0 0", unix.LOCK_SH|unix.LOCK_NB)
			a.try(done, "flock %d 0 0", unix.LOCK_UN)
			d.try(done, "flock %d 0 0", unix.LOCK_SH|unix.LOCK_NB)
			a.try(done, "flock %d 0 0", unix.LOCK_SH|unix.LOCK_NB)
		})
	}
}
