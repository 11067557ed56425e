package door

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/factotum/capfs"
	"ninespace/factotum/sshkey"
	"ninespace/srv/srvtest"
)

// TestGuardHungUp: who hangs up before he has used his capability has none any more, so that
// nobody makes others lose theirs by having many.
func TestGuardHungUp(t *testing.T) {
	g := &Guard{caps: capfs.NewBroker(capfs.Config{})}
	conv := &talk{g: g}
	r := &sshkey.Reader{B: conv.grant(Want{}, Peer{User: "glenda"})}
	var capability string
	for range 4 { // the last field
		capability = r.String()
	}
	if r.End() != nil || capability == "" {
		t.Fatal(r.Err)
	}
	conv.close()
	if to, err := g.caps.Use(none, capability); err == nil {
		t.Errorf("%s it is good for", to)
	}
}

// TestGuardRights: the listener has no capability and may get none, as root and in a user
// namespace that has nobody but root, of which the log tells; nor has it those that are passed on.
func TestGuardRights(t *testing.T) {
	const inside = "NINE_TEST_ROOT_ONLY"
	g := newGuarded(t, "none")
	var status string
	if !srvtest.Until(func() bool {
		files, _ := filepath.Glob("/proc/[0-9]*/status")
		for _, name := range files {
			b, _ := os.ReadFile(name)
			status = string(b)
			if strings.Contains(status, fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) && strings.Contains(status, "\nSeccomp:\t2\n") {
				return true
			}
		}
		return false
	}) {
		t.Fatal("no listener")
	}
	for _, name := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
		if !strings.Contains(status, "\n"+name+":\t0000000000000000\n") {
			t.Errorf("%s: %s", name, status)
		}
	}
	if os.Getenv(inside) != "" {
		if !strings.Contains(g.logged(), "nobody but root") {
			t.Errorf("the log has no word of it: %s", g.logged())
		}
		return
	}
	for _, ambient := range [][]uintptr{nil, {unix.CAP_DAC_OVERRIDE, unix.CAP_SETUID, unix.CAP_SYS_PTRACE, unix.CAP_SYS_ADMIN}} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestGuardRights$")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			AmbientCaps: ambient,
			UidMappings: []syscall.SysProcIDMap{{Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{Size: 1}},
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("ambient %v: %v: %s", ambient, err, out)
		}
	}
}

// TestGuardKept: root of a user namespace that has nobody else, and which may not give up its
// capabilities, has no listener: that would have them.
func TestGuardKept(t *testing.T) {
	const inside = "NINE_TEST_KEPT"
	switch os.Getenv(inside) {
	case "":
		if os.Geteuid() != 0 {
			t.Skip("needs root, to be somebody else")
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestGuardKept$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=drop")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{Size: 1}},
		}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Errorf("%v: %s", err, out)
		}
		return
	case "drop": // and exec makes all of the process so
		runtime.LockOSThread()
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SETPCAP, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
		os.Setenv(inside, "go")
		t.Fatal(syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
	}
	l, err := Listen("tcp!127.0.0.1!0", newPlace(t, Options{}).l.o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), srvtest.Patience)
	defer cancel()
	g := Guard{Args: []string{"door.test", "none"}, Log: func(addr string, err error) { t.Log(addr, err) }}
	if err := g.Serve(ctx, []*Listener{l}); err == nil || !strings.Contains(err.Error(), "CAP_SETPCAP") {
		t.Errorf("it is served: %v", err)
	}
}
