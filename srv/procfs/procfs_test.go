package procfs

import (
	"fmt"
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

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// start starts a command that is killed, with what it started, and reaped when the
// test ends.
func start(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil { // else the group may be another's
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			cmd.Wait()
		}
	})
	return cmd
}

func open(t *testing.T, root *client.Fid, mode p9.Mode, names ...string) (*client.Fid, error) {
	return srvtest.Open(t.Context(), root, strings.Join(names, "/"), mode)
}

func read(t *testing.T, root *client.Fid, pid int, name string) (string, error) {
	return srvtest.ReadFile(t.Context(), root, strconv.Itoa(pid)+"/"+name)
}

func write(t *testing.T, root *client.Fid, pid int, name, text string) error {
	return srvtest.WriteFile(t.Context(), root, strconv.Itoa(pid)+"/"+name, text)
}

func TestStatus(t *testing.T) {
	cmd := start(t, exec.Command("sleep", "1000"))
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		s, err := read(t, root, cmd.Process.Pid, "status")
		if err != nil {
			t.Fatal(err)
		}
		if len(s) != 176 {
			t.Fatalf("%d bytes: %q", len(s), s)
		}
		if name := strings.TrimSpace(s[:28]); name != "sleep" {
			t.Errorf("name %q", name)
		}
		st := p9.Stat{Nuid: uint32(os.Getuid())}
		srv.Owners(&st)
		if user := strings.TrimSpace(s[28:56]); user != st.Uid {
			t.Errorf("user %q, want %q", user, st.Uid)
		}
		if state := strings.TrimSpace(s[56:68]); state != "Wakeme" && state != "Running" {
			t.Errorf("state %q", state)
		}
		if !regexp.MustCompile(`^( *\d+ ){9}$`).MatchString(s[68:]) {
			t.Errorf("numbers %q", s[68:])
		}
		nice, err := unix.Getpriority(unix.PRIO_PROCESS, cmd.Process.Pid) // 20 less that
		if err != nil {
			t.Fatal(err)
		}
		pri := strconv.Itoa(priOf(20 - nice))                                                       // 10, unless the test runs under nice(1)
		if n := strings.Fields(s[68:]); n[7] != pri || n[8] != pri && n[8] != "19" || n[6] == "0" { // 19: under chrt(1)
			t.Errorf("numbers %q, priority %s", n, pri)
		}
	})
}

func TestParseStat(t *testing.T) {
	tail := " S 4 5 6 0 -1 0 0 0 0 0 100 200 300 400 30 10 1 0 12345 1000 25 0"
	for _, name := range []string{"sleep", "a b", "x) R 1 (y", "", "tab\there"} {
		s, err := parseStat([]byte("12 (" + name + ")" + tail))
		if err != nil || s.name != name || s.state != 'S' || s.ppid != 4 || s.utime.Seconds() != 1 || s.cstime.Seconds() != 4 ||
			s.nice != 10 || s.prio != 30 || s.start != 12345 {
			t.Errorf("%q: %+v, %v", name, s, err)
		}
	}
	for _, s := range []string{"", "12", "12 (x", "12 (x) S 1", ") ("} {
		if _, err := parseStat([]byte(s)); err == nil {
			t.Errorf("%q: no error", s)
		}
	}
	for nice := -20; nice <= 19; nice++ {
		if pri := priOf(nice); pri < 0 || pri > 19 || priOf(niceOf(pri)) != pri {
			t.Errorf("nice %d: priority %d, and back %d", nice, pri, niceOf(pri))
		}
	}
	if s := clip("aé", 2); s != "a" {
		t.Errorf("clip: %q", s)
	}
}

func TestArgs(t *testing.T) {
	want := []string{"sh", "-c", "sleep 1000; true", "it's", "", "a\nb", "ü"}
	cmd := start(t, exec.Command(want[0], want[1:]...))
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		for _, name := range []string{"cmdline", "args"} {
			s, err := read(t, root, cmd.Process.Pid, name)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := srv.Fields(s); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %q, %v", name, s, err)
			}
		}
		if s, err := read(t, root, cmd.Process.Pid, "ppid"); err != nil || s != fmt.Sprintf("%11d ", os.Getpid()) {
			t.Errorf("ppid %q, %v", s, err)
		}
		linux, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		st, err := read(t, root, cmd.Process.Pid, "stat")
		if err != nil {
			t.Fatal(err)
		}
		got, want := strings.Fields(st)[:6], strings.Fields(string(linux))[:6]
		got[2], want[2] = "", "" // it may just have begun to sleep
		if !slices.Equal(got, want) {
			t.Errorf("stat %q; Linux %q", st, linux)
		}
	})
}

func TestFd(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "with blank")
	if err := os.WriteFile(file, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `exec 5<>"$0" 6<. 7>/dev/null; head -c 4 <&5 >/dev/null; echo; exec sleep 1000`, file)
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd)
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		s, err := read(t, root, cmd.Process.Pid, "fd")
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(s, "\n")
		if lines[0] != dir {
			t.Errorf("directory %q", lines[0])
		}
		for _, want := range []string{
			`(?m)^  5 rw M +\d+ \([0-9a-f]{16} 0 00\)     0        4 ` + regexp.QuoteMeta(file) + `$`,
			`(?m)^  6 r  M +\d+ \([0-9a-f]{16} 0 80\)     0        0 ` + regexp.QuoteMeta(dir) + `$`,
			`(?m)^  7 w  c +\d+ \([0-9a-f]{16} 0 00\)     0        0 /dev/null$`,
			`(?m)^  1 w  \| +\d+ \([0-9a-f]{16} 0 00\)     0        0 pipe:\[\d+\]$`,
		} {
			if !regexp.MustCompile(want).MatchString(s) {
				t.Errorf("no line matches %s in\n%s", want, s)
			}
		}
	})
}

func TestNs(t *testing.T) {
	cmd := start(t, exec.Command("sleep", "1000"))
	srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
		if s, err := read(t, root, cmd.Process.Pid, "ns"); err == nil {
			t.Errorf("a name space: %q", s)
		}
	})
	if os.Getuid() != 0 {
		t.Skip("chroot needs root")
	}
	for _, c := range []struct{ name, link, want string }{
		{"text", "", "bind /a /b\ncd /\n"}, // the last line is where it is
		{"link out", "/etc/passwd", ""},    // seen from the new root there is none
		{"link up", "../../../../../../etc/passwd", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(nsFile)), 0o755); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, nsFile)
			if c.link != "" {
				if err := os.Symlink(c.link, file); err != nil {
					t.Fatal(err)
				}
			} else if err := os.WriteFile(file, []byte("bind /a /b\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := inRoot(t, dir)
			srvtest.Each(t, tree(t), func(t *testing.T, root *client.Fid) {
				s, err := read(t, root, cmd.Process.Pid, "ns")
				if s != c.want || (err == nil) != (c.want != "") {
					t.Errorf("%q, %v", s, err)
				}
			})
		})
	}
}

// inRoot starts this test binary again with another root, where it only waits.
func inRoot(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "test"), exe, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ldd", name).Output(); err == nil && !strings.Contains(string(out), "not a dynamic") {
		for _, lib := range regexp.MustCompile(`/\S+`).FindAllString(string(out), -1) {
			if b, err := os.ReadFile(lib); err == nil {
				os.MkdirAll(filepath.Join(dir, filepath.Dir(lib)), 0o755)
				os.WriteFile(filepath.Join(dir, lib), b, 0o755)
			}
		}
	}
	cmd := exec.Command("/test")
	cmd.Env = []string{waitEnv + "=1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir}
	return start(t, cmd)
}

// With waitEnv this test binary waits. If that is secret, it is no longer its user's to look
// at once it has read something.
const (
	waitEnv = "PROCFS_TEST_WAIT"
	secret  = "secret"
)

func TestMain(m *testing.M) {
	if os.Getenv(waitEnv) == secret {
		unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
		os.Stdout.WriteString("open\n")
		os.Stdin.Read(make([]byte, 1))
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
		os.Stdout.WriteString("secret\n")
	}
	for os.Getenv(waitEnv) != "" { // any signal ends a pause
		syscall.Pause()
	}
	srvtest.Heed()
	os.Exit(m.Run())
}
