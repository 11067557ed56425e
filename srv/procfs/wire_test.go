package procfs

import (
	"os"
	"testing"

	"ninespace/srv"
	"ninespace/srv/srvtest"
)

// TestTree holds one process's directory to the rules, as others come and go.
func TestTree(t *testing.T) {
	srvtest.Test(t, func() srv.File {
		st, err := statOf(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		return &dir{proc{os.Getpid(), st.start, bootTime()}}
	}, "wait", "ns")
}

func TestTranscript(t *testing.T) {
	srvtest.Transcript(t, srv.New(New()), "testdata/gone.9p")
}
