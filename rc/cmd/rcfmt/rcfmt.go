package rcfmt

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"ninespace/rc/syntax"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(_ context.Context, std [3]*os.File, args []string) error {
	fs := flag.NewFlagSet("rcfmt", flag.ContinueOnError)
	f := formatter{out: std[1]}
	fs.BoolVar(&f.diff, "d", false, "print diffs")
	fs.BoolVar(&f.list, "l", false, "list files")
	fs.BoolVar(&f.write, "w", false, "write files")
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() == 0 {
		if f.write {
			return fmt.Errorf("%w: -w needs a file", flag.ErrHelp)
		}
		text, err := io.ReadAll(std[0])
		if err != nil {
			return err
		}
		if err = f.format("<stdin>", string(text)); err != nil {
			return err
		}
	}
	var errs []error
	for _, name := range fs.Args() {
		text, err := os.ReadFile(name)
		if err == nil {
			err = f.format(name, string(text))
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if f.diff && f.changed {
		return different{}
	}
	return nil
}

// different is the status of -d.
type different struct{}

func (different) Error() string { return "not formatted" }

// ExitCode is 1.
func (different) ExitCode() int { return 1 }

type formatter struct {
	out               io.Writer
	diff, list, write bool
	changed           bool
}

func (f *formatter) format(name, text string) error {
	formatted, err := syntax.Format(name, text)
	if err != nil {
		return err
	}
	out := ""
	if !f.diff && !f.list && !f.write {
		out = formatted
	}
	if formatted != text {
		f.changed = true
		if f.list {
			out += name + "\n"
		}
		if f.write {
			err = replace(name, formatted)
		}
		if f.diff {
			out += unified(name, text, formatted)
		}
	}
	if _, werr := io.WriteString(f.out, out); err == nil {
		err = werr
	}
	return err
}

// replace puts a text in place of a file's, which is never seen half done: a file
// beside it with its mode takes its name. That of a link is where it leads.
func replace(name, text string) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".rcfmt")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Chmod(st.Mode().Perm())
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
