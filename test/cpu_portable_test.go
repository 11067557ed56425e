package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCpuPortable is a caller on another system than Linux as far as that can be had here:
// a nine that serves its tree by what every Unix has, without a connection that is kept.
// Unmodified programs work on its files.
func TestCpuPortable(t *testing.T) {
	f := newFleet(t)
	f.serve()
	nine := filepath.Join(t.TempDir(), "nine")
	build := exec.Command("go", "build", "-tags", "portable", "-o", nine, "ninespace")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	f.nine = nine
	f.env = append(f.env, "cpuidle=0", "LC_ALL=C.UTF-8")
	for _, name := range []string{"git", "make", "python"} { // the others make pipes or lock files
		t.Run(name, func(t *testing.T) {
			script, err := filepath.Abs("testdata/programs/" + name + ".sh")
			if err != nil {
				t.Fatal(err)
			}
			needs(t, script)
			dir := filepath.Join(f.dir, name)
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if out, errs, code := f.cpu("-d", "/mnt/term"+dir, "sh", "-eu", "/mnt/term"+script); code != 0 {
				t.Errorf("%d\n%s\n%s", code, out, errs)
			}
		})
	}
	f.write("mine", "text\n")
	out, errs, code := f.cpu("-R", "-d", "/mnt/term"+f.dir, "sh", "-c", "cat mine; echo >mine; exit 3")
	if code != 3 || out != "text\n" || !strings.Contains(errs, "Read-only file system") {
		t.Errorf("%d %q %q", code, out, errs)
	}
}
