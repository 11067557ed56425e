/*
Import mounts a tree of another node.

# NAME

import - mount a tree of another node

# SYNOPSIS

	nine import [-abcCrv] [-s srvname] [-u user] [-k key] [-J hosts] host tree [mountpoint]

# DESCRIPTION

Import mounts tree, a directory of host, on mountpoint, or else on the same name here. The
host is one where cpud or exportfs listens: a dial string such as tcp!host!17011, a host's
name alone, which means that, ssh!host, through the user's own ssh(1) and with nothing
that listens there but sshd, or the name of a posted cpud. Both ends show a key as
they do for cpu. What is done there is done as the user there.

A tree may also be /net, and calls go out of that host then, /mnt/proc, the processes
there, and #s/name, the server that the user has posted there as name.

The connection is kept by a process in the background, for whoever else imports the
same tree, until it has been unmounted by all for ten seconds. It is posted under the
host's name and the tree's, or as -s says.

	-a -b -c -C  as mount has them
	-s srvname   post as srvname
	-r           mount it again where the connection was lost, once the host answers. This
	             has a connection of its own: where one is posted already, give -s. A host
	             that shows another key, or refuses ours, is not tried again
	-u user      as user there; default the same name as here
	-k key       show this key, a file or a fingerprint
	-J hosts     through these doors, parted by commas
	-v           say what is done

Outside a name space nothing can be mounted: then import posts the connection, as srv
does, and stays until it is interrupted.

The flag -B is for import itself, which starts with it the process that keeps a connection.

# EXAMPLES

	import build /usr/local/go
	import ssh!lab /home /n/lab
	import -b gateway /net
	import desk /mnt/proc /n/proc; echo stop >/n/proc/1234/ctl

# FILES

~/.ssh/known_hosts: which host has which key

# SEE ALSO

exportfs, cpu, cpud, mount, srv; import(4) of the Plan 9 manual

# DIAGNOSTICS

A host that is not known is asked about on a terminal, and refused without one.

# BUGS

Symbolic links of the tree lead to what they say here, not there.
*/
package imp
