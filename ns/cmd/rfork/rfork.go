package rfork

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"

	"ninespace/ns"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(_ context.Context, std [3]*os.File, args []string) error {
	fs := flag.NewFlagSet("rfork", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", flag.ErrHelp, err)
	}
	args = fs.Args()
	flags := "n"
	if len(args) > 0 {
		flags, args = args[0], args[1:]
	}
	if len(args) == 0 {
		shell := os.Getenv("SHELL")
		if shell == "" {
			shell = "/bin/sh"
		}
		args = []string{shell}
	}
	r, err := ns.ParseRfork(flags)
	if err != nil {
		return fmt.Errorf("%w: %w", flag.ErrHelp, err)
	}
	e := ns.Entry{Rfork: r, Args: args, Stderr: std[2]}
	return e.Enter()
}
