package execfs

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"ninespace/srv/p9"
)

func TestPty(t *testing.T) {
	if f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0); err != nil {
		t.Skip("no pseudo-terminals: ", err)
	} else {
		f.Close()
	}
	t.Run("tty", func(t *testing.T) {
		each(t, Config{}, func(x *tree) {
			v := x.clone()
			v.must("pty vt52", "winsize 33 111", "exec sh -c 'tty; stty size; echo $TERM; echo err >&2; exit 9'")
			if s := v.text("1"); !regexp.MustCompile(`^/dev/pts/\d+\r\n33 111\r\nvt52\r\nerr\r\n$`).MatchString(s) {
				x.Errorf("%q", s)
			}
			if s := v.text("2"); s != "" {
				x.Errorf("standard error: %q", s)
			}
			if w := v.wait(); w.Status != "exit 9" {
				x.Errorf("status %q", w.Status)
			}
			v.end()
		})
	})
	t.Run("winch", func(t *testing.T) {
		each(t, Config{KillOnClose: true}, func(x *tree) {
			v := x.clone()
			v.must("pty", "exec sh -c 'trap ''stty size; exit'' WINCH; echo ready; while :; do read x; done'")
			out := v.file("1", p9.OREAD)
			if s := x.read(out); s != "ready\r\n" {
				x.Errorf("%q", s)
			}
			v.must("winsize 44 122 8 9")
			// dash runs a trap when its read ends: type a line.
			in := v.file("0", p9.OWRITE)
			v.write(in, "\n")
			if s := string(v.all(out)); !strings.Contains(s, "44 122\r\n") {
				x.Errorf("%q", s)
			}
			in.Clunk(x.ctx)
			out.Clunk(x.ctx)
			v.end()
		})
	})
	t.Run("interrupt", func(t *testing.T) {
		each(t, Config{KillOnClose: true}, func(x *tree) {
			v := x.clone()
			v.must("pty", "exec sleep 1000")
			in := v.file("0", p9.OWRITE)
			v.write(in, "\x03")
			if w := v.wait(); w.Status != "signal 2 (interrupt)" {
				x.Errorf("status %q", w.Status)
			}
			in.Clunk(x.ctx)
			v.end()
		})
	})
	t.Run("flush", func(t *testing.T) {
		each(t, Config{KillOnClose: true}, func(x *tree) {
			v := x.clone()
			v.must("pty", "winsize 24 80", "exec sh -c 'read x; echo got $x'")
			out, in := v.file("1", p9.OREAD), v.file("0", p9.OWRITE)
			ctx, cancel := context.WithTimeout(x.ctx, 50*time.Millisecond) // it blocks by then
			defer cancel()
			if _, err := out.Read(ctx, make([]byte, 100), 0); err == nil {
				x.Error("a read of nothing gave something")
			}
			v.write(in, "on\n")
			if s := string(v.all(out)); !strings.Contains(s, "got on") {
				x.Errorf("%q", s)
			}
			in.Clunk(x.ctx)
			out.Clunk(x.ctx)
			v.end()
		})
	})
	t.Run("end of file", func(t *testing.T) {
		for _, typed := range []string{"", "a line\n", "part"} {
			each(t, Config{KillOnClose: true}, func(x *tree) {
				v := x.clone()
				v.must("pty", "exec cat")
				in := v.file("0", p9.OWRITE)
				v.write(in, typed)
				in.Clunk(x.ctx)
				if w := v.wait(); w.Status != "" {
					x.Errorf("status %q", w.Status)
				}
				if s := v.text("1"); typed != "" && strings.Count(s, strings.TrimSpace(typed)) != 2 { // echoed, and copied
					x.Errorf("%q: %q", typed, s)
				}
				v.end()
			})
		}
	})
	t.Run("hangup", func(t *testing.T) {
		each(t, Config{}, func(x *tree) { // no killonclose: the terminal's end alone does it
			v := x.clone()
			v.must("pty", "exec sleep 1000")
			pid := v.field("pid")
			v.end()
			until(x.T, "hung up", func() (string, bool) {
				_, err := os.Stat("/proc/" + pid)
				return pid, err != nil
			})
		})
	})
	t.Run("unused", func(t *testing.T) {
		each(t, Config{}, func(x *tree) {
			v := x.clone()
			v.must("pty xterm")
			v.end()
		})
	})
}
