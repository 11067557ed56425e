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

// TestPlaces: messages tell where they are, of what is typed in what was typed last.
func TestPlaces(t *testing.T) {
	for _, c := range []struct{ flag, text, want string }{
		{"-i", "echo a\n\necho b; for x\n", "rc:1: token x: syntax error\n"},
		{"-i", "echo a\n{\necho (\n", "rc:2: newline after '(': syntax error\n"},
		{"-i", "nosuch\n", "rc: nosuch: no such file"},
		{"-I", "echo a\n\nfor x\n", "/dev/stdin:3: token x: syntax error\n"},
		{"-I", "x='echo (' y='eval $x' z='eval $y'\neval $z\n", "/dev/stdin:2: eval:1: newline after '(': syntax error\n"},
		{"-I", "\nulimit -n 8\n\necho a | cat | cat | cat | cat | cat | cat | cat | cat\n", ": too many open files\n"}, // a pipe's, or a program's that cannot be started
		{"-I", "\nulimit -n 16\n\nx=(<{a} <{a} <{a} <{a} <{a} <{a} <{a} <{a} <{a} <{a} <{a})\n", "/dev/stdin:4: pipe: too many open files\n"},
	} {
		cmd := exec.Command(shell(t), c.flag)
		cmd.Env = []string{"PATH=/usr/bin:/bin"}
		cmd.Stdin = strings.NewReader(c.text)
		if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), c.want) {
			t.Errorf("%s %q: got %s, want %s", c.flag, c.text, out, c.want)
		}
	}
	out, _ := exec.Command(shell(t), "./nosuch").CombinedOutput()
	if !strings.HasPrefix(string(out), "rc: ./nosuch: ") {
		t.Errorf("no script: got %s", out)
	}
}

// TestVerbose: -v shows a line before it is run.
func TestVerbose(t *testing.T) {
	cmd := exec.Command(shell(t), "-v")
	cmd.Stdin = strings.NewReader("echo a\nfor(i in 1)\n\techo b\necho c")
	const want = "echo a\na\nfor(i in 1)\n\techo b\nb\necho cc\n"
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}

// TestFull: a builtin whose output has no room says so and fails, and the script goes on.
func TestFull(t *testing.T) {
	for _, builtin := range []string{"echo a", "whatis path", "umask", "ulimit -n", "ulimit -a"} {
		name, _, _ := strings.Cut(builtin, " ")
		out, err := exec.Command(shell(t), "-c", builtin+" >/dev/full; echo $status").CombinedOutput()
		if want := "rc:1: " + name + ": no space left on device\n1\n"; err != nil || string(out) != want {
			t.Errorf("%s: got %q, %v, want %q", builtin, out, err, want)
		}
	}
}

// TestRead: read takes as much as it is asked to and leaves the rest, and tells the end.
func TestRead(t *testing.T) {
	const text = "ab\nцвет\xe2\x82"
	for _, c := range []struct{ script, want string }{
		{"read; cat", text},
		{"read -c 4; echo; cat", text[:4] + "\n" + text[4:]},
		{"read -c2; read -r3; echo; cat", "ab\nцв\n" + text[7:]},
		{"read -n 2; echo $status", text + "\n"},
		{"read -n3; echo $status", text + "eof\n"},
		{"read -m; echo $status", text + "\n"},
		{"read -c 100; echo $status; read -c 1; echo $status; read -r 1; echo $status; read; echo $status", text + "\neof\neof\neof\n"},
		{"read -r 100; echo $status", text + "\n"},
		{"read -c 0; echo $status; read -q; echo $status", "\nrc:1: usage: read [-m | -n lines | -c bytes | -r runes] [file ...]\nusage\n"},
		{"read -n", "rc:1: usage: read [-m | -n lines | -c bytes | -r runes] [file ...]\n"},
	} {
		cmd := exec.Command(shell(t), "-c", c.script)
		cmd.Stdin = strings.NewReader(text)
		if out, _ := cmd.CombinedOutput(); string(out) != c.want {
			t.Errorf("%s: got %q, want %q", c.script, out, c.want)
		}
	}
}
