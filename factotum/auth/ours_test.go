package auth

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDialOurs: the factotum that is posted in a directory to which others write, or by
// a symbolic link to one, is not trusted.
func TestDialOurs(t *testing.T) {
	dir := t.TempDir()
	open, link := filepath.Join(dir, "open"), filepath.Join(dir, "link")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(open, link); err != nil {
		t.Fatal(err)
	}
	dial := func(dir string) bool {
		t.Setenv("NAMESPACE", dir)
		_, err := Dial(t.Context(), "")
		return err != nil && strings.Contains(err.Error(), "yours alone")
	}
	if dial(open) {
		t.Error("one's own is refused")
	}
	if !dial(link) {
		t.Error("a symbolic link is not refused")
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if !dial(open) {
		t.Error("one that others write to is not refused")
	}
	if os.Geteuid() == 0 {
		if err := os.Chmod(open, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(open, 1, 1); err != nil {
			t.Fatal(err)
		}
		if !dial(open) {
			t.Error("somebody else's is not refused")
		}
	}
}
