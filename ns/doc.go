/*
Package ns gives groups of Linux processes name spaces of their own, put
together by bind, mount and unmount as in Plan 9.

The truth is a pure data structure in user space: a [Pgrp] is a table from
channels to what is mounted on them, a [Chan] a file of some device. Its rules
are those of bind(2) and of Plan 9's kernel: the table is keyed by the file, not
by its name; what is bound is the channel that the name had at that moment; a
union is an ordered list, tried in order, and shallow.

An [Engine] holds the groups of one session. A group sees its name space as one
directory of a FUSE file system that the engine serves (the process nsd, or that of a session of cpud), bound
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
			Of a procfs that the same user serves on this machine, the engine looks at
			processes by itself (names, attributes, status, stat, ppid, noteid); it is
			asked for all that may have to wait, and for ctl
	#ns	ctl and ns, the group's own, and serving: who has it open serves files to
		others, and is not asked for the descriptors whose numbers these write to #s
	#d	streams that the engine was started with: #d/0 can be mounted

A new group's root is a union of #/ and #U; #s is at /srv, before the host's own
/srv. Its own files are

	/mnt/ns/ctl	takes the lines of namespace(6): bind, mount, unmount and
			clear, with absolute names, and rfork with its letters. A
			write that fails leaves its reason to be read from the same
			descriptor.
	/mnt/ns/ns	the lines that build the name space
	/mnt/bin/*	ninespace's commands: links to nine, and scripts of rc
	/#ns/*		ctl and ns once more, of which no listing of / tells: nothing can be bound
			over these, so that what hides /mnt/ns can be unmounted

# What is kept of a server's tree

Of a tree that is mounted the engine keeps nothing: a name and a file's attributes serve
one system call or a few that follow each other. Who has a file open to read and write reads
what the server has then; of one open to read the kernel keeps data, which is that of the
last open, stat or lock of the file, or newer.
A directory is where it was for a second, and so is a file that is made when it is opened
(p9.Stat.Snapshot) as long as it can be opened.
What is mounted with MCACHE (mount -C) is for servers that are far away. Of a file that
has a version (qid.vers is not 0) and is neither append-only nor exclusive:

  - Close-to-open, always: who opens a file sees what was there when the last one to write
    it had closed or synced it. An open asks the server again, in one exchange with the
    open itself; a close waits until all that was written has come to the server, and
    tells what went wrong, as fsync does. Who gets a lock sees what was written before it
    was let go elsewhere.
  - Attributes, names, also those that are not there, and listings are believed for three
    seconds, and by who gets a lock none of what was asked before. A process of the same name
    space sees each change that was made in it at once.
  - Under a lease (srv.Leases) all of it is believed until the server says that it is to
    be changed, which it says before another of its clients changes it. That client's
    system call returns when all who knew better have forgotten: so nodes see each other's
    changes at once, also of what they have open and in memory, and what did not change,
    or only here, is asked of nobody. A write counts when it was closed or synced, as
    above. Who does not hear of the server for six seconds has no lease, and takes it for
    over half a second before, until the server is heard of again, which tells what was changed
    meanwhile; who keeps a lease and is silent holds others up for as long at most. What
    changes behind the server's back its kind of tree has to notice: of diskfs see there.
  - Times of last access are what they were when a file was last asked about.

A directory that is read, or of which several names are asked for, comes with the
attributes of its files. Files that are read or written in order are so by many requests
at once, 4 MiB of them. Under a lease what is likely to be used next is asked for as well:
listings for who enters one directory after another, small files for who reads them in
turn, programs as a whole, and of a server that is far away (3 ms and more) each directory
in which a name is looked up, and what a program needs to run: the interpreter of a script,
the loader and the libraries.

What is bound with MCACHE out of such a tree (bind -C) is constant, by the word of who binds it. If
the server is far away what was read there is kept in a store of the user's on disk, one for
each server, by the SHA-256 of what it is, and it is written down what was used. A later bind -C asks
the server at once about all that: attributes, names, and the sums of what the files have
(p9.SumXattr), which are under the lease as all else. What has another sum is read anew.

What has no version, as all files that are made up as they are read, is asked for each time,
and so are clone files, ctl files and streams.

Processes enter a name space by a small program between fork and exec, `nine
newns`; [Session] starts an engine and makes such commands.
*/
package ns
