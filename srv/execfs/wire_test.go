package execfs

import (
	"path/filepath"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestTranscripts(t *testing.T) {
	names, err := filepath.Glob("testdata/*.9p")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			fs := New(Config{})
			defer fs.Close()
			srvtest.Transcript(t, srv.New(fs), name)
		})
	}
}

// TestTree holds the tree to the rules, with a conversation in it.
func TestTree(t *testing.T) {
	srvtest.Test(t, func() srv.File {
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
	}, "clone", "0/[012]", "0/wait")
}
