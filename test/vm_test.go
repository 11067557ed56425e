package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/test/guest"
)

// TestUpVM has up start two nodes in qemu, which cpu reaches and whose roots are in the name
// space. With NINE_LONG it is three, of which one is killed: the others go on, and it comes
// back under its name.
func TestUpVM(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: whether a user may make name spaces is the machine's to say")
	}
	program(t, "qemu-system-x86_64", "qemu-system-x86")
	kernel := debianKernel(t)
	dir := tempDir(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	nine := filepath.Join(dir, "nine")
	if err := guest.Build(ctx, "ninespace", nine); err != nil {
		t.Fatal(err)
	}
	script, n, want := `each() { for vm; do cpu -h $vm rc -c 'nine 9p read dev/sysname; echo'; cat /n/$vm/proc/sys/kernel/hostname; done; }
each vm1 vm2
`, "2", "vm1\nvm1\nvm2\nvm2\n"
	if os.Getenv("NINE_LONG") != "" {
		script += `
for p in /proc/[0-9]*; do case $(tr '\0' ' ' <$p/cmdline) in qemu*nine.name=vm2*) kill -9 ${p#/proc/};; esac; done
each vm1 vm3
until cpu -h vm2 rc -c 'nine 9p read dev/sysname; echo'; do sleep .2; done 2>/dev/null
`
		n, want = "3", want+"vm1\nvm1\nvm3\nvm3\nvm2\n"
	}
	cmd := exec.CommandContext(ctx, nine, "up", "-vm", n, "-c", script)
	cmd.Env = append(os.Environ(), "SHELL=/bin/sh", "HOME="+dir, "cpuidle=0", "NINE_VM=-a tcg -m 160 -k "+kernel.Image+" -M "+kernel.Modules)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	var stderr strings.Builder
	cmd.Stderr = &stderr
	begun := time.Now()
	out, err := cmd.Output()
	if string(out) != want || err != nil {
		t.Errorf("%v: %q\n%s", err, out, &stderr)
	}
	t.Logf("%s nodes: %.1f s", n, time.Since(begun).Seconds())
	if left := processes(nine); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
