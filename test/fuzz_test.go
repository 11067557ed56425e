package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fuzzed is a module with a target that holds, and one that any input fails but the
// first.
var fuzzed = map[string]string{
	"go.mod": "module fuzzed\n\ngo 1.26\n",
	"a/a_test.go": `package a

import "testing"

func FuzzHolds(f *testing.F) { f.Fuzz(func(*testing.T, byte) {}) }
func TestFuzzy(*testing.T)   {}
`,
	"b/b_test.go": `package b

import "testing"

func FuzzFails(f *testing.F) {
	f.Add("x")
	f.Fuzz(func(t *testing.T, s string) {
		if s != "x" {
			t.Error("another one")
		}
	})
}
`,
}

// TestFuzz runs the targets of a module: what is found fails, and is kept.
func TestFuzz(t *testing.T) {
	dir := t.TempDir()
	for name, text := range fuzzed {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var got tally
	if err := got.fuzz(dir, time.Second, ""); err != nil {
		t.Fatal(err)
	}
	found, _ := filepath.Glob(filepath.Join(dir, "b/testdata/fuzz/FuzzFails/*"))
	if got.passed != 1 || len(got.failed) != 1 || len(found) != 1 {
		t.Fatalf("%d passed, failed: %q, found: %q", got.passed, got.failed, found)
	}
	if want := "fuzzed/b FuzzFails: testdata/fuzz/FuzzFails/" + filepath.Base(found[0]); got.failed[0] != want {
		t.Errorf("failed: %q, not %q", got.failed[0], want)
	}
	if err := got.fuzz(dir, time.Second, "NoSuch"); err == nil || !strings.Contains(err.Error(), "NoSuch") {
		t.Errorf("no target: %v", err)
	}
}
