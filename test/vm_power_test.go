package main

import (
	"bufio"
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
)

// TestPowerLoss takes a node's power away while it writes: to the layer above the root that a server has, which
// is in memory and gone then, and to a file of the caller's. The node boots again, under its name and by its
// key; the server's tree is as it was, though nothing but the node keeps it so, and the caller's file has all that
// was synced, and nothing that was not written.
func TestPowerLoss(t *testing.T) {
	vmPrograms(t)
	g := newGuests(t, 10*time.Minute)
	base := filepath.Join(g.dir, "base")
	if err := os.MkdirAll(base+"/etc", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range staticPrograms(t, "sh", "sync", "cat") {
		from, to, _ := strings.Cut(f, ":")
		if err := os.MkdirAll(filepath.Dir(base+to), 0o755); err != nil {
			t.Fatal(err)
		}
		g.must(exec.Command("cp", from, base+to))
	}
	if err := os.WriteFile(base+"/etc/kept", []byte("kept\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := sums(t, base)
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
	vm := g.ending("vm", "-v", "-s", "cut", "-a", "tcg", "-m", "192", "-k", g.kernel.Image, "-M", g.kernel.Modules, fmt.Sprint("nine.root=tcp!10.0.2.2!", port))
	console := filepath.Join(g.dir, "console")
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
		g.until(fmt.Sprintf("ready %d times", times), func() bool {
			text, _ := os.ReadFile(console)
			return strings.Count(string(text), "vm: cut: ready after") == times && strings.Count(string(text), "init: / is tcp!") == times
		})
	}
	ready(1)

	writes := g.ending("cpu", "-h", "cut", "sh", "-c", "i=0; while i=$((i+1)); do echo $i >>/etc/log; sync /etc/log; echo written >/etc/kept; echo $i >>log; sync log; echo $i; done")
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
	log, err := os.ReadFile(g.home + "/log")
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
	text, err := g.cmd("cpu", "-h", "cut", "sh", "-c", "cat /proc/sys/kernel/hostname /etc/kept; cat /etc/log 2>&1; echo again >>log; cat log").CombinedOutput()
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
