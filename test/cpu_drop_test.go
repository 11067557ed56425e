package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ninespace/ns/nstest"
	"ninespace/srv"
)

// TestCpuKillDrop has a session killed while its engine has the kernel forget a file's pages,
// for which the kernel waits until a read of them is answered, as TestKillDrop in ns/cmd/newns
// has it of an engine on its own. Nothing is left of what ran. A session of another user's has a
// process that waits for it, which may be what is killed.
func TestCpuKillDrop(t *testing.T) {
	t.Run("root", func(t *testing.T) {
		n := newNode(t)
		testKillDrop(t, n, n.cpud(), false)
	})
	for _, name := range []string{"user", "parent"} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t)
			f.authorize("")
			testKillDrop(t, f.node, f.serve(), name == "parent", "-u", "glenda")
		})
	}
}

func testKillDrop(t *testing.T, n *node, cpud *exec.Cmd, parent bool, args ...string) {
	pit := nstest.NewPit()
	l, err := net.Listen("tcp", "127.0.0.1:0") // for any user
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(n.ctx)
	served := make(chan error)
	go func() { served <- srv.New(srv.NewDir().Add("f", pit)).Serve(ctx, l) }()
	defer func() {
		cancel()
		<-served
	}()
	const dd = "dd bs=4k count=1 status=none <&3 >/dev/null "
	cmd := n.command(append(append([]string{"cpu"}, args...), "sh", "-c", "mount 'tcp!"+strings.Replace(l.Addr().String(), ":", "!", 1)+"' /n/pit || exit; exec 3</n/pit/f; "+dd+"; "+
		dd+"skip=600 2>/dev/null & read x; timeout 5 stat -L /proc/self/fd/3 >/dev/null; echo told; wait")...)
	cmd.Stderr = os.Stderr
	in, out := piped(t, cmd)
	waitFor(t, n.ctx, func() bool {
		select {
		case <-pit.Asked:
			return true
		default:
			return false
		}
	})
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
	if parent {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", session))
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(fields) < 2 {
			t.Fatalf("%s", b)
		}
		if session, err = strconv.Atoi(fields[1]); err != nil || session == cpud.Process.Pid {
			t.Fatal(session, err)
		}
	}
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
