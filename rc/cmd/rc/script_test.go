package rc

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A script is a run of an rc: in an empty directory, with a small environment.
type script struct {
	text  string
	mode  string // "" is a file; c, stdin, i
	flags []string
	args  []string
	env   []string
	stdin string
}

// A result is what a script did.
type result struct {
	stdout, stderr string
	status         int    // -1: it did not end
	files          string // names and contents of what it made
}

// run runs a script.
func (s script) run(t testing.TB, rc string) result {
	t.Helper()
	cwd, aside := t.TempDir(), t.TempDir()
	args, input := append([]string{}, s.flags...), s.stdin
	switch s.mode {
	case "c":
		args = append(append(args, "-c", s.text), s.args...)
	case "stdin":
		input = s.text
	case "i":
		args, input = append([]string{"-i"}, args...), s.text
	default:
		name := filepath.Join(aside, "t.rc")
		if err := os.WriteFile(name, []byte(s.text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(append(args, name), s.args...)
	}
	in := filepath.Join(aside, "in")
	if err := os.WriteFile(in, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	stdin, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := os.Create(filepath.Join(aside, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	stderr, err := os.Create(filepath.Join(aside, "err"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, rc, args...)
	cmd.Dir = cwd
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "HOME=" + cwd, "LC_ALL=C.UTF-8", "RC=" + rc}, s.env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	r := result{status: -1}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		r.status = 0
	case errors.As(err, &exit):
		if r.status = exit.ExitCode(); r.status < 0 && ctx.Err() == nil {
			// As a shell has it of what a signal ended.
			r.status = 128 + int(exit.Sys().(syscall.WaitStatus).Signal())
		}
	default:
		t.Fatal(err)
	}
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	r.stdout, r.stderr = read(t, stdout.Name()), read(t, stderr.Name())
	r.files = tree(t, cwd)
	return r
}

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// tree gives what is in a directory, a line for each name.
func tree(t testing.TB, dir string) string {
	t.Helper()
	var b bytes.Buffer
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel := strings.TrimPrefix(name, dir+"/")
		info, err := d.Info()
		if err != nil {
			return err
		}
		b.WriteString(info.Mode().String() + " " + rel)
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			b.WriteString(" ")
			b.Write(text)
		}
		b.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
