package doc

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Run runs the command of the table that the program was called as, or that its first
// argument names, and exits with its status.
func Run(t Table) {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	c, ok := t.Lookup(name)
	if !ok {
		if len(args) == 0 {
			t.List(os.Stderr)
			os.Exit(2)
		}
		name, args = args[0], args[1:]
		switch name {
		case "-h", "-?", "-help", "--help":
			t.List(os.Stdout)
			return
		case "-version", "--version":
			name = "version"
		}
		if c, ok = t.Lookup(name); !ok {
			fmt.Fprintf(os.Stderr, "nine: %s: no such command; nine alone lists them\n", name)
			os.Exit(2)
		}
	}
	std := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
	if err := c.Main(context.Background(), std, args); err != nil {
		os.Exit(c.fail(os.Stderr, err))
	}
}

// fail says on w what went wrong and returns the exit status for it.
func (c Command) fail(w io.Writer, err error) int {
	// A command that ran another one passes its status on. That one has spoken for
	// itself, unless the error wraps what went wrong.
	status := 1
	var exit interface {
		error
		ExitCode() int
	}
	if errors.As(err, &exit) {
		if status = max(exit.ExitCode(), 1); errors.Unwrap(exit) == nil {
			return status
		}
	}
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(w, "%s: %s\n", c.Name, text)
		return status
	}
	help := flag.ErrHelp.Error()
	if text = strings.TrimPrefix(text, help+": "); text != help {
		fmt.Fprintf(w, "%s: %s\n", c.Name, text)
	}
	fmt.Fprintf(w, "usage: %s\n", strings.ReplaceAll(c.Section("SYNOPSIS"), "\n", "\n       "))
	return 2
}
