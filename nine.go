package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A command is one line of the table.
type command struct {
	name string
	main func(ctx context.Context, std [3]*os.File, args []string) error
	man  string // the source of its manual page
}

func main() {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	c, ok := lookup(name)
	if !ok {
		if len(args) == 0 {
			list(os.Stderr)
			os.Exit(2)
		}
		name, args = args[0], args[1:]
		if name == "-h" || name == "-?" || name == "--help" {
			list(os.Stdout)
			return
		}
		if c, ok = lookup(name); !ok {
			fmt.Fprintf(os.Stderr, "nine: %s: no such command; nine alone lists them\n", name)
			os.Exit(2)
		}
	}
	std := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
	if err := c.main(context.Background(), std, args); err != nil {
		os.Exit(c.fail(os.Stderr, err))
	}
}

func lookup(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return lookupScript(name)
}

// fail says on w what went wrong and returns the exit status for it.
func (c command) fail(w io.Writer, err error) int {
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
		fmt.Fprintf(w, "%s: %s\n", c.name, text)
		return status
	}
	help := flag.ErrHelp.Error()
	if text = strings.TrimPrefix(text, help+": "); text != help {
		fmt.Fprintf(w, "%s: %s\n", c.name, text)
	}
	usage, _, _ := strings.Cut(section(c.man, "SYNOPSIS"), "\n")
	fmt.Fprintf(w, "usage: nine %s\n", strings.TrimPrefix(usage, "nine "))
	return 2
}
