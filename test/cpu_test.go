package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

// TestCpuLeavesNothing runs a hundred commands through one cpud, one after the
// other, and finds the machine as it was: no process, no mount, no socket, no
// descriptor or goroutine of cpud.
func TestCpuLeavesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: whether a user may make name spaces is the machine's to say")
	}
	dir := tempDir(t)
	nine := filepath.Join(tempDir(t), "nine") // of its own, to tell its processes from others'
	if out, err := exec.Command("cp", binary(t), nine).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	env := append(os.Environ(), "NAMESPACE="+dir, "cpuidle=0")

	var stderr bytes.Buffer
	cpud := exec.CommandContext(ctx, nine, "cpud")
	cpud.Env, cpud.Stderr = env, &stderr
	if err := cpud.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, ctx, func() bool { _, err := os.Stat(filepath.Join(dir, "cpu")); return err == nil })
	run := func(n int) {
		t.Helper()
		for range n {
			cmd := exec.CommandContext(ctx, nine, "cpu", "sh", "-c", "cat; echo err >&2; exit 5")
			cmd.Env, cmd.Stdin = env, strings.NewReader("in")
			out, err := cmd.Output()
			x, ok := err.(*exec.ExitError)
			if !ok || x.ExitCode() != 5 || string(x.Stderr) != "err\n" || string(out) != "in" {
				t.Fatalf("%v: %q, and on standard error %q", err, out, errText(err))
			}
		}
	}
	run(5)
	quiet := func() bool { return len(processes(nine)) == 1 } // cpud alone
	waitFor(t, ctx, quiet)
	before := state(t, cpud.Process.Pid, dir)
	run(100)
	env = append(env, "cpuidle=100ms") // and by a connection that is kept
	run(100)
	waitFor(t, ctx, quiet)
	var after string
	defer func() {
		if t.Failed() {
			t.Logf("before:\n%s\nafter:\n%s", before, after)
		}
	}()
	// No more of anything: before may have what was just about to go.
	waitFor(t, ctx, func() bool {
		after = state(t, cpud.Process.Pid, dir)
		return strings.Count(after, "\n") <= strings.Count(before, "\n")
	})

	cpud.Process.Signal(syscall.SIGABRT) // at which Go says what its goroutines are at
	cpud.Wait()
	if n := strings.Count(stderr.String(), "\ngoroutine "); n == 0 || n > 20 {
		t.Errorf("%d goroutines after a hundred sessions:\n%s", n, &stderr)
	}
}

func errText(err error) string {
	if x, ok := err.(*exec.ExitError); ok {
		return string(x.Stderr)
	}
	return ""
}

// state tells what there is of a process's descriptors, of mounts and of files in
// the name space directory.
func state(t *testing.T, pid int, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, m := range mounts() {
		// Other packages' tests mount below the directory for temporary files.
		if within(m.dir, dir) || strings.HasPrefix(m.fstype, "fuse.nine") && !within(m.dir, os.TempDir()) {
			b.WriteString(m.dir + "\n")
		}
	}
	for _, d := range []string{dir, filepath.Join("/proc", strconv.Itoa(pid), "fd")} {
		ents, err := os.ReadDir(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range ents {
			to, _ := os.Readlink(filepath.Join(d, e.Name())) // of a descriptor
			if kind, _, ok := strings.Cut(to, ":["); ok {
				to = kind
			}
			b.WriteString(e.Name() + " " + to + "\n")
		}
	}
	return b.String()
}

// piped starts a command whose input and output are the test's.
func piped(t *testing.T, cmd *exec.Cmd) (in io.WriteCloser, out io.ReadCloser) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if out, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return in, out
}

// waitFor waits until something holds.
func waitFor(t *testing.T, ctx context.Context, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(srvtest.Patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("does not come to hold")
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
	}
}
