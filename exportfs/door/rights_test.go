package door

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
