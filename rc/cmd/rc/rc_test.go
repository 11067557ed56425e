package rc

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheck: -n tells where errors are and runs nothing.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	for name, text := range map[string]string{good: "touch " + dir + "/made\n", bad: "echo a\nif(x {\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(shell(t), "-n", good, bad).CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), bad+":2: ") {
		t.Errorf("got %s, %v", out, err)
	}
	if out, err := exec.Command(shell(t), "-n", good).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("got %s, %v", out, err)
	}
	if _, err := os.Stat(dir + "/made"); err == nil {
		t.Error("it ran")
	}
}

// TestUsage: flags that it has not are told by the status 2.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-q"}, {"-c"}, {"-m"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
	o, err := parse([]string{"-ev", "-c", "cmd", "a", "-b"})
	if err != nil || o.flags != "ev" || o.command != "cmd" || strings.Join(o.args, " ") != "a -b" {
		t.Errorf("got %+v, %v", o, err)
	}
}
