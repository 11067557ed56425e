/*
Man shows manual pages.

# NAME

man - show the manual page of a command of ninespace

# SYNOPSIS

	nine man [-r] [name]

# DESCRIPTION

Man shows the page of the command called name, or without one lists the commands, a
line each. On a terminal the page goes through $PAGER, or else less(1), or else
more(1); elsewhere, and where there is none of them, it is printed as it is.

With -r the page is written in the language of roff's man macros, for man(1) and
whatever else formats pages; it is called nine-name there.

In a name space, where man is this one, a name that ninespace has no page for is
given to the system's man(1), and so is whatever else that understands.

# EXAMPLES

	nine man bind
	nine man -r bind | man -l -

# FILES

A page is the doc.go in the command's own directory, or the first lines of a command
that is a script; it is in the binary.

# SEE ALSO

help, lookman; man(1), man(7)

# DIAGNOSTICS

"no manual page": nine alone lists the commands that there are.
*/
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/term"
)

//go:embed man.go
var manPage string

//go:embed main.go
var ninePage string

func man(ctx context.Context, std [3]*os.File, args []string) error {
	roff := len(args) > 0 && args[0] == "-r"
	if roff {
		args = args[1:]
	}
	if len(args) == 0 && !roff {
		return list(std[1])
	}
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		return elsewhere(std, args, flag.ErrHelp)
	}
	name := args[0]
	c, ok := lookup(name)
	if name == "nine" {
		c, ok = command{name: name, man: ninePage}, true
	}
	switch {
	case !ok:
		return elsewhere(std, args, fmt.Errorf("%s: no manual page; nine alone lists the commands", name))
	case roff:
		_, err := io.WriteString(std[1], manRoff(c))
		return err
	}
	return show(ctx, std, plain(c.man))
}

// elsewhere has the system's man(1) do what ours can't, if ours was called by its bare
// name, as in a name space, where it hides that one. Otherwise it returns err.
func elsewhere(std [3]*os.File, args []string, err error) error {
	if filepath.Base(os.Args[0]) != "man" {
		return err
	}
	self, serr := os.Executable()
	if serr != nil {
		return err
	}
	mine, serr := os.Stat(self)
	if serr != nil {
		return err
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		file := filepath.Join(dir, "man")
		if st, serr := os.Stat(file); serr != nil || os.SameFile(st, mine) || st.IsDir() {
			continue
		}
		if path, serr := exec.LookPath(file); serr == nil {
			return run(std, "", path, args...)
		}
	}
	return err
}

// show prints text, on a terminal by a pager and with the headings in bold.
func show(_ context.Context, std [3]*os.File, text string) error {
	if !term.IsTerminal(int(std[1].Fd())) {
		_, err := io.WriteString(std[1], text)
		return err
	}
	if pager := os.Getenv("PAGER"); pager != "" {
		return run(std, bold(text), "/bin/sh", "-c", pager)
	}
	for _, pager := range [][]string{{"less", "-R"}, {"more"}} {
		if path, err := exec.LookPath(pager[0]); err == nil {
			return run(std, bold(text), path, pager[1:]...)
		}
	}
	_, err := io.WriteString(std[1], text)
	return err
}

// bold has each heading struck twice, which pagers show as bold and terminals as it is.
func bold(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !isHeading(line) {
			b.WriteString(line)
			continue
		}
		for _, r := range strings.TrimSuffix(line, "\n") {
			if r != ' ' {
				b.WriteRune(r)
				b.WriteByte('\b')
			}
			b.WriteRune(r)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// run runs a program of the user's, which has text for its input if there is any. Its
// status, unless it is 0, is ours; an interrupt is its own affair.
func run(std [3]*os.File, text, path string, args ...string) error {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGQUIT)
	defer signal.Stop(c)
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std[0], std[1], std[2]
	if text != "" {
		cmd.Stdin = strings.NewReader(text)
	}
	err := cmd.Run()
	if errors.Is(err, syscall.EPIPE) { // it has seen enough
		return nil
	}
	return err
}

func list(w io.Writer) error {
	var b strings.Builder
	all := append(commands(), scripts()...)
	slices.SortFunc(all, func(a, b command) int { return strings.Compare(a.name, b.name) })
	for _, c := range all {
		fmt.Fprintf(&b, "%-12s%s\n", c.name, c.does())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// does gives the line that says what the command does.
func (c command) does() string {
	_, does, _ := strings.Cut(section(c.man, "NAME"), " - ")
	does, _, _ = strings.Cut(does, "\n")
	return does
}

// plain returns the manual page in src, a Go file: its package comment
// without the marks of the comment and of the headings.
func plain(src string) string {
	var b strings.Builder
	for line := range strings.Lines(src) {
		if strings.HasPrefix(line, "package ") {
			break
		}
		if strings.HasPrefix(line, "//go:") {
			continue
		}
		for _, mark := range []string{"/*", "*/", "//", " ", "# "} {
			line = strings.TrimPrefix(line, mark)
		}
		b.WriteString(strings.ReplaceAll(line, "”", "''")) // which gofmt makes of two quotes
	}
	return strings.TrimSpace(b.String()) + "\n"
}

// section returns what the page in src has below the heading, a line of
// capitals, up to the next one.
func section(src, heading string) string {
	_, body, _ := strings.Cut("\n"+plain(src), "\n"+heading+"\n")
	var b strings.Builder
	for line := range strings.Lines(body) {
		if isHeading(line) {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "\t"))
	}
	return strings.TrimSpace(b.String())
}

// isHeading tells whether a line of a page is one of capitals.
func isHeading(line string) bool {
	return line != "\n" && strings.Trim(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ \n") == ""
}
