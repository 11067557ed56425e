package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestTop has two nodes shown on a terminal, goes from the one to the other, and finds the
// terminal as it was.
func TestTop(t *testing.T) {
	if ok, _ := condition("fuse"); !ok {
		t.Skip("no /dev/fuse that may be mounted")
	}
	dir := tempDir(t)
	cmd := exec.Command(binary(t), "up", "-cluster", "2", "-c", "stty -a >before; top -t 50ms; echo status $?; stty -a | cmp - before && echo as before")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "SHELL=/bin/sh", "HOME="+dir, "TMPDIR="+dir, "TERM=xterm", "NO_COLOR=")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 90})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		tty.Close()
		cmd.Wait()
	}()
	var all bytes.Buffer
	escapes := regexp.MustCompile(`\x1b\[[?0-9;]*[A-Za-z]`)
	until := func(pattern string) {
		t.Helper()
		re, p := regexp.MustCompile(pattern), make([]byte, 4096)
		tty.SetReadDeadline(time.Now().Add(20 * time.Second))
		for !re.MatchString(escapes.ReplaceAllString(all.String(), "")) {
			n, err := tty.Read(p)
			all.Write(p[:n])
			if err != nil {
				t.Fatalf("no %q: %v\n%s", pattern, err, &all)
			}
		}
		all.Reset()
	}
	until(`▌ here .*%.* of .*\n  n1 .*%`)
	until(`(?s)servers.* proc .*program.*nine (nsd|procfs)`)
	tty.WriteString("jj")
	until(`▌ n2 (?s:.*)nine up`)
	tty.WriteString("\x1b[A")
	until(`▌ n1 `)
	tty.WriteString("q")
	until(`status 0\r\nas before`)
	if strings.Contains(all.String(), "\x1b[?1049h") {
		t.Error("it goes on")
	}
}
