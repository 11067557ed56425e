package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	fileSize = 4 << 10
	bigSize  = 16 << 20
	ofRepo   = 1000 // files
)

// fill makes the directory that is worked on:
//
//	file, big    to read
//	tree, repo   for find, tar and git
//	true         to run
//	src, old     to bind, and on what
//	b/N          on what else
func fill(ctx context.Context, dir string, files int) error {
	for _, d := range []string{"src", "old", "b"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	for i := range 1000 {
		if err := os.Mkdir(filepath.Join(dir, "b", fmt.Sprint(i)), 0o755); err != nil {
			return err
		}
	}
	for name, size := range map[string]int{"file": fileSize, "big": bigSize} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte("ninespace\n"), size/10+1)[:size], 0o644); err != nil {
			return err
		}
	}
	if err := copyProgram("true", filepath.Join(dir, "true")); err != nil {
		return err
	}
	if err := tree(ctx, filepath.Join(dir, "tree"), files); err != nil {
		return err
	}
	repo := filepath.Join(dir, "repo")
	if err := tree(ctx, repo, ofRepo); err != nil {
		return err
	}
	if _, err := exec.LookPath("git"); err != nil {
		return nil // the row says so
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=n", "-c", "user.email=n@n", "commit", "-qm", "files"}} {
		cmd := exec.CommandContext(ctx, "git", append(gitArgs(repo), args...)...)
		cmd.Env = gitEnv()
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", args[0], err, out)
		}
	}
	return nil
}

// tree makes a directory of n files, a hundred in each of its own. They are old:
// git reads what has changed as lately as its index.
func tree(ctx context.Context, dir string, n int) error {
	content := bytes.Repeat([]byte("x"), 1000)
	old := time.Now().Add(-time.Hour)
	for i := range n {
		d := filepath.Join(dir, fmt.Sprintf("d%03d", i/100))
		if i%100 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := os.MkdirAll(d, 0o755); err != nil {
				return err
			}
		}
		f := filepath.Join(d, fmt.Sprintf("f%05d", i))
		if err := os.WriteFile(f, content, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(f, old, old); err != nil {
			return err
		}
	}
	return nil
}

func copyProgram(name, to string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

// gitArgs has git look at no more of a file than each place shows alike.
func gitArgs(repo string) []string {
	return []string{"-C", repo, "-c", "core.checkStat=minimal", "-c", "core.trustctime=false", "-c", "safe.directory=*"}
}

func gitEnv() []string {
	return append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
}
