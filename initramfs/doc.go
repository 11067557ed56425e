// Package initramfs makes the image that a machine's kernel unpacks into its memory and
// whose /init it starts: nine, the kernel's modules, a name-space file, keys and whatever
// else is given.
//
//	init			a link to bin/nine, which is the command init under that name
//	bin/nine		the program, statically linked
//	lib/modules/NAME.ko	the modules, without directories
//	lib/modules/index	a line for each module: its name, what it needs, its aliases
//	lib/modules/load	the names of those to load at boot, a line each
//	lib/namespace		namespace(6) of the node's commands; missing: newns's
//	etc/ninespace/users	who may come in
//	etc/ninespace/signers	who may sign what the node boots next
//	etc/{passwd,group,hosts,nsswitch.conf}	root and nobody, and no others
//	dev mnt n proc root run srv sys tmp	empty directories
//
// An image is made of the same bytes whenever it is made of the same parts: its files have
// no times, are root's, and come in the order of their names.
package initramfs
