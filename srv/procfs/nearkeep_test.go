package procfs

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// TestNearKept has the trees of this process's keep no more descriptors together than one, none
// of processes that have ended for long, and none at all once they are let go of.
func TestNearKept(t *testing.T) {
	if !pidfs() {
		t.Skip("this kernel's pidfds do not tell processes apart: nothing is kept")
	}
	served := New()
	defer served.Close()
	st, err := served.Stat(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ends []func()
	near := func() srv.File {
		tree, end := Near(os.Getpid(), st.Qid.Path)
		if tree == nil {
			t.Fatal("the same tree is not known")
		}
		ends = append(ends, end)
		return tree
	}
	var pids []int
	for range 20 {
		pids = append(pids, start(t, exec.Command("sleep", "1000")).Process.Pid)
	}
	none := descriptors(t) // start keeps one of each too
	first := near()
	look(t, first, pids)
	one := descriptors(t)
	if one < none+len(pids) {
		t.Errorf("%d descriptors were %d before: nothing is kept", one, none)
	}
	for range 3 {
		look(t, near(), pids)
	}
	if n := descriptors(t); n != one {
		t.Errorf("four trees keep %d descriptors, and one %d", n-none, one-none)
	}
	for range 6 { // many come and go
		var cmds []*exec.Cmd
		pids = pids[:0]
		for range 20 {
			c := start(t, exec.Command("sleep", "1000"))
			cmds, pids = append(cmds, c), append(pids, c.Process.Pid)
		}
		look(t, first, pids)
		for _, c := range cmds {
			c.Process.Kill()
			c.Wait()
		}
	}
	if n := descriptors(t); n-none > 4*(one-none) {
		t.Errorf("%d descriptors are kept of 20 processes, and of what has ended", n-none)
	}
	for _, end := range ends {
		end()
	}
	if n := descriptors(t); n != none {
		t.Errorf("%d descriptors are left", n-none)
	}
}

// look asks for the status of some processes.
func look(t *testing.T, tree srv.File, pids []int) {
	t.Helper()
	for _, pid := range pids {
		f, err := srv.Walk(t.Context(), tree, strconv.Itoa(pid))
		if err == nil {
			f, err = srv.Walk(t.Context(), f, "status")
		}
		if err == nil {
			var h srv.Handle
			if h, err = srv.Open(t.Context(), f, p9.OREAD); err == nil {
				_, err = h.(srv.Reader).Read(t.Context(), make([]byte, 200), 0)
				srv.Clunk(h)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// descriptors counts this process's.
func descriptors(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}
