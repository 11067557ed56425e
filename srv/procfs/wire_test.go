package procfs

import (
	"os"
	"strconv"
	"testing"

	"ninespace/srv"
	"ninespace/srv/srvtest"
)

// TestTree holds one process's directory to the rules, as others come and go.
func TestTree(t *testing.T) {
	srvtest.Test(t, func() srv.File {
		id, err := identify(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		return &dir{newRoot(), proc{os.Getpid(), id}}
	}, "wait", "ns", "mem")
}

// TestDrawing compares the directory of one process, as others come and go.
func TestDrawing(t *testing.T) {
	r := newRoot()
	pid := strconv.Itoa(os.Getpid())
	f, err := r.Walk(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	srvtest.Drawing(t, "procfs.go", srv.NewDir().Add(pid, f).Add("trace", &r.events))
}

func TestTranscript(t *testing.T) {
	srvtest.Transcript(t, srv.New(New()), "testdata/gone.9p")
}
