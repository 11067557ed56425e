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

man, help, doctor; the page of each command

# DIAGNOSTICS

An error is one line on standard error, "name: what went wrong", and status 1.
A command called wrongly, or one that nine does not have, gives status 2. A
command that runs another one gives that one's status.

# BUGS

On systems other than Linux nine has only the commands that a client needs.
*/
package main

import (
	"ninespace/cpu/cmd/cpu"
	"ninespace/cpu/cmd/cpud"
	"ninespace/exportfs/cmd/exportfs"
	imp "ninespace/exportfs/cmd/import"
	"ninespace/factotum/cmd/factotum"
	boot "ninespace/initramfs/cmd/init"
	"ninespace/initramfs/cmd/initramfs"
	"ninespace/initramfs/cmd/netboot"
	"ninespace/initramfs/cmd/vm"
	"ninespace/ns/cmd/bind"
	"ninespace/ns/cmd/doctor"
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

// commands is the table, and all the wiring there is. To add a command, import
// its package and add its line, in order of the names. It is a function and
// not a variable because man, which is in it, reads it.
func commands() []command {
	return []command{
		{"9p", ninep.Main, ninep.Man},
		{"bind", bind.Main, bind.Man},
		{"complete", complete, completePage},
		{"cpu", cpu.Main, cpu.Man},
		{"cpud", cpud.Main, cpud.Man},
		{"devfs", devfs.Main, devfs.Man},
		{"diskfs", diskfs.Main, diskfs.Man},
		{"doctor", doctor.Main, doctor.Man},
		{"envfs", envfs.Main, envfs.Man},
		{"execfs", execfs.Main, execfs.Man},
		{"exportfs", exportfs.Main, exportfs.Man},
		{"factotum", factotum.Main, factotum.Man},
		{"help", help, helpPage},
		{"import", imp.Main, imp.Man},
		{"init", boot.Main, boot.Man},
		{"initramfs", initramfs.Main, initramfs.Man},
		{"ipcfs", ipcfs.Main, ipcfs.Man},
		{"man", man, manPage},
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
		{"vm", vm.Main, vm.Man},
	}
}

// scripts gives the commands that are scripts of rc.
func scripts() []command {
	var all []command
	for _, name := range bin.Names() {
		c, _ := lookupScript(name)
		all = append(all, c)
	}
	return all
}

func lookupScript(name string) (command, bool) {
	text, ok := bin.Text(name)
	if !ok {
		return command{}, false
	}
	return command{name, rc.Script(name, text), bin.Man(text)}, true
}
