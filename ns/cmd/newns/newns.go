package newns

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"ninespace/ns"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(_ context.Context, std [3]*os.File, args []string) error {
	fs := flag.NewFlagSet("newns", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	file := fs.String("f", "", "build the name space from `nsfile`")
	noGraft := fs.Bool("N", false, "no grafts")
	control := fs.Int("e", -1, "engine's `descriptor`")
	in := fs.Int("i", -1, "lines from `descriptor`")
	name := fs.String("n", "", "`name` of the lines' file")
	dir := fs.String("d", "", "working `directory`")
	argv0 := fs.String("a", "", "the command's `name` for itself")
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", flag.ErrHelp, err)
	}
	args = fs.Args()
	if len(args) == 0 {
		shell := os.Getenv("SHELL")
		if shell == "" {
			shell = "/bin/sh"
		}
		args = []string{shell}
	}
	e := ns.Entry{Dir: *dir, Args: args, Argv0: *argv0, Stderr: std[2]}
	if *control >= 0 {
		e.Control = os.NewFile(uintptr(*control), "control")
		e.Name = *name
		if *in >= 0 {
			b, err := readAll(*in)
			if err != nil {
				return fmt.Errorf("%s: %w", *name, err)
			}
			e.Text = string(b)
		}
		return e.Enter()
	}
	if ns.Inside() {
		// The copy has all that the name space here has; a file adds to it.
		if *file != "" {
			var err error
			if e.Text, e.Name, err = ns.File(*file); err != nil {
				return err
			}
		}
		return e.Enter()
	}
	return outside(std, *file, *noGraft, e)
}

func readAll(fd int) ([]byte, error) {
	f := os.NewFile(uintptr(fd), "lines")
	defer f.Close()
	return io.ReadAll(f)
}

// outside starts an engine and runs the command in a name space of it.
func outside(std [3]*os.File, file string, noGraft bool, e ns.Entry) error {
	if done, err := ns.Privileged(std); done {
		return err
	}
	text, name, err := ns.File(file)
	if err != nil {
		return err
	}
	s, err := ns.Start(ns.Options{Stderr: std[2], NoGraft: noGraft})
	if err != nil {
		return err
	}
	defer s.Close()
	cmd := &exec.Cmd{Path: e.Args[0], Args: e.Args, Dir: e.Dir}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std[0], std[1], std[2]
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.Command(cmd, name, text); err != nil {
		return err
	}
	return ns.Run(cmd)
}
