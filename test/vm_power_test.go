package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/srv/diskfs"
	"ninespace/srv/srvtest"
	"ninespace/test/guest"
)

// TestPowerLoss takes a node's power away while it writes: to the layer above the root that a server has, which
// is in memory and gone then, and to a file of the caller's. The node boots again, under its name and by its
// key; the server's tree is as it was, though nothing but the node keeps it so, and the caller's file has all that
// was synced, and nothing that was not written.
func TestPowerLoss(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: the node's programs are files of root's")
	}
	program(t, "qemu-system-x86_64", "qemu-system-x86")
	kernel := debianKernel(t)
	srvtest.CheckGoroutines(t)
	dir := tempDir(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	nine := filepath.Join(dir, "nine")
	if err := guest.Build(ctx, "ninespace", nine); err != nil {
		t.Fatal(err)
	}
	base, home := filepath.Join(dir, "base"), filepath.Join(dir, "home")
	for _, d := range []string{base + "/etc", home} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range staticPrograms(t, "sh", "sync", "cat") {
		from, to, _ := strings.Cut(f, ":")
		if err := os.MkdirAll(filepath.Dir(base+to), 0o755); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("cp", from, base+to).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if err := os.WriteFile(base+"/etc/kept", []byte("kept\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := sums(t, base)
	cmd := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, nine, args...)
		cmd.Dir = home
		cmd.Env = append(os.Environ(), "HOME="+home, "NAMESPACE="+dir, "cpuidle=0")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		return cmd
	}
	start := func(c *exec.Cmd) {
		t.Helper()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Process.Signal(syscall.SIGTERM); c.Wait() })
	}
	root, err := diskfs.New(base) // may be written: the node does not
	if err != nil {
		t.Fatal(err)
	}
	port := serveTCP(t, root)
	vm := cmd("vm", "-v", "-s", "cut", "-a", "tcg", "-m", "192", "-k", kernel.Image, "-M", kernel.Modules, fmt.Sprint("nine.root=tcp!10.0.2.2!", port))
	console := filepath.Join(dir, "console")
	said, err := os.Create(console)
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	vm.Stdout, vm.Stderr = said, said
	start(vm)
	defer func() {
		if text, _ := os.ReadFile(console); t.Failed() {
			t.Logf("the console:\n%s", text)
		}
	}()
	ready := func(times int) {
		t.Helper()
		for {
			text, _ := os.ReadFile(console)
			if strings.Count(string(text), "vm: cut: ready after") == times && strings.Count(string(text), "init: / is tcp!") == times {
				return
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				t.Fatalf("not ready %d times", times)
			}
		}
	}
	ready(1)

	writes := cmd("cpu", "-h", "cut", "sh", "-c", "i=0; while i=$((i+1)); do echo $i >>/etc/log; sync /etc/log; echo written >/etc/kept; echo $i >>log; sync log; echo $i; done")
	writes.Stderr = os.Stderr
	out, err := writes.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(writes)
	synced, cut := 0, false
	for lines := bufio.NewScanner(out); lines.Scan(); { // the caller's end sees that the node has gone
		if synced, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
		if synced >= 20 && !cut {
			cut = true
			pid := child(t, vm.Process.Pid)
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	ready(2)
	log, err := os.ReadFile(home + "/log")
	if err != nil {
		t.Fatal(err)
	}
	wrote := strings.Count(string(log), "\n")
	var want strings.Builder
	for i := range wrote {
		fmt.Fprintln(&want, i+1)
	}
	if !cut || string(log) != want.String() || wrote < synced {
		t.Errorf("cut %v; %d was synced, and the file has\n%s", cut, synced, log)
	}
	if got := sums(t, base); got != before {
		t.Errorf("the server's tree was\n%s\nand is\n%s", before, got)
	}
	text, err := cmd("cpu", "-h", "cut", "sh", "-c", "cat /proc/sys/kernel/hostname /etc/kept; cat /etc/log 2>&1; echo again >>log; cat log").CombinedOutput()
	if want := "cut\nkept\ncat: /etc/log: No such file or directory\n" + want.String() + "again\n"; string(text) != want || err != nil {
		t.Errorf("%v: %q, not %q", err, text, want)
	}
	t.Logf("%d lines were synced", synced)
}

// sums are those of a directory's files.
func sums(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", "find . | sort; find . -type f -exec cksum {} + | sort")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// child is the one process that a process has started.
func child(t *testing.T, pid int) int {
	t.Helper()
	var all []string
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		b, _ := os.ReadFile(task)
		all = append(all, strings.Fields(string(b))...)
	}
	if len(all) != 1 {
		t.Fatalf("processes of %d: %v", pid, all)
	}
	n, err := strconv.Atoi(all[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
