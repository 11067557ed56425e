package procfs

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestTexts(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		cmd := exec.Command("sleep", "1000")
		cmd.Env = []string{"A=it's", "EMPTY=", "odd"}
		start(t, cmd)
		pid := cmd.Process.Pid
		if !srvtest.Until(func() bool { s, _ := read(t, root, pid, "args"); return s == "sleep 1000" }) {
			t.Fatal("does not run")
		}
		state(t, root, pid, "Wakeme")
		for name, want := range map[string]string{
			"ctl":      fmt.Sprintf("^%11d $", pid),
			"environ":  `^A='it''s'\nEMPTY=''\nodd\n$`,
			"noteid":   fmt.Sprintf("^%11d $", pid),
			"note":     "^$",
			"maps":     `(?m)^[0-9a-f]+-[0-9a-f]+ r-xp .*sleep$`,
			"segment":  `(?m)^Text   R  [0-9a-f]{8,} [0-9a-f]{8,}    1$(?s:.*)^Stack     [0-9a-f]{8,} [0-9a-f]{8,}    1$`,
			"syscall":  fmt.Sprintf(`^%d (clock_nanosleep|\d+) 0x[0-9a-f]+ = 0x[0-9a-f]+( 0x[0-9a-f]+){6}\n$`, pid),
			"limits":   `(?m)^nofile \d+:\d+$`,
			"children": "^$",
		} {
			if s, err := read(t, root, pid, name); err != nil || !regexp.MustCompile(want).MatchString(s) {
				t.Errorf("%s: %q, %v", name, s, err)
			}
		}
		if s, err := read(t, root, os.Getpid(), "children"); err != nil || !slices.Contains(strings.Fields(s), strconv.Itoa(pid)) {
			t.Errorf("children: %q, %v", s, err)
		}
		text, err := read(t, root, pid, "text")
		path, lerr := exec.LookPath("sleep")
		exe, rerr := os.ReadFile(path)
		if err != nil || lerr != nil || rerr != nil || text != string(exe) {
			t.Errorf("text: %d bytes, %v; the program has %d", len(text), err, len(exe))
		}
	})
}

// TestKernel: a thread of the kernel has neither program nor memory.
func TestKernel(t *testing.T) {
	if b, err := os.ReadFile("/proc/2/comm"); err != nil || string(b) != "kthreadd\n" {
		t.Skip("no kernel threads to be seen from here")
	}
	root := srvtest.Mount(t, tree(t)(), true)
	if s, err := read(t, root, 2, "status"); err != nil || !strings.HasPrefix(s, "kthreadd ") {
		t.Errorf("%q, %v", s, err)
	}
	for _, name := range []string{"args", "maps", "segment", "children", "wait"} {
		if name == "wait" {
			continue // it does not end
		}
		if _, err := read(t, root, 2, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := read(t, root, 2, "text"); err == nil || strings.Contains(err.Error(), "exited") {
		t.Errorf("text: %v", err)
	}
}

func TestMem(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		cmd := start(t, exec.Command("sleep", "1000"))
		pid := cmd.Process.Pid
		state(t, root, pid, "Wakeme")
		maps, err := read(t, root, pid, "maps")
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`(?m)^([0-9a-f]+)-[0-9a-f]+ rw.*\[stack\]$`).FindStringSubmatch(maps)
		if m == nil {
			t.Fatal("no stack in ", maps)
		}
		at, _ := strconv.ParseInt(m[1], 16, 64)
		f, err := open(t, root, p9.ORDWR, strconv.Itoa(pid), "mem")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Clunk(t.Context())
		want, got := []byte("written from outside"), make([]byte, 20)
		if n, err := f.Write(t.Context(), want, at+5); n != len(want) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := f.Read(t.Context(), got, at+5); n != len(got) || err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q, %v", got[:n], err)
		}
		if n, err := f.Read(t.Context(), got, 0); err == nil || err == io.EOF {
			t.Errorf("at 0: %d, %v", n, err)
		}
		cmd.Process.Kill()
		cmd.Wait()
		if n, err := f.Read(t.Context(), got, at); err == nil || !strings.Contains(err.Error(), "xited") && !strings.Contains(err.Error(), "process") {
			t.Errorf("its end: %d, %v", n, err)
		}
	})
}

func TestNotes(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		cmd := start(t, exec.Command("sleep", "1000"))
		pid := cmd.Process.Pid
		do(t, root, pid, "stop")
		state(t, root, pid, "Stopped")
		for _, note := range []string{"interrupt", "sys: write on closed pipe", "SIGUSR1"} {
			if err := write(t, root, pid, "note", note); err != nil {
				t.Error(err)
			}
		}
		if s, err := read(t, root, pid, "note"); err != nil || s != "interrupt\nSIGUSR1\nsys: write on closed pipe\n" {
			t.Errorf("%q, %v", s, err)
		}
	})
}

func TestNotepg(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		cmd := exec.Command("sh", "-c", `sleep 1000 & echo $!; wait`)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		start(t, cmd)
		p := make([]byte, 20)
		n, _ := out.Read(p)
		child, err := strconv.Atoi(strings.TrimSpace(string(p[:n])))
		if err != nil {
			t.Fatal(err)
		}
		if err := write(t, root, child, "notepg", "nonsense"); err == nil {
			t.Error("nonsense: no error")
		}
		if err := write(t, root, child, "notepg", "term"); err != nil {
			t.Error(err)
		}
		io.Copy(io.Discard, out) // both have ended
		cmd.Wait()
		if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != syscall.SIGTERM {
			t.Errorf("ended by %v", ws)
		}
	})
}

func TestVerbs(t *testing.T) {
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		cmd := start(t, exec.Command("sleep", "1000"))
		pid := cmd.Process.Pid
		do(t, root, pid, "nice 7", "wired 0", "limit nofile 100:200", "limit core 0", "limit fsize 4K:unlimited")
		if n, err := unix.Getpriority(unix.PRIO_PROCESS, pid); err != nil || 20-n != 7 {
			t.Errorf("nice %d, %v", 20-n, err)
		}
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(pid, &set); err != nil || set.Count() != 1 || !set.IsSet(0) {
			t.Errorf("%v, %v", set, err)
		}
		limits, err := read(t, root, pid, "limits")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"nofile 100:200\n", "core 0:0\n", "fsize 4096:unlimited\n"} {
			if !strings.Contains(limits, want) {
				t.Errorf("no %q in %q", want, limits)
			}
		}
		for l := range strings.Lines(limits) {
			if name, _, _ := strings.Cut(l, " "); name != "memory" && name != "pids" && name != "cpu" {
				do(t, root, pid, "limit "+l)
			}
		}
		for bad, says := range map[string]string{
			"stopp": "not one of close, closefiles, event, hang, kill, limit, nice, nohang, noswap, pri, private, start, startstop, stop, trace, waitstop, wired",
			"nice":  "usage: nice n", "nice 20": "nice value 20 is not from -20 to 19", "nice x": "nice value x",
			"pri 20": "priority 20", "pri 1 2": "usage: pri n", "stop now": "usage: stop",
			"wired": "usage: wired cpus", "wired 1,x": "processor x", "wired 1-": "processor ''", "wired 3-2": "processor 2", "wired 1023": "1023",
			"wired 5000": "processor 5000", "limit": "usage: limit name value", "limit nofil 1": "unknown limit nofil: not one of as, core, cpu, cputime",
			"limit nofile x": "bad value x", "limit nofile 3:2": "soft limit 3 is above 2", "limit nofile 99999999T": "bad value 99999999T",
			"limit cpu .5": "bad value .5: not a percentage of one processor, as 50%, or unlimited", "limit core max": "or unlimited", "limit memory much": "bad value much",
		} {
			err := write(t, root, pid, "ctl", bad)
			if err == nil {
				t.Errorf("%s: no error", bad)
			} else if !root.Conn().DotL() && !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, want %s", bad, err, says)
			}
		}
	})
}

// TestGroup sets limits in a made tree of control groups: what a kernel reads is there.
func TestGroup(t *testing.T) {
	cmd := start(t, exec.Command("sleep", "1000"))
	r := newTree(t)
	p, err := r.kept.find(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	r.groups = t.TempDir()
	f := &file{r: r, p: p}
	old, err := f.group()
	if err != nil {
		t.Skip("no control groups here: ", err)
	}
	up := filepath.Dir(old)
	if old == r.groups {
		up = old
	}
	own := filepath.Join(up, fmt.Sprintf("nine.%d.%x", f.p.pid, p.id))
	if err := os.MkdirAll(own, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := f.limit(t.Context(), []string{"memory", "64M"}); err == nil || !strings.Contains(err.Error(), "no controller memory") {
		t.Errorf("without a controller: %v", err)
	}
	if err := os.MkdirAll(own, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cpu.max", "memory.max", "pids.max", "cgroup.procs"} {
		if err := os.WriteFile(filepath.Join(own, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, value, file, want string }{
		{"memory", "64M", "memory.max", "67108864"}, {"cpu", "50%", "cpu.max", "50000 100000"}, {"pids", "unlimited", "pids.max", "max"},
	} {
		if err := f.limit(t.Context(), []string{c.name, c.value}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if b, err := os.ReadFile(filepath.Join(own, c.file)); err != nil || string(b) != c.want {
			t.Errorf("%s: %q, %v", c.file, b, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(own, "cgroup.procs")); err != nil || string(b) != strconv.Itoa(f.p.pid) {
		t.Errorf("cgroup.procs: %q, %v", b, err)
	}
}
