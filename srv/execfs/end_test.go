package execfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/srv/p9"
)

func TestBeforeExec(t *testing.T) {
	each(t, Config{}, func(x *tree) {
		v := x.clone()
		got := make(chan string)
		go func() { got <- v.text("1") }()
		in := v.file("0", p9.OWRITE)
		sent := make(chan bool)
		go func() {
			v.write(in, "early")
			in.Clunk(x.ctx)
			close(sent)
		}()
		v.must("exec cat")
		<-sent
		if s := <-got; s != "early" {
			x.Errorf("%q", s)
		}
		v.end()
	})
}

// TestClosedPipe: the end of the last fid of 1 is a closed pipe to the command.
func TestClosedPipe(t *testing.T) {
	each(t, Config{}, func(x *tree) {
		v := x.clone()
		v.must("exec yes")
		a, b := v.file("1", p9.OREAD), v.file("1", p9.OREAD)
		x.read(a)
		a.Clunk(x.ctx)
		x.read(b)
		b.Clunk(x.ctx)
		if w := v.wait(); w.Status != "signal 13 (broken pipe)" {
			x.Errorf("status %q", w.Status)
		}
		if _, err := x.open(v.n+"/1", p9.OREAD); err == nil {
			x.Error("1 can be opened again")
		}
		v.end()
	})
}

func TestNotes(t *testing.T) {
	each(t, Config{}, func(x *tree) {
		for _, c := range []struct{ note, status string }{
			{"interrupt", "signal 2 (interrupt)"}, {"hangup", "signal 1 (hangup)"}, {"SIGUSR1\n", "signal 10 (user defined signal 1)"},
			{"15", "signal 15 (terminated)"}, {"kill", "signal 9 (killed)"},
		} {
			v := x.clone()
			v.must("exec sleep 1000")
			note := v.file("note", p9.OWRITE)
			if _, err := note.Write(x.ctx, []byte(c.note), 0); err != nil {
				x.Error(err)
			}
			note.Clunk(x.ctx)
			if w := v.wait(); w.Status != c.status {
				x.Errorf("%s: status %q, want %q", c.note, w.Status, c.status)
			}
			v.end()
		}
	})
}

// TestLeftBehind: wait tells of the command, 1 ends with its last holder.
func TestLeftBehind(t *testing.T) {
	each(t, Config{KillOnClose: true}, func(x *tree) {
		v := x.clone()
		v.must("exec sh -c 'sleep 1000 & echo $!; exit 4'")
		out := v.file("1", p9.OREAD)
		pid := strings.TrimSpace(x.read(out))
		if w := v.wait(); w.Status != "exit 4" {
			x.Errorf("status %q", w.Status)
		}
		if !alive(pid) {
			x.Error("what was left behind is gone")
		}
		out.Clunk(x.ctx)
		v.end()
		until(x.T, "killed", func() (string, bool) { return pid, !alive(pid) })
	})
}

func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

func TestKillOnClose(t *testing.T) {
	for _, script := range []string{
		"sleep 1000",
		"trap '''' HUP; sleep 1000 & wait; sleep 1000",
		"kill -STOP $$; sleep 1000",
	} {
		each(t, Config{Grace: 50 * time.Millisecond}, func(x *tree) {
			v := x.clone()
			v.must("killonclose", "exec sh -c '"+script+"'")
			pid := v.field("pid")
			if x.hang != nil {
				x.hang() // instead of clunking: the connection goes
			} else {
				v.end()
			}
			until(x.T, "killed and reaped", func() (string, bool) {
				_, err := os.Stat("/proc/" + pid)
				return pid, err != nil
			})
		})
	}
}

// TestRunsOn: without killonclose the command outlives the conversation, and is reaped.
func TestRunsOn(t *testing.T) {
	dir := t.TempDir()
	each(t, Config{Dir: dir}, func(x *tree) {
		fifo := filepath.Join(dir, "fifo")
		os.Remove(fifo)
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			x.Fatal(err)
		}
		v := x.clone()
		v.must("exec cat fifo")
		pid := v.field("pid")
		v.end()
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0) // waits for cat
		if err != nil {
			x.Fatal(err)
		}
		if !alive(pid) {
			x.Error("the command is gone")
		}
		f.Close()
	})
}

// TestMany: conversation numbers are used again and nothing adds up.
func TestMany(t *testing.T) {
	each(t, Config{KillOnClose: true}, func(x *tree) {
		before := held()
		for i := range 200 {
			v := x.clone()
			v.must("exec true")
			if i%2 == 0 {
				if w := v.wait(); w.Status != "" {
					x.Fatalf("%d: status %q", i, w.Status)
				}
			}
			v.end()
		}
		until(x.T, "all is let go of", func() (string, bool) {
			now := held()
			return fmt.Sprintf("before %v, now %v", before, now), !now.more(before)
		})
	})
}

func TestStartHook(t *testing.T) {
	var saw string
	cfg := Config{Start: func(ctx context.Context, cmd *exec.Cmd, ns string) error {
		saw = ns
		if strings.Contains(ns, "bad") {
			return fmt.Errorf("line 2: bad: %w", p9.ErrNotExist)
		}
		cmd.Args = append([]string{"sh", "-c", `echo "in $0"; exec "$@"`, "ns"}, cmd.Args...)
		cmd.Path = "sh"
		return Start(ctx, cmd, "")
	}}
	each(t, cfg, func(x *tree) {
		v := x.clone()
		ns := v.file("ns", p9.OWRITE)
		v.write(ns, "bind /a /b\n")
		ns.Clunk(x.ctx)
		ns = v.file("ns", p9.OWRITE)
		v.write(ns, "bind bad /b\n")
		ns.Clunk(x.ctx)
		if s := v.text("ns"); s != "bind /a /b\nbind bad /b\n" {
			x.Errorf("ns reads %q", s)
		}
		if err := v.cmd("exec echo hello"); !errors.Is(err, fs.ErrNotExist) && !strings.Contains(err.Error(), "line 2: bad") {
			x.Errorf("%v", err)
		}
		ns = v.file("ns", p9.OWRITE|p9.OTRUNC)
		v.write(ns, "mount /a /b\n")
		ns.Clunk(x.ctx)
		v.must("exec echo hello")
		if s := v.text("1"); s != "in ns\nhello\n" || saw != "mount /a /b\n" {
			x.Errorf("%q with ns %q", s, saw)
		}
		v.end()
	})
	each(t, Config{}, func(x *tree) {
		v := x.clone()
		if _, err := x.open(v.n+"/ns", p9.OWRITE); err == nil {
			x.Error("ns can be written where there are no name spaces")
		}
		v.end()
	})
}
