package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

// TestCpuLeaveOutput: of the output of a command that was left, a cpu that is killed takes with it
// no more than what one read brings.
func TestCpuLeaveOutput(t *testing.T) {
	const size, most = 6 << 20, 64 << 10
	n := newNode(t)
	n.cpud()
	n.env = append(n.env, "cpuidle=50ms")
	out, err := n.command("cpu", "-f", "sh", "-c", fmt.Sprintf("head -c %d /dev/zero; read a", size)).Output()
	number := strings.TrimSpace(string(out))
	if err != nil || number == "" {
		t.Fatalf("%q, %v", out, err)
	}
	first := n.command("cpu", "-a", number)
	_, said := piped(t, first)
	got, err := io.CopyN(io.Discard, said, size/2)
	if err != nil {
		t.Error(err)
	}
	time.Sleep(200 * time.Millisecond) // for it to have read ahead all that it does
	first.Process.Kill()
	rest, _ := io.Copy(io.Discard, said)
	first.Wait()
	second := n.command("cpu", "-a", number)
	second.Stdin = strings.NewReader("end\n")
	last, err := second.Output()
	if lost := size - got - rest - int64(len(last)); err != nil || lost < 0 || lost > most {
		t.Errorf("%d bytes are lost, of %d; %v", lost, size, err)
	}
}
