package srvtest

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// netnsEnv says that a test runs in a network of its own: the test's name.
const netnsEnv = "NINE_TEST_NETNS"

// Netns has a test go on in a process of its own, in a network of its own, which it may
// change as it likes, and reports whether this is it; in the other one, there is nothing left
// to do then. It may take limit. Only root can have such a network: others skip.
func Netns(t *testing.T, limit time.Duration) bool {
	t.Helper()
	if os.Getenv(netnsEnv) == t.Name() {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("not root: no network of its own")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The process ends with the thread that has started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(exe, "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout="+limit.String())
	cmd.Env = append(os.Environ(), netnsEnv+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP: "+t.Name()+" "):
		t.Skipf("%s", out)
	case testing.Verbose():
		t.Logf("%s", out)
	}
	return false
}
