package execfs

import (
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestTranscripts(t *testing.T) {
	srvtest.Transcripts(t, func(t *testing.T) srv.File {
		fs := New(Config{})
		t.Cleanup(func() { fs.Close() })
		return fs
	})
}

// busy makes a tree with a conversation in it.
func busy(t *testing.T) *FS {
	t.Helper()
	fs := New(Config{})
	ctl, err := openFile(t.Context(), fs, "clone", p9.ORDWR)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctl.Clunk(t.Context())
		fs.Close()
	})
	return fs
}

// TestTree holds the tree to the rules.
func TestTree(t *testing.T) {
	srvtest.Test(t, func() srv.File { return busy(t) }, "clone", "0/[012]", "0/wait")
}

func TestDrawing(t *testing.T) { srvtest.Drawing(t, "execfs.go", busy(t)) }
