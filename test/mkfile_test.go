package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestMkfile wants each mk target that README.md names in the mkfile, and the
// other way round, and mk to understand them all.
func TestMkfile(t *testing.T) {
	find := func(file, re string) (names []string) {
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(re).FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
		return names
	}
	targets := find("mkfile", `(?m)^([a-z]+):`)
	named := find("README.md", "`mk ([a-z]+)`")
	for _, n := range named {
		if !slices.Contains(targets, n) {
			t.Errorf("README.md: mk %s: the mkfile has no such target", n)
		}
	}
	for _, n := range targets {
		if !slices.Contains(named, n) {
			t.Errorf("mkfile: %s: not in README.md", n)
		}
	}

	const mk = "/usr/lib/plan9/bin/mk"
	if _, err := os.Stat(mk); err != nil {
		t.Skip("no mk: Debian's 9base is not installed")
	}
	for _, n := range targets {
		cmd := exec.Command(mk, "-n", n)
		cmd.Dir = ".."
		if out, err := cmd.CombinedOutput(); err != nil || len(out) == 0 {
			t.Errorf("mk -n %s: %v\n%s", n, err, out)
		}
	}
}
