package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ninespace/ns/nstest"
	"ninespace/srv"
	"ninespace/srv/srvtest"
)

// TestCpuKillDrop has a session killed while its engine has the kernel forget a file's pages,
// for which the kernel waits until a read of them is answered, as TestKillDrop in ns/cmd/newns
// has it of an engine on its own. Nothing is left of what ran.
func TestCpuKillDrop(t *testing.T) {
	t.Run("root", func(t *testing.T) {
		n := newNode(t)
		testKillDrop(t, n, n.cpud())
	})
	t.Run("user", func(t *testing.T) {
		f := newFleet(t)
		testKillDrop(t, f.node, f.serve())
	})
}

func testKillDrop(t *testing.T, n *node, cpud *exec.Cmd) {
	pit := nstest.NewPit()
	l := srvtest.NewLink(t, srv.New(srv.NewDir().Add("f", pit)), 0)
	const dd = "dd bs=4k count=1 status=none <&3 >/dev/null "
	cmd := n.command("cpu", "sh", "-c", "mount "+l.Addr+" /n/pit || exit; exec 3</n/pit/f; "+dd+"; "+
		dd+"skip=600 2>/dev/null & read x; timeout 5 stat -L /proc/self/fd/3 >/dev/null; echo told; wait")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-pit.Asked
	pit.Vers.Store(2)
	io.WriteString(in, "\n")
	if _, err := io.ReadFull(out, make([]byte, len("told\n"))); err != nil {
		t.Fatal(err)
	}
	session := 0
	waitFor(t, n.ctx, func() bool {
		for _, session = range processes(n.nine) {
			if sleeps(session, "folio") {
				return true
			}
		}
		return false
	})
	syscall.Kill(session, syscall.SIGKILL)
	cmd.Wait()
	n.gone(cpud.Process.Pid)
}

// sleeps tells whether a thread of a process sleeps in a function of the kernel whose name has
// a word.
func sleeps(pid int, word string) bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/wchan", pid))
	for _, task := range tasks {
		if b, _ := os.ReadFile(task); strings.Contains(string(b), word) {
			return true
		}
	}
	return false
}
