package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCpuLeave leaves a command running and goes on with it, twice: what was between is
// nothing to it, its files stay, and its status is kept until it is heard of.
func TestCpuLeave(t *testing.T) {
	n := newNode(t)
	cpud := n.cpud()
	n.env = append(n.env, "cpuidle=50ms")
	out, err := n.command("cpu", "-f", "sh", "-c", "read a; echo got $a; read b; echo got $b >"+filepath.Join("/mnt/term", n.dir, "out")+"; exit 9").Output()
	number := strings.TrimSpace(string(out))
	if err != nil || number == "" {
		t.Fatalf("%q, %v", out, err)
	}
	first := n.command("cpu", "-a", number)
	in, said := piped(t, first)
	io.WriteString(in, "one\n")
	b := make([]byte, len("got one\n"))
	if _, err := io.ReadFull(said, b); err != nil || string(b) != "got one\n" {
		t.Errorf("%q, %v", b, err)
	}
	first.Process.Kill() // its window is closed, say
	first.Wait()
	second := n.command("cpu", "-a", number)
	second.Stdin = strings.NewReader("two\n")
	if out, err := second.CombinedOutput(); second.ProcessState.ExitCode() != 9 {
		t.Errorf("%q, %v", out, err)
	}
	if b, err := os.ReadFile(filepath.Join(n.dir, "out")); string(b) != "got two\n" {
		t.Errorf("%q, %v", b, err)
	}
	n.gone(cpud.Process.Pid) // all that was kept for it
	if out, err := n.command("cpu", "-a", number).CombinedOutput(); err == nil || !strings.Contains(string(out), "no such command was left there") {
		t.Errorf("%q, %v", out, err)
	}
}
