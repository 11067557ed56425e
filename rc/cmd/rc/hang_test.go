package rc

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv/srvtest"
)

// newHanging is newWindow for an rc in whose directory hang is a server that never answers.
func newHanging(t *testing.T) *window {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount it")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip(err)
	}
	rc := shell(t)
	name := filepath.Join(filepath.Dir(rc), "hanging")
	if err := os.Symlink("rc", name); err != nil {
		t.Fatal(err)
	}
	// Its name of the working directory, which another shell gave it, is one there too.
	return newWindow(t, name, "/usr/bin/env", "-S", "PWD=${HOME}/hang", rc)
}

// hanging runs its argument, an rc, in a mount namespace where the file system
// hang never answers.
func hanging() {
	runtime.LockOSThread()
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "hanging:", err)
			os.Exit(2)
		}
	}
	dir := filepath.Join(os.Getenv("HOME"), "hang")
	fail(os.Mkdir(dir, 0o700))
	fail(unix.Unshare(unix.CLONE_NEWNS))
	fail(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	fuse, err := unix.Open("/dev/fuse", unix.O_RDWR, 0)
	fail(err)
	fail(unix.Mount("hang", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fuse)))
	fail(syscall.Exec(os.Args[1], os.Args[1:], os.Environ()))
}

// TestCompleteHangs: a server that does not answer does not hold up a person.
func TestCompleteHangs(t *testing.T) {
	t.Parallel()
	w := newHanging(t)
	w.line("path=($path $home/hang $home/hang/bin)", "")
	for _, typed := range []string{"cat hang/", "hang/", "cat han", "cat hang/a/b", "cat <hang/x", "cd hang/a", "nosuchcommand"} {
		w.keys("C-u", "C-l", typed, "Tab")
		w.keys("#") // behind what the tab did
		if !srvtest.Until(func() bool {
			_, last, _ := strings.Cut(w.shown(), "% ")
			return strings.Contains(last, "#")
		}) {
			t.Fatal("no answer")
		}
	}
	w.keys("C-u", "C-l", "whati", "Tab")
	w.until("% whatis")
	w.keys("C-u", "C-l", "exit 3", "Enter")
	w.until("ended 3")
}

// TestInterruptHangs ends commands whose files are of a server that never answers.
func TestInterruptHangs(t *testing.T) {
	t.Parallel()
	w := newHanging(t)
	for _, command := range []string{
		"cd hang/a", "echo hang/*", "cat <hang/b", "hang/c", ". hang/d", "whatis ./hang/e", "cat <hang/b/c",
		"path=(hang /bin) ls", "cdpath=(hang .) cd g", "rm hang/*; echo nev''er", "@{cd hang/h}", "echo a | @{cd hang/i}", "{cd hang/j} | cat", "fn prompt {fn prompt; cd hang/k}",
	} {
		w.line("echo ready", "ready")
		w.keys("-l", "echo be''gun; "+command)
		w.keys("Enter")
		begun := false // which interrupts may scroll away
		if !srvtest.Until(func() bool {
			screen := strings.TrimSpace(w.shown())
			if begun = begun || strings.Contains(screen, "\nbegun"); !begun || strings.HasSuffix(screen, "%") {
				return begun
			}
			w.keys("C-c")
			return false
		}) {
			t.Fatalf("%s: no prompt", command)
		}
		if strings.Contains(w.shown(), "never\n") {
			t.Errorf("%s went on", command)
		}
	}
	w.line("echo back", "back")
}

// TestHangup: a terminal that goes takes its shell along, whatever that waits for. The kernel's
// hangup is for the session's leader, which this shell is not, and the job in the foreground.
func TestHangup(t *testing.T) {
	t.Parallel()
	for i, command := range []string{
		"", "cat", "x=`{cat}", "@{sleep 1000}", "cd hang/a", "fn sighup {}; cd hang/b", "{cd hang/c} | cat",
		"{while(true) cd hang/d} | cat", "x=`{cat <hang/e}", "for(i in `{seq 1000}) {cd hang/f; sleep 1000}",
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			w := newHanging(t)
			w.line("cd; echo $pid >pid", "")
			pid, err := os.ReadFile(filepath.Join(w.dir, "pid"))
			if err != nil {
				t.Fatal(err)
			}
			server, err := strconv.Atoi(strings.TrimSpace(w.run("display-message", "-p", "#{pid}")))
			if err != nil {
				t.Fatal(err)
			}
			if command != "" {
				w.keys("-l", "echo be''gun; "+command)
				w.keys("Enter")
				if !srvtest.Until(func() bool { return strings.Contains(w.shown(), "\nbegun") }) {
					t.Fatalf("%q does not begin", command)
				}
			}
			if err := syscall.Kill(server, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			name := "/proc/" + strings.TrimSpace(string(pid)) + "/stat"
			if !srvtest.Until(func() bool {
				stat, err := os.ReadFile(name)
				return err != nil || strings.Contains(string(stat), ") Z ")
			}) {
				t.Errorf("%q: it is still there", command)
			}
		})
	}
}
