package procfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestCtl(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		cmd := start(t, exec.Command("sleep", "1000"))
		pid := cmd.Process.Pid
		state := func(want string) bool {
			return srvtest.Until(func() bool {
				s, err := read(t, root, pid, "status")
				return err == nil && strings.TrimSpace(s[56:68]) == want
			})
		}
		if err := write(t, root, pid, "ctl", "stop"); err != nil || !state("Stopped") {
			t.Error("stop: ", err)
		}
		if err := write(t, root, pid, "ctl", "start"); err != nil || !state("Wakeme") {
			t.Error("start: ", err)
		}
		if err := write(t, root, pid, "ctl", "pri 5\n"); err != nil {
			t.Error(err)
		}
		s, err := read(t, root, pid, "status")
		if err != nil || !strings.HasSuffix(s, "          5           5 ") {
			t.Errorf("%q, %v", s, err)
		}
		for _, bad := range []string{"nonsense", "pri", "pri 20", "pri x", "kill 5", "'"} {
			if err := write(t, root, pid, "ctl", bad); err == nil {
				t.Errorf("%s: no error", bad)
			}
		}
		if err := write(t, root, pid, "ctl", "kill"); err != nil {
			t.Error(err)
		}
		cmd.Wait()
		if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != syscall.SIGKILL {
			t.Errorf("ended by %v", ws.Signal())
		}
	})
}

// TestStop has a stop be over when the process has stopped, however busy it is, and not wait
// for one that can't.
func TestStop(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		for _, script := range []string{"while :; do :; done", "sleep 1000"} {
			pid := start(t, exec.Command("sh", "-c", script)).Process.Pid
			for range 20 {
				do(t, root, pid, "stop")
				if s, err := read(t, root, pid, "status"); err != nil || !strings.HasPrefix(s[56:], "Stopped ") {
					t.Fatalf("%s: after stop: %q, %v", script, s, err)
				}
				do(t, root, pid, "start")
			}
		}
		ended := start(t, exec.Command("true"))
		if !srvtest.Until(func() bool {
			s, err := read(t, root, ended.Process.Pid, "status")
			return err == nil && strings.HasPrefix(s[56:], "Moribund ")
		}) {
			t.Fatal("it does not end")
		}
		do(t, root, ended.Process.Pid, "stop")
	})
}

// TestStopSelf: what asks for its own stop has its write cut short by the stop. The stop is
// made all the same: an error would have it asked for again when it goes on, and so for ever.
func TestStopSelf(t *testing.T) {
	r := newTree(t)
	p, err := r.kept.find(start(t, exec.Command("sleep", "1000")).Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := &file{r: r, p: p}
	for range 100 { // in most of them it has not stopped at the first look
		if err := f.stop(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if !srvtest.Until(func() bool { has, err := p.hasStopped(); return has && err == nil }) {
			t.Fatal("it does not stop")
		}
		if err := p.signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNote(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		for note, sig := range map[string]syscall.Signal{"interrupt": syscall.SIGINT, "SIGUSR1": syscall.SIGUSR1, "15": syscall.SIGTERM} {
			cmd := start(t, exec.Command("sleep", "1000"))
			if err := write(t, root, cmd.Process.Pid, "note", note); err != nil {
				t.Error(err)
			}
			cmd.Wait()
			if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != sig {
				t.Errorf("%s: ended by %v", note, ws.Signal())
			}
			if err := write(t, root, os.Getpid(), "note", "nonsense"); err == nil {
				t.Error("nonsense: no error")
			}
		}
	})
}

func TestWait(t *testing.T) {
	for _, c := range []struct {
		script, status string
		reap           bool // before the read
	}{
		{"read x; exit 7", "exit 7", false},
		{"read x; exit 0", "", false},
		{"read x; kill -KILL $$", "signal 9 (killed)", false},
		{"read x; exit 7", "exit 7", true},
	} {
		srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
			cmd := exec.Command("sh", "-c", c.script)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			start(t, cmd)
			f, err := open(t, root, p9.OREAD, strconv.Itoa(cmd.Process.Pid), "wait")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Clunk(t.Context())
			flushed, cancel := context.WithCancel(t.Context())
			cancel()
			if n, err := f.Read(flushed, make([]byte, 100), 0); err == nil {
				t.Errorf("%d bytes before the end", n)
			}
			in.Close()
			if c.reap {
				cmd.Wait()
			}
			p := make([]byte, 100)
			n, err := f.Read(t.Context(), p, 0)
			if err != nil {
				t.Fatal(err)
			}
			w, err := srv.ParseWaitMsg(string(p[:n]))
			if err != nil || w.Pid != cmd.Process.Pid || w.Status != c.status && !(c.reap && w.Status == "unknown") {
				t.Errorf("%s: %q, %v", c.script, p[:n], err)
			}
		})
	}
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) { // clunked while it waits
		f, err := open(t, root, p9.OREAD, strconv.Itoa(os.Getpid()), "wait")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := f.Read(ctx, make([]byte, 100), 0)
			done <- err
		}()
		cancel()
		if err := <-done; err == nil {
			t.Error("this process has ended")
		}
		f.Clunk(t.Context())
	})
}

// TestExited: what a fid was walked to stays that process.
func TestExited(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		cmd := start(t, exec.Command("sleep", "1000"))
		name := strconv.Itoa(cmd.Process.Pid)
		var fids []*client.Fid
		for _, f := range files {
			fid, err := root.Walk(t.Context(), name, f.name)
			if err != nil {
				t.Fatal(err)
			}
			fids = append(fids, fid)
		}
		note, err := open(t, root, p9.OWRITE, name, "note")
		if err != nil {
			t.Fatal(err)
		}
		wait, err := open(t, root, p9.OREAD, name, "wait")
		if err != nil {
			t.Fatal(err)
		}
		cmd.Process.Kill()
		cmd.Wait()
		if st, err := wait.Stat(t.Context()); err != nil || st.Mode != 0o444 { // as cat(1) asks before it reads
			t.Errorf("stat of wait, open: %v, %v", st.Mode, err)
		}
		if _, err := wait.Read(t.Context(), make([]byte, 100), 0); err != nil {
			t.Errorf("read of wait, open: %v", err)
		}
		wait.Clunk(t.Context())
		for i, f := range files {
			mode := p9.OREAD
			if f.mode&0o200 != 0 {
				mode = p9.OWRITE
			}
			if err := fids[i].Open(t.Context(), mode); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("open %s: %v", f.name, err)
			}
			fids[i].Clunk(t.Context())
		}
		if _, err := note.Write(t.Context(), []byte("kill"), 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("note: %v", err)
		}
		note.Clunk(t.Context())
		if _, err := root.Walk(t.Context(), name); err == nil {
			t.Error("walked to a process that has ended")
		}
	})
}

// TestPidAgain: another process that has the pid is not taken for the one.
func TestPidAgain(t *testing.T) {
	cmd := start(t, exec.Command("sleep", "1000"))
	r := newTree(t)
	now, err := r.kept.find(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	earlier := now
	earlier.id--
	for i, f := range files {
		file := &file{r: r, p: earlier, i: i, mode: f.mode}
		mode := p9.OREAD
		if f.mode&0o200 != 0 {
			mode = p9.OWRITE
		}
		if _, err := srv.Open(t.Context(), file, mode); err != errExited {
			t.Errorf("%s: %v", f.name, err)
		}
		if _, err := file.Stat(t.Context()); err != errExited {
			t.Errorf("stat %s: %v", f.name, err)
		}
	}
	if err := earlier.signal(syscall.SIGKILL); err != errExited {
		t.Errorf("signal: %v", err)
	}
	if now.qid(1, 0) == earlier.qid(1, 0) || now.qid(1, 0) == now.qid(2, 0) {
		t.Error("qids are the same")
	}
}

func TestWalk(t *testing.T) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	bad := []string{"0", "-1", "00" + strconv.Itoa(os.Getpid()), "+1", "self", "meminfo", "99999999"}
	for _, th := range threads {
		if th.Name() != strconv.Itoa(os.Getpid()) {
			bad = append(bad, th.Name())
		}
	}
	for _, name := range bad {
		if _, err := srv.Walk(t.Context(), tree(t)(), name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestList: a thousand processes are all there, in order, once.
func TestList(t *testing.T) {
	many := 1000
	if testing.Short() {
		many = 50
	}
	cmd := exec.Command("sh", "-c", fmt.Sprintf("i=0; while [ $i -lt %d ]; do sleep 1000 & i=$((i+1)); done; echo; wait", many))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd)
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		dir, err := open(t, root, p9.OREAD)
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Clunk(t.Context())
		last, n := 0, 0
		for e, err := range dir.List(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Name == "trace" {
				last = 1 << 30 // nothing comes after it
				continue
			}
			pid, err := strconv.Atoi(e.Name)
			if err != nil || pid <= last || !e.Qid.IsDir() {
				t.Errorf("%+v after %d", e, last)
			}
			last = pid
			n++
		}
		if n < many {
			t.Errorf("%d entries, of more than %d", n, many)
		}
		f, st, err := root.WalkStat(t.Context(), strconv.Itoa(cmd.Process.Pid))
		if err != nil || !st.Mode.IsDir() {
			t.Fatal(st, err)
		}
		defer f.Clunk(t.Context())
		if err := f.Open(t.Context(), p9.OREAD); err != nil {
			t.Fatal(err)
		}
		var names []string
		for e, err := range f.List(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, e.Name)
		}
		if len(names) != len(files) || !slices.IsSorted(names) {
			t.Errorf("%s", names)
		}
	})
}
