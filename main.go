/*
Nine is the one binary of ninespace: a table of commands.

# NAME

nine, man - run a command of ninespace, print its manual page

# SYNOPSIS

	nine man [name]
	nine name [argument ...]

# DESCRIPTION

Nine runs the command called name. If the binary is reached by a link whose
own name is a command's, that command is run and every argument is its own,
so that inside a name space, where /mnt/bin holds such links, the bare names work.
Without arguments nine lists the commands, a line each.

Man prints the manual page of the command called name, or the list.

# EXAMPLES

	nine man bind
	ln -s /usr/bin/nine bin/bind; bin/bind -a /n/tools /bin

# FILES

A page is the doc.go in the command's own directory, or the first lines of a command
that is a script; it is in the binary.

# SEE ALSO

The page of each command.

# DIAGNOSTICS

An error is one line on standard error, "name: what went wrong", and status 1.
A command called wrongly, or one that nine does not have, gives status 2. A
command that runs another one gives that one's status.

# BUGS

Pages are printed as they are, without a pager.
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
	"path/filepath"
	"slices"
	"strings"

	"ninespace/cpu/cmd/cpu"
	"ninespace/cpu/cmd/cpud"
	"ninespace/exportfs/cmd/exportfs"
	imp "ninespace/exportfs/cmd/import"
	"ninespace/factotum/cmd/factotum"
	boot "ninespace/initramfs/cmd/init"
	"ninespace/initramfs/cmd/initramfs"
	"ninespace/initramfs/cmd/netboot"
	"ninespace/ns/cmd/bind"
	"ninespace/ns/cmd/mount"
	"ninespace/ns/cmd/newns"
	"ninespace/ns/cmd/ns"
	"ninespace/ns/cmd/nsd"
	"ninespace/ns/cmd/rfork"
	"ninespace/ns/cmd/unmount"
	"ninespace/ns/cmd/up"
	"ninespace/rc/bin"
	"ninespace/rc/cmd/rc"
	"ninespace/rc/cmd/rcfmt"
	ninep "ninespace/srv/cmd/9p"
	"ninespace/srv/cmd/devfs"
	"ninespace/srv/cmd/diskfs"
	"ninespace/srv/cmd/envfs"
	"ninespace/srv/cmd/execfs"
	"ninespace/srv/cmd/ipcfs"
	"ninespace/srv/cmd/netfs"
	"ninespace/srv/cmd/procfs"
	"ninespace/srv/cmd/ramfs"
	"ninespace/srv/cmd/srv"
)

// A command is one line of the table.
type command struct {
	name string
	main func(ctx context.Context, std [3]*os.File, args []string) error
	man  string // the source of its manual page
}

//go:embed main.go
var page string

// commands is the table, and all the wiring there is. To add a command, import
// its package and add its line, in order of the names. It is a function and
// not a variable because man, which is in it, reads it.
func commands() []command {
	return []command{
		{"9p", ninep.Main, ninep.Man},
		{"bind", bind.Main, bind.Man},
		{"cpu", cpu.Main, cpu.Man},
		{"cpud", cpud.Main, cpud.Man},
		{"devfs", devfs.Main, devfs.Man},
		{"diskfs", diskfs.Main, diskfs.Man},
		{"envfs", envfs.Main, envfs.Man},
		{"execfs", execfs.Main, execfs.Man},
		{"exportfs", exportfs.Main, exportfs.Man},
		{"factotum", factotum.Main, factotum.Man},
		{"import", imp.Main, imp.Man},
		{"init", boot.Main, boot.Man},
		{"initramfs", initramfs.Main, initramfs.Man},
		{"ipcfs", ipcfs.Main, ipcfs.Man},
		{"man", man, page},
		{"mount", mount.Main, mount.Man},
		{"netboot", netboot.Main, netboot.Man},
		{"netfs", netfs.Main, netfs.Man},
		{"newns", newns.Main, newns.Man},
		{"ns", ns.Main, ns.Man},
		{"nsd", nsd.Main, nsd.Man},
		{"procfs", procfs.Main, procfs.Man},
		{"ramfs", ramfs.Main, ramfs.Man},
		{"rc", rc.Main, rc.Man},
		{"rcfmt", rcfmt.Main, rcfmt.Man},
		{"rfork", rfork.Main, rfork.Man},
		{"srv", srv.Main, srv.Man},
		{"unmount", unmount.Main, unmount.Man},
		{"up", up.Main, up.Man},
	}
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
	if text, ok := bin.Text(name); ok {
		return script(name, text), true
	}
	return command{}, false
}

// script makes a command of a script of rc.
func script(name, text string) command {
	return command{name, rc.Script(name, text), bin.Man(text)}
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

func man(_ context.Context, std [3]*os.File, args []string) error {
	switch len(args) {
	case 0:
		return list(std[1])
	case 1:
		c, ok := lookup(args[0])
		if !ok {
			return fmt.Errorf("%s: no manual page", args[0])
		}
		_, err := io.WriteString(std[1], plain(c.man))
		return err
	}
	return flag.ErrHelp
}

func list(w io.Writer) error {
	var b strings.Builder
	all := commands()
	for _, name := range bin.Names() {
		text, _ := bin.Text(name)
		all = append(all, script(name, text))
	}
	slices.SortFunc(all, func(a, b command) int { return strings.Compare(a.name, b.name) })
	for _, c := range all {
		_, does, _ := strings.Cut(section(c.man, "NAME"), " - ")
		does, _, _ = strings.Cut(does, "\n")
		fmt.Fprintf(&b, "%-12s%s\n", c.name, does)
	}
	_, err := io.WriteString(w, b.String())
	return err
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
		b.WriteString(line)
	}
	return strings.TrimSpace(b.String()) + "\n"
}

// section returns what the page in src has below the heading, a line of
// capitals, up to the next one.
func section(src, heading string) string {
	_, body, _ := strings.Cut("\n"+plain(src), "\n"+heading+"\n")
	var b strings.Builder
	for line := range strings.Lines(body) {
		if line != "\n" && strings.Trim(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ \n") == "" {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "\t"))
	}
	return strings.TrimSpace(b.String())
}
