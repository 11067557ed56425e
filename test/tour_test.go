package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ninespace/test/typed"
)

// TestTour types the tour of README.md into a shell and holds what it prints to what
// the tour shows.
func TestTour(t *testing.T) {
	if ok, _ := condition("fuse"); !ok {
		t.Skip("no /dev/fuse that may be mounted")
	}
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := typed.Steps(string(text), "A tour of five minutes")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("../nine"); err != nil {
		t.Cleanup(func() { os.Remove("../nine") })
	}
	home := tempDir(t)
	cmd := exec.Command("/bin/sh", "-i")
	cmd.Dir = ".."
	cmd.Env = slices.DeleteFunc(append(os.Environ(), typed.Env...), func(v string) bool {
		return strings.HasPrefix(v, "NAMESPACE=") || strings.HasPrefix(v, "cpu=")
	})
	cmd.Env = append(cmd.Env, "SHELL=/bin/sh", "HOME="+home, "TMPDIR="+home, "SSH_AUTH_SOCK=")
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} { // which are below another home
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, name+"="+strings.TrimSpace(string(out)))
	}
	sh, err := typed.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		begun := time.Now()
		printed, err := sh.Type(s)
		t.Logf("%v: $ %s%s", time.Since(begun).Round(time.Millisecond), s.Types, printed)
		if err != nil {
			t.Error(err)
		}
	}
	if err := sh.Close(); err != nil {
		t.Errorf("the shell: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(home, "ns.*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
