package newns

import (
	"context"
	_ "embed"
	"flag"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"ninespace/ns"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(_ context.Context, std [3]*os.File, args []string) error {
	fs := flag.NewFlagSet("newns", flag.ContinueOnError)
	file := fs.String("n", "", "build the name space from `nsfile`")
	noGraft := fs.Bool("N", false, "no grafts")
	v9fs := fs.Bool("9", false, "servers by the kernel")
	control := fs.Int("e", -1, "engine's `descriptor`")
	name := fs.String("s", "", "`name` of the lines' source")
	var sources []ns.Source
	fs.Func("i", "lines from `descriptor`", func(s string) error {
		text, err := readAll(s)
		sources = append(sources, ns.Source{Name: *name, Text: text})
		return err
	})
	report := fs.Int("r", -1, "`descriptor` for what goes wrong")
	dir := fs.String("d", "", "working `directory`")
	argv0 := fs.String("a", "", "the command's `name` for itself")
	if err := srv.Parse(fs, args); err != nil {
		return err
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
		e.Sources = sources
		if *report < 0 {
			return e.Enter()
		}
		syscall.CloseOnExec(*report)
		err := e.Enter()
		ns.Report(os.NewFile(uintptr(*report), "report"), err)
		return err
	}
	if ns.Inside() {
		// The copy has all that the name space here has; a file adds to it.
		e.Rfork = ns.RFNAMEG
		if *file != "" {
			src, err := ns.File(*file)
			if err != nil {
				return err
			}
			e.Sources = []ns.Source{src}
		}
		return e.Enter()
	}
	return outside(std, *file, ns.Options{Stderr: std[2], NoGraft: *noGraft, V9fs: *v9fs}, e)
}

// readAll reads a descriptor to its end.
func readAll(fd string) (string, error) {
	n, err := strconv.Atoi(fd)
	if err != nil {
		return "", err
	}
	f := os.NewFile(uintptr(n), "lines")
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

// outside starts an engine and runs the command in a name space of it.
func outside(std [3]*os.File, file string, o ns.Options, e ns.Entry) error {
	if done, err := ns.Privileged(std); done {
		return err
	}
	src, err := ns.File(file)
	if err != nil {
		return err
	}
	s, err := ns.Start(o)
	if err != nil {
		return err
	}
	defer s.Close()
	cmd := &exec.Cmd{Path: e.Args[0], Args: e.Args, Dir: e.Dir}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std[0], std[1], std[2]
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.Command(cmd, src); err != nil {
		return err
	}
	return ns.Run(cmd)
}
