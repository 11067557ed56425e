//go:build linux

/*
Nine is the one binary of ninespace: a table of commands.

# NAME

nine - run a command of ninespace

# SYNOPSIS

	nine name [argument ...]

# DESCRIPTION

Nine runs the command called name. If the binary is reached by a link whose
own name is a command's, that command is run and every argument is its own,
so that inside a name space, where /mnt/bin holds such links, the bare names work.
Without arguments nine lists the commands, a line each.

A command's page is shown by man, and help has a short page for each of the
things that take several commands.

# EXAMPLES

	nine up
	nine man bind
	ln -s /usr/bin/nine bin/bind; bin/bind -a /n/tools /bin

# SEE ALSO

man, help, version, doctor; the page of each command

# DIAGNOSTICS

An error is one line on standard error, "name: what went wrong", and status 1.
A command called wrongly, or one that nine does not have, gives status 2; one that is
a script of rc, 1. A command that runs another one gives that one's status.

# BUGS

On systems other than Linux nine has only the commands that a client needs.
*/
package main

import (
	_ "embed"

	"ninespace/cpu/cmd/cpu"
	"ninespace/cpu/cmd/cpud"
	"ninespace/doc"
	"ninespace/doc/cmd/complete"
	"ninespace/doc/cmd/help"
	"ninespace/doc/cmd/man"
	"ninespace/doc/cmd/version"
	"ninespace/exportfs/cmd/aan"
	"ninespace/exportfs/cmd/exportfs"
	imp "ninespace/exportfs/cmd/import"
	"ninespace/factotum/cmd/factotum"
	boot "ninespace/initramfs/cmd/init"
	"ninespace/initramfs/cmd/initramfs"
	"ninespace/initramfs/cmd/netboot"
	"ninespace/initramfs/cmd/vm"
	"ninespace/ns/cmd/bind"
	"ninespace/ns/cmd/doctor"
	"ninespace/ns/cmd/graph"
	"ninespace/ns/cmd/mount"
	"ninespace/ns/cmd/newns"
	"ninespace/ns/cmd/ns"
	"ninespace/ns/cmd/nsd"
	"ninespace/ns/cmd/rfork"
	"ninespace/ns/cmd/top"
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
	"ninespace/srv/cmd/ps"
	"ninespace/srv/cmd/ramfs"
	"ninespace/srv/cmd/srv"
)

//go:embed main.go
var page string

func main() { doc.Run(table()) }

func table() doc.Table {
	return doc.Table{Commands: commands, Scripts: bin.Names, Script: script, Man: page}
}

// commands is the table, and all the wiring there is. To add a command, import
// its package and add its line, in order of the names.
func commands() []doc.Command {
	t := table() // for those that read it
	return []doc.Command{
		{Name: "9p", Main: ninep.Main, Man: ninep.Man},
		{Name: "aan", Main: aan.Main, Man: aan.Man},
		{Name: "bind", Main: bind.Main, Man: bind.Man},
		{Name: "complete", Main: complete.Main(t), Man: complete.Man},
		{Name: "cpu", Main: cpu.Main, Man: cpu.Man},
		{Name: "cpud", Main: cpud.Main(t.Names), Man: cpud.Man},
		{Name: "devfs", Main: devfs.Main, Man: devfs.Man},
		{Name: "diskfs", Main: diskfs.Main, Man: diskfs.Man},
		{Name: "doctor", Main: doctor.Main, Man: doctor.Man},
		{Name: "envfs", Main: envfs.Main, Man: envfs.Man},
		{Name: "execfs", Main: execfs.Main, Man: execfs.Man},
		{Name: "exportfs", Main: exportfs.Main, Man: exportfs.Man},
		{Name: "factotum", Main: factotum.Main, Man: factotum.Man},
		{Name: "graph", Main: graph.Main, Man: graph.Man},
		{Name: "help", Main: help.Main(t), Man: help.Man},
		{Name: "import", Main: imp.Main, Man: imp.Man},
		{Name: "init", Main: boot.Main(t), Man: boot.Man},
		{Name: "initramfs", Main: initramfs.Main, Man: initramfs.Man},
		{Name: "ipcfs", Main: ipcfs.Main, Man: ipcfs.Man},
		{Name: "man", Main: man.Main(t), Man: man.Man},
		{Name: "mount", Main: mount.Main, Man: mount.Man},
		{Name: "netboot", Main: netboot.Main, Man: netboot.Man},
		{Name: "netfs", Main: netfs.Main, Man: netfs.Man},
		{Name: "newns", Main: newns.Main, Man: newns.Man},
		{Name: "ns", Main: ns.Main, Man: ns.Man},
		{Name: "nsd", Main: nsd.Main(t.Names), Man: nsd.Man},
		{Name: "procfs", Main: procfs.Main, Man: procfs.Man},
		{Name: "ps", Main: ps.Main, Man: ps.Man},
		{Name: "ramfs", Main: ramfs.Main, Man: ramfs.Man},
		{Name: "rc", Main: rc.Main, Man: rc.Man},
		{Name: "rcfmt", Main: rcfmt.Main, Man: rcfmt.Man},
		{Name: "rfork", Main: rfork.Main, Man: rfork.Man},
		{Name: "srv", Main: srv.Main, Man: srv.Man},
		{Name: "top", Main: top.Main, Man: top.Man},
		{Name: "unmount", Main: unmount.Main, Man: unmount.Man},
		{Name: "up", Main: up.Main, Man: up.Man},
		{Name: "version", Main: version.Main, Man: version.Man},
		{Name: "vm", Main: vm.Main, Man: vm.Man},
	}
}

// script finds a command that is a script of rc.
func script(name string) (doc.Command, bool) {
	text, ok := bin.Text(name)
	if !ok {
		return doc.Command{}, false
	}
	return doc.Command{Name: name, Main: rc.Script(name, text), Man: bin.Man(text)}, true
}
