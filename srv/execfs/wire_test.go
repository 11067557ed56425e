package execfs

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestTranscripts(t *testing.T) {
	srvtest.Transcripts(t, func(t *testing.T) srv.File {
		f := New(Config{})
		t.Cleanup(func() { f.Close() })
		return f
	})
}

// busy makes a tree with a conversation in it.
func busy(t *testing.T) *FS {
	t.Helper()
	f := New(Config{})
	ctl, err := openFile(t.Context(), f, "clone", p9.ORDWR)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctl.Clunk(t.Context())
		f.Close()
	})
	return f
}

// TestTree holds the tree to the rules.
func TestTree(t *testing.T) {
	srvtest.Test(t, func() srv.File { return busy(t) }, "clone", "0/[012]", "0/wait")
}

func TestDrawing(t *testing.T) { srvtest.Drawing(t, "execfs.go", busy(t)) }

// TestOthers: a conversation is for the user who opened clone, whoever runs the server.
func TestOthers(t *testing.T) {
	f := New(Config{})
	t.Cleanup(func() { f.Close() })
	srvtest.Each(t, func() srv.File { return f }, func(t *testing.T, root *client.Fid) {
		x := srvtest.Tree{T: t, Root: root}
		glenda, err := root.Conn().Attach(t.Context(), nil, "glenda", "")
		if err != nil {
			t.Fatal(err)
		}
		ctl := x.Open("clone", p9.ORDWR)
		defer ctl.Clunk(t.Context())
		n := strings.TrimSpace(x.Read(ctl))
		for name, mode := range map[string]p9.Mode{
			"ctl": p9.ORDWR, "0": p9.OWRITE, "1": p9.OREAD, "2": p9.OREAD, "wait": p9.OREAD, "note": p9.OWRITE, "ns": p9.ORDWR,
		} {
			if _, err := srvtest.Open(t.Context(), glenda, n+"/"+name, mode); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("glenda opens %s: %v", name, err)
			}
		}
		if text, err := srvtest.ReadFile(t.Context(), glenda, n+"/status"); err != nil || !strings.HasPrefix(text, "state open\n") {
			t.Errorf("glenda reads status: %q, %v", text, err)
		}
		hers, err := srvtest.Open(t.Context(), glenda, "clone", p9.ORDWR)
		if err != nil {
			t.Fatal(err)
		}
		defer hers.Clunk(t.Context())
		if m := strings.TrimSpace(x.Read(hers)); m == n {
			t.Errorf("glenda's conversation is %s too", m)
		}
	})
}
