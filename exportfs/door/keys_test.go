package door

import (
	"os/user"
	"path/filepath"
	"testing"
)

// TestNoHome: where $HOME is not set, ssh's files are in the account's home, as ssh has them.
func TestNoHome(t *testing.T) {
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", "")
	dir := filepath.Join(u.HomeDir, ".ssh")
	if got := keyFiles(false); len(got) == 0 || got[0] != filepath.Join(dir, "id_ed25519") {
		t.Errorf("keys: %q, not those in %s", got, dir)
	}
	if got := new(Dialer).known(); got != filepath.Join(dir, "known_hosts") {
		t.Errorf("known hosts: %s, not in %s", got, dir)
	}
}
