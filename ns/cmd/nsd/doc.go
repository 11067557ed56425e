/*
Nsd serves the name spaces of a session.

# NAME

nsd - serve the name spaces of a session

# SYNOPSIS

	nine nsd -e descriptor [-9G]

# DESCRIPTION

Nsd is the engine behind newns and up, which start it (cpud has one in its sessions' own process); there is no use for it
by hand. It holds the mount tables of all groups of a session and serves their
trees as one FUSE file system, in a mount namespace of its own. It ends when the
other end of the descriptor given by -e, a Unix socket, is closed, and at SIGTERM.
What it served answers errors from then on.

	-e	the session's end of the control connection
	-9	leave servers' trees to the kernel's 9P client, where it has one
	-G	no grafts: serve the host's tree too, all but /proc, /sys and /dev

# FILES

	/dev/fuse	must be open to the user
	$NAMESPACE	where it looks for posted servers

# SEE ALSO

newns, mount

# DIAGNOSTICS

Why it could not start is told to the session, which prints it.

# BUGS

Linux 5.8 is needed. Before 6.2, names outside the host's own directories are
not remembered by the kernel. Before 6.6 a file's pages go after each write to it. Before
6.16, what was changed in memory of a file that is closed already may come to the server
a moment after the memory was given up. Before 6.9, and for others than root, all data of the
host's files that are not grafted goes through nsd. From 6.9 on, a file that is
given a set-id bit while someone else has it open for writing keeps that bit when
he writes.
*/
package nsd
