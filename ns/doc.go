/*
Package ns gives groups of Linux processes name spaces of their own, put
together by bind, mount and unmount as in Plan 9.

The truth is a pure data structure in user space: a [Pgrp] is a table from
channels to what is mounted on them, a [Chan] a file of some device. Its rules
are those of bind(2) and of Plan 9's kernel: the table is keyed by the file, not
by its name; what is bound is the channel that the name had at that moment; a
union is an ordered list, tried in order, and shallow.

An [Engine] holds the groups of one session. A group sees its name space as one
directory of a FUSE file system that the engine serves (the process nsd), bound
as the root of the group's Linux mount namespace. Over the host's own
directories the kernel's bind mounts (grafts) lie on top and give them native
speed; they change nothing but the speed.

The devices of the engine are

	#/	the root: env, a mount point, and n and mnt, in which mount points appear when a bind or
		mount names them, mnt/ns and mnt/bin
	#U	the host's tree of files
	#s	the bulletin board, srv(3): servers posted in $NAMESPACE and open
		descriptors that processes post by writing their numbers into new files
	#|	a pipe of its own for each bind: data and data1, pipe(3)
	#c #e #I #p	the trees of those posted as dev, env, net and proc
	#d	streams that the engine was started with: #d/0 can be mounted

A new group's root is a union of #/ and #U; #s is at /srv, before the host's own
/srv. Its own files are

	/mnt/ns/ctl	takes the lines of namespace(6): bind, mount, unmount and
			clear, with absolute names, and rfork with its letters. A
			write that fails leaves its reason to be read from the same
			descriptor.
	/mnt/ns/ns	the lines that build the name space
	/mnt/bin/*	ninespace's commands: links to nine, and scripts of rc

Processes enter a name space by a small program between fork and exec, `nine
newns`; [Session] starts an engine and makes such commands.
*/
package ns
