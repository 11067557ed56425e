package ipcfs

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/srvtest"
)

func TestServe(t *testing.T) {
	std := [3]*os.File{}
	if err := Main(t.Context(), std, []string{"-p"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("no file of rules: %v", err)
	}
	rules := filepath.Join(t.TempDir(), "rules")
	if err := Main(t.Context(), std, []string{"-p", rules}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("rules that are not there: %v", err)
	}
	if err := os.WriteFile(rules, []byte("type is text\nplumb too edit\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Main(t.Context(), std, []string{"-p", rules}); err == nil || !strings.Contains(err.Error(), "rules:2: plumb too") {
		t.Errorf("bad rules: %v", err)
	}
	if err := os.WriteFile(rules, []byte("type is text\nplumb to edit\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	srvtest.Command(t, Main, []string{"-p", rules}, func(root *client.Fid) {
		if _, err := root.Walk(t.Context(), "plumb", "edit"); err != nil {
			t.Error(err)
		}
	})
}
