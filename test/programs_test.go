package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPrograms has unmodified programs do their work in name spaces, in the places
// that files are in: a host's directory that is grafted, one that the engine serves,
// and one that is mounted from diskfs. Each is a shell script in testdata/programs
// that fails if anything is not as it should be.
func TestPrograms(t *testing.T) {
	if ok, _ := condition("fuse"); !ok {
		t.Skip("no /dev/fuse")
	}
	scripts, err := filepath.Glob("testdata/programs/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	nine, dir := binary(t), tempDir(t)
	lines := filepath.Join(dir, "nsfile")
	if err := os.WriteFile(lines, []byte("mount -c #s/disk /n/d\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "NAMESPACE="+dir, "LC_ALL=C.UTF-8", "GORACE=atexit_sleep_ms=0")
	files := filepath.Join(dir, "served")
	startDisk(t, nine, dir, files, env)
	for _, place := range []struct {
		name, dir string
		newns     []string
	}{
		{"graft", filepath.Join(dir, "graft"), []string{"newns", "-n", lines}},
		{"nograft", filepath.Join(dir, "nograft"), []string{"newns", "-N", "-n", lines}},
		{"diskfs", "/n/d", []string{"newns", "-n", lines}},
	} {
		for _, s := range scripts {
			script, err := filepath.Abs(s)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(filepath.Base(s), ".sh")
			t.Run(place.name+"/"+name, func(t *testing.T) {
				needs(t, script)
				t.Parallel()
				args := append(slices.Clone(place.newns), "sh", "-euc", `mkdir -p "$0"; cd "$0"; sh -eu "$1"; cd ..; rm -rf "$0"`, filepath.Join(place.dir, name), script)
				cmd := exec.Command(nine, args...)
				cmd.Env = env
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}

// needs skips a test whose script's first line, "# program, program and program: ...",
// names one that is not there.
func needs(t *testing.T, script string) {
	t.Helper()
	b, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	names, _, _ := strings.Cut(strings.TrimPrefix(string(b), "# "), ":")
	for _, name := range strings.FieldsFunc(names, func(r rune) bool { return r == ' ' || r == ',' }) {
		if name == "and" {
			continue
		}
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
}
