package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ninespace/test/typed"
)

// TestTour types the tour of README.md into a shell and holds what it prints to what
// the tour shows.
func TestTour(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("../nine"); err != nil {
		t.Cleanup(func() { os.Remove("../nine") })
	}
	typeSection(t, string(text), "A tour of five minutes", "..")
}

// TestTutorials does so with each tutorial.
func TestTutorials(t *testing.T) {
	for _, p := range [][2]string{{"make", "make"}, {"cc", "gcc"}, {"bc", "bc"}} {
		program(t, p[0], p[1])
	}
	text, err := os.ReadFile("../doc/tutorials.md")
	if err != nil {
		t.Fatal(err)
	}
	clone, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	bin := tempDir(t)
	if err := os.Symlink(binary(t), filepath.Join(bin, "nine")); err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(string(text), -1) {
		t.Run(m[1], func(t *testing.T) {
			typeSection(t, string(text), m[1], tempDir(t), "clone="+clone, "PATH="+bin+":"+os.Getenv("PATH"))
		})
	}
}

// TestTutorialsEnd: a step that waits for what the one before it began ends although that failed:
// here nothing that is waited for ever comes, and a second takes no time.
func TestTutorialsEnd(t *testing.T) {
	text, err := os.ReadFile("../doc/tutorials.md")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	seq, err := exec.LookPath("seq")
	if err != nil {
		t.Fatal(err)
	}
	for name, does := range map[string]string{"sleep": "", "seq": seq + ` "$@"`, "nine": "exit 1", "cpu": "exit 1", "grep": "exit 1", "ls": "exit 1"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+does+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	waits := 0
	for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(string(text), -1) {
		steps, err := typed.Steps(string(text), m[1])
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			if !strings.Contains(s.Types, "sleep 1;") {
				continue
			}
			waits++
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			cmd := exec.CommandContext(ctx, "/bin/sh", "-c", s.Types)
			cmd.Env = []string{"PATH=" + bin}
			cmd.Run()
			if ctx.Err() != nil {
				t.Errorf("%s: does not end: %s", m[1], s.Types)
			}
			cancel()
		}
	}
	if waits == 0 {
		t.Error("no step waits")
	}
}

// typeSection types what a section of a text has, in a directory.
func typeSection(t *testing.T, text, heading, dir string, env ...string) {
	if ok, _ := condition("fuse"); !ok {
		t.Skip("no /dev/fuse that may be mounted")
	}
	steps, err := typed.Steps(text, heading)
	if err != nil {
		t.Fatal(err)
	}
	home := tempDir(t)
	cmd := exec.Command("/bin/sh", "-i")
	cmd.Dir = dir
	cmd.Env = slices.DeleteFunc(append(os.Environ(), typed.Env...), func(v string) bool { return strings.HasPrefix(v, "cpu=") })
	cmd.Env = append(cmd.Env, "SHELL=/bin/sh", "HOME="+home, "TMPDIR="+home, "SSH_AUTH_SOCK=", "NAMESPACE="+filepath.Join(home, "posted"))
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} { // which are below another home
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, name+"="+strings.TrimSpace(string(out)))
	}
	cmd.Env = append(cmd.Env, env...)
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
