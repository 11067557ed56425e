/*
Mount puts the tree of a 9P server into the name space.

# NAME

mount - put the tree of a file server into the name space

# SYNOPSIS

	nine mount [-abcCnq] [-k key] server old [aname]

# DESCRIPTION

Mount connects to a 9P server, in whichever dialect it speaks, and makes old, a
directory (or, if the tree is one file, a file) of the name space that mount runs
in, stand for the root of its tree; aname chooses one of its trees. All processes
of the group see it at once, and no others. Server is one of

	name, /srv/name, #s/name	a posted server or descriptor, see srv
	tcp!host!port, host:port	one on the network; the port is 564 if not given
	/net/tcp!host!port		one on the network whose files are there, another
					node's perhaps (see netfs)
	unix!/path, /path, ./path	a Unix socket
	/path				any other file of the name space that is not the
					host's: a pipe's data1, say
	#d/N				the Nth stream that the name space was started with, as
					always with -C: all name spaces of one session know the
					same of it
	/fd/N				the connection that is descriptor N; it is
					then in /srv too, and the same one if it is mounted again

It is the name space's engine that connects, from where it was started: a path of
a socket is one of the host's.

The flags -a, -b, -c and -q are those of bind: after or before what is there, new files
go there, quietly. With -C, for servers that are far away, what the server said is kept: names,
attributes and listings for three seconds, or, if the server gives leases (ramfs and
diskfs do), until another changes them; an open sees what was there when the last
one to write the file closed it; close and fsync wait for what was written, and they or
the next write tell what went wrong with it. Files are read ahead. Old must be there, but for names right in /n and /mnt,
which appear with the mount and go with the unmount.

Where the server asks who its user is, factotum proves it by p9any and dp9ik, as 9front's
servers want it; -k has further attributes for the key, as in -k 'user=glenda dom=burrow'. Who
attaches is the key's user, whatever the name here is. A secret has no place in that: give it to
factotum. With -n nothing is proved. Only the attach is proved: what follows goes over the
connection as it is. And it is proved to who has asked, not to the host that was dialled: the
server can use the proof at any other server of the key's domain, as you. Mount strangers with -n,
or say with -k dom= of which domain they may ask. import and cpu, whose connections say who is at
their ends, prove nothing to who serves there.

When the server ends, every use of the tree is an error, until it is unmounted.

# EXAMPLES

	mount ram /n/ram
	mount -a 'tcp!fs!564' /n/tools tools
	mount -k user=glenda 'tcp!burrow!564' /n/burrow
	mount '/net.alt/tcp!fs!564' /n/fs

# FILES

	/mnt/ns/ctl	takes the line; where a key is waited for more than 2 seconds, the write
			ends with EINPROGRESS and the next read is the answer
	$NAMESPACE	directory of posted servers

# SEE ALSO

bind, factotum, unmount, ns, srv, 9p

# DIAGNOSTICS

"Connection refused", "file does not exist": nobody serves there. "mount point
not there": old does not exist. A server that does not answer within 10 seconds,
or in 30 not all that a proof takes, is an error; factotum, which may have to ask you for the key, is waited for until mount is interrupted.
"The server asks who you are", "factotum has no key": start one, or give it the key that
is named. "mount/attach disallowed": the group mounts no more (see rfork).
*/
package mount
