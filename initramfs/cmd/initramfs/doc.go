/*
Initramfs makes the image that a node boots from.

# NAME

initramfs - make the image that a node boots from

# SYNOPSIS

	nine initramfs -o image [option ...]

# DESCRIPTION

Initramfs writes an image that a Linux kernel unpacks into its memory when it
boots: nine, whose command init becomes the first process, and what the options
name. The end of the image's name says how it is compressed: .zst, by zstd(1), .gz,
by gzip(1), or .cpio for not at all. The same parts make the same bytes.

The options are:

	-o image      where to; what is there is replaced when the new one is whole
	-e file       the program; default this one. It has to be statically linked:
	              CGO_ENABLED=0 go build
	-a arch       amd64 or arm64; default this machine's
	-c commands   what there is beside nine: minimal, the default, is nothing; core is
	              u-root's core commands in one program, as a busybox; or some of them
	              by name, with commas between; or the file of an archive that u-root has
	              made of any: u-root -o file.cpio. What nine or -f has stays
	-m dir        where the kernel's modules are, /lib/modules/VERSION or any
	              directory that has them
	-M list       those of them that come along, with all that they need: names with
	              commas between. The default has what a node uses, and the usual
	              network cards, as far as they are there. Init loads those that the
	              hardware or the kernel asks for
	-L list       those that init loads in any case; default fuse
	-n nsfile     namespace(6) lines for the name space of the node's commands;
	              default what nine newns has
	-k keyfile    the public keys, a line each, of those who may come in as the
	              node's owner, root; without it nobody may, but at the console
	-s keyfile    the public keys of those who may sign what the node is to start by kexec;
	              without it the node starts anything that its owner says
	-f from[:/to] a further file, or a directory with all that is below it; may be
	              repeated, and may stand in for one of the image's own
	-l            list what would be in the image on standard output instead

Nothing that is secret belongs into an image: who can fetch it can read it. A key of
the node's own is made when it boots.

# EXAMPLES

	nine initramfs -o node.cpio.zst -m /lib/modules/$(uname -r) -k ~/.ssh/id_ed25519.pub
	nine initramfs -o full.cpio.zst -c core -m /lib/modules/$(uname -r) -k ~/.ssh/id_ed25519.pub
	CGO_ENABLED=0 GOARCH=arm64 go build && nine initramfs -a arm64 -e nine -c ls,cat -o arm.cpio.gz

# SEE ALSO

init

# DIAGNOSTICS

A module that -M or -L names and that is not there is an error; one of the default
list is left out.

# BUGS

Modules that are compressed need the program that did it here: gzip, xz or zstd.

Of the commands that are scripts bundle, cpus, g, lc, lookman, plumb and sig use a Linux system's programs,
which the minimal image has not: they name the one that is missing.

What -c builds wants Go here and u-root's module, v0.16.0, and takes minutes the first time.
*/
package initramfs
