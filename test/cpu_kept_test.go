package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestCpuKept: commands one after the other and at once go by one connection, which ends
// when it has been idle, when its far side ends, and when it is told to.
func TestCpuKept(t *testing.T) {
	n := newNode(t)
	cpud := n.cpud()
	env := n.env
	idle := func(d string) { n.env = append(env[:len(env):len(env)], "cpuidle="+d) }
	idle("1h")
	run := func(args ...string) string {
		t.Helper()
		out, err := n.command(append([]string{"cpu"}, args...)...).CombinedOutput() // to the end of who has them open
		if err != nil {
			t.Errorf("%v: %v: %s", args, err, out)
		}
		return string(out)
	}
	parent := run("sh", "-c", "echo $PPID") // the session
	for range 5 {
		if got := run("sh", "-c", "echo $PPID"); got != parent {
			t.Errorf("session %q and then %q", parent, got)
		}
	}
	wd, _ := os.Getwd()
	said := regexp.MustCompile(`^cpu: / is /mnt/term there; the command begins in /mnt/term` + regexp.QuoteMeta(wd) + `
cpu: by the connection that there is
cpu: your files took (\d+) round trips at most
$`)
	file := filepath.Join(n.dir, "far")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-v", "true"}, {"-v", "cat", "/mnt/term" + file}} {
		got := run(args...)
		m := said.FindStringSubmatch(got)
		if m == nil {
			t.Errorf("%q", got)
		} else if k, _ := strconv.Atoi(m[1]); args[1] == "cat" && (k < 1 || k > 60) {
			t.Errorf("a file read in %d round trips", k)
		}
	}
	idle("0")
	if got := run("-v", "true"); !regexp.MustCompile(`\ncpu: your files took [1-9]\d? round trips at most\n$`).MatchString(got) {
		t.Errorf("by a connection of its own: %q", got)
	}
	idle("1h")
	// The two outputs, the input and the status are each command's own.
	var cmds []*exec.Cmd
	var outs []*bytes.Buffer
	for i := range 8 {
		cmd := n.command("cpu", "sh", "-c", "cat; exit "+string(rune('0'+i)))
		out := new(bytes.Buffer)
		cmd.Stdin, cmd.Stdout = strings.NewReader(strings.Repeat(string(rune('a'+i)), 100000)), out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds, outs = append(cmds, cmd), append(outs, out)
	}
	for i, cmd := range cmds {
		cmd.Wait()
		if cmd.ProcessState.ExitCode() != i || outs[i].String() != strings.Repeat(string(rune('a'+i)), 100000) {
			t.Errorf("%d: %v, %d bytes", i, cmd.ProcessState, outs[i].Len())
		}
	}
	// What is exported makes another connection.
	if got := run("-r", n.dir, "-d", "/", "sh", "-c", "echo $PPID"); got == parent {
		t.Error("the same session with another tree")
	}
	// A command ends with its cpu, and nobody else's.
	long := n.command("cpu", "sh", "-c", "echo $$; sleep 1000")
	stdout, err := long.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := long.Start(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	k, err := stdout.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	long.Process.Kill()
	long.Wait()
	pid := strings.TrimSpace(string(b[:k]))
	waitFor(t, n.ctx, func() bool { _, err := os.Stat("/proc/" + pid); return err != nil })
	if got := run("sh", "-c", "echo $PPID"); got != parent {
		t.Errorf("session %q and then %q", parent, got)
	}
	// The one who keeps it is killed: the next command makes another.
	syscall.Kill(n.find("nine cpu -M -h local -u  -J  -k  -r /"), syscall.SIGKILL)
	waitFor(t, n.ctx, func() bool {
		got := run("sh", "-c", "echo $PPID")
		return got != parent
	})
	cpud.Process.Signal(syscall.SIGTERM)
	cpud.Wait()
	n.gone(0)
	if left, _ := filepath.Glob(filepath.Join(n.dir, "cpu.*")); len(left) > 1 { // but for that of the killed one
		t.Errorf("left: %q", left)
	}
	cpud = n.cpud()
	idle("50ms")
	run("true")
	n.gone(cpud.Process.Pid)
}
