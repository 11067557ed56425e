package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"ninespace/srv/srvtest"
	"ninespace/test/guest"
)

// guests are what a test has that boots nodes: Debian's kernel, nine as it is in images, and an owner with
// a home, who runs it here.
type guests struct {
	*testing.T
	ctx    context.Context
	dir    string
	home   string // of the owner, in dir
	nine   string // statically linked
	kernel *guest.Kernel
}

// newGuests makes them for a test that ends within limit.
func newGuests(t *testing.T, limit time.Duration) *guests {
	t.Helper()
	srvtest.CheckGoroutines(t)
	g := &guests{T: t, dir: tempDir(t), kernel: debianKernel(t)}
	g.home, g.nine = filepath.Join(g.dir, "home"), filepath.Join(g.dir, "nine")
	var cancel func()
	g.ctx, cancel = context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	if err := os.Mkdir(g.home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := guest.Build(g.ctx, "ninespace", g.nine); err != nil {
		t.Fatal(err)
	}
	return g
}

// vmPrograms skips a test where up -vm cannot be.
func vmPrograms(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: whether a user may make name spaces is the machine's to say")
	}
	program(t, "qemu-system-x86_64", "qemu-system-x86")
}

// cmd is a command of nine, as the owner runs it.
func (g *guests) cmd(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(g.ctx, g.nine, args...)
	cmd.Dir = g.home
	cmd.Env = append(os.Environ(), "HOME="+g.home, "NAMESPACE="+g.dir, "SSH_AUTH_SOCK=", "cpuidle=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// ending is such a command that ends what it has started: it is told to end, not killed.
func (g *guests) ending(args ...string) *exec.Cmd {
	cmd := g.cmd(args...)
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd
}

// must runs a command, and gives what it says.
func (g *guests) must(cmd *exec.Cmd) string {
	g.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// until waits for something, for as long as the test may take.
func (g *guests) until(what string, holds func() bool) {
	g.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-g.ctx.Done():
			g.Fatalf("%s: %v", what, g.ctx.Err())
		}
	}
}
