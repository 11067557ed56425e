package rcfmt

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	ugly   = "#!/bin/rc\nif (~ $1 a) { # why\necho a|cat}\n\n\n\nfn f{x=(a b);echo $x }\n"
	pretty = "#!/bin/rc\nif(~ $1 a){ # why\n\techo a | cat\n}\n\nfn f {x=(a b); echo $x}\n"
)

// run gives what the command writes to standard output.
func run(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	file := func(name, text string) *os.File {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	std := [3]*os.File{file("in", stdin), file("out", ""), os.Stderr}
	err := Main(context.Background(), std, args)
	out, rerr := os.ReadFile(filepath.Join(dir, "out"))
	if rerr != nil {
		t.Fatal(rerr)
	}
	return string(out), err
}

func TestStandardInput(t *testing.T) {
	if out, err := run(t, ugly); out != pretty || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := run(t, "echo 'a\n"); out != "" || err == nil || err.Error() != "<stdin>:2: token EOF: syntax error: the ' of line 1 is open" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := run(t, ugly, "-w"); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	a, b, bad, link := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "bad"), filepath.Join(dir, "link")
	for name, text := range map[string]string{a: ugly, b: pretty, bad: "echo )\n"} {
		if err := os.WriteFile(name, []byte(text), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", link); err != nil {
		t.Fatal(err)
	}
	want := bad + ":1: token ')': syntax error"
	if out, err := run(t, "", "-l", a, bad, b); out != a+"\n" || err == nil || err.Error() != want {
		t.Errorf("%q, %v", out, err)
	}
	out, err := run(t, "", "-d", a, b)
	if status := (different{}); !errors.As(err, &status) || !strings.Contains(out, "\n+\techo a | cat\n") || strings.Contains(out, b) {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := run(t, "", "-lw", link, b); out != link+"\n" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	text, err := os.ReadFile(a)
	if string(text) != pretty || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if st, err := os.Lstat(a); err != nil || st.Mode() != 0o750 {
		t.Error(st.Mode(), err)
	}
	if st, err := os.Lstat(link); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Error(st.Mode(), err)
	}
	if names, err := os.ReadDir(dir); len(names) != 4 || err != nil {
		t.Error(names, err)
	}
}

// TestDiff has patch(1) make the new text out of the old one.
func TestDiff(t *testing.T) {
	patch, err := exec.LookPath("patch")
	if err != nil {
		t.Skip("no patch(1)")
	}
	r := rand.New(rand.NewPCG(1, 2))
	text := func(n int) string {
		var b strings.Builder
		for range r.IntN(n) {
			fmt.Fprintf(&b, "%d\n", r.IntN(6))
		}
		return b.String()
	}
	dir := t.TempDir()
	for i := range 200 {
		a, b := text(40), text(40)
		if i == 0 {
			a, b = text(9000), text(9000)
		}
		if a == b || a == "" || b == "" { // which patch takes for no file
			continue
		}
		name := filepath.Join(dir, "f")
		if err := os.WriteFile(name, []byte(a), 0o666); err != nil {
			t.Fatal(err)
		}
		diff := unified("f", a, b)
		cmd := exec.Command(patch, "-s", "-F0", name)
		cmd.Stdin = strings.NewReader(diff)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s\n%s\n%s", err, out, a, diff)
		}
		if got, err := os.ReadFile(name); string(got) != b || err != nil {
			t.Fatalf("%q is %q by\n%s", b, got, diff)
		}
	}
}

// TestOurs: the scripts of ninespace are formatted.
func TestOurs(t *testing.T) {
	for _, dir := range []string{"../../bin", "../../lib", "../../lib/examples"} {
		ents, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range ents {
			if e.IsDir() || strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			if out, err := run(t, "", "-d", filepath.Join(dir, e.Name())); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		}
	}
}
