package newns_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ninespace/ns/nstest"
	"ninespace/srv"
)

// TestKillDrop has the engine killed while it has the kernel forget a file's pages, for which
// the kernel waits until a read of them is answered: nobody does that any more, and the engine
// can't end before the kernel has. The read fails, and no process is left.
func TestKillDrop(t *testing.T) {
	s := newSession(t, false, false)
	p := nstest.NewPit()
	stop := s.serve(t, "pit", srv.NewDir().Add("f", p))
	cmd := s.command(t, "mount #s/pit /n/pit", `exec 3</n/pit/f
		dd bs=4k count=1 status=none <&3 >/dev/null
		dd bs=4k skip=600 count=1 status=none <&3 >/dev/null 2>$D/err &
		read x
		timeout 5 stat -L /proc/self/fd/3 >/dev/null
		echo told
		wait $!`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	<-p.Asked
	p.Vers.Store(2)
	io.WriteString(in, "\n")
	line := make([]byte, 5)
	if _, err := io.ReadFull(r, line); err != nil {
		t.Fatal(err)
	}
	until(t, "a thread that waits for a page", func() bool { return len(dropping(t)) > 0 })
	for pid := range processes(t, "nsd") {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	io.Copy(io.Discard, r)
	cmd.Wait()
	stop()
	clean(t)
}

// dropping gives the threads of the engines here that wait for a page.
func dropping(t *testing.T) (threads []string) {
	for pid := range processes(t, "nsd") {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		for _, task := range tasks {
			if b, _ := os.ReadFile(task + "/wchan"); strings.Contains(string(b), "folio") {
				threads = append(threads, task)
			}
		}
	}
	return threads
}
