package procfs

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"ninespace/srv"
)

// TestNear has a tree be the same as a server's by the root's qid path and the process that
// serves it, not as what another process serves, whatever qid path that has.
func TestNear(t *testing.T) {
	served := New()
	defer served.Close()
	path := func(f srv.File, err error) uint64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		st, err := f.Stat(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st.Qid.Path
	}
	root := path(served, nil)
	relay := start(t, exec.Command("sleep", "1000")).Process.Pid
	for _, c := range []struct {
		pid  int
		root uint64
	}{{relay, root}, {os.Getpid(), root + 1}, {os.Getpid(), srv.NewPath()}, {1 << 30, root}} {
		if f, _ := Near(c.pid, c.root); f != nil {
			t.Errorf("%+v is taken for the same tree", c)
		}
	}
	near, end := Near(os.Getpid(), root)
	if near == nil {
		t.Fatal("the same tree is not known")
	}
	defer end()
	for _, names := range [][]string{{}, {strconv.Itoa(relay)}, {strconv.Itoa(relay), "status"}} {
		var a, b srv.File = served, near
		var aerr, berr error
		for _, name := range names {
			a, aerr = srv.Walk(t.Context(), a, name)
			b, berr = srv.Walk(t.Context(), b, name)
		}
		if path(a, aerr) != path(b, berr) {
			t.Errorf("%v is another file there", names)
		}
	}
}
