package door

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv/srvtest"
)

// TestGuardRights: the listener has no capability and may get none, as root and in a user
// namespace that has nobody but root, of which the log tells.
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
	cmd := exec.Command(os.Args[0], "-test.run=^TestGuardRights$")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{Size: 1}},
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
