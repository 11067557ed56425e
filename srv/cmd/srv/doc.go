/*
Srv dials a file server and posts the connection.

# NAME

srv - dial a file server and post the connection

# SYNOPSIS

	nine srv [-abcCemq] dialstring [name [mountpoint]]

# DESCRIPTION

Srv connects to the 9P server at dialstring and posts the connection as /srv/name,
from where mount, or anything else, can take it; /net/tcp!host!port is dialled by the
network that is mounted there. The name is the dial string's
where none is given. Srv then ends; the connection stays until the file is removed
and nothing of it is mounted or open.

Outside a name space there is no /srv. Srv then posts a socket in $NAMESPACE, stays,
and dials once for each caller.

	-m	mount it, on mountpoint or else on /n/system, where system is the dial
		string's
	-a -b -c -C	as mount has them
	-e	dialstring is no address but a shell's command, that speaks 9P on its
		standard input and output
	-q	do nothing, and say nothing, where the name is posted already

A mountpoint implies -m.

A process posts any other open descriptor of its own without srv: it makes a file
in /srv and writes the descriptor's number into it. Who opens the file has the
same connection, or open file, as the process; rm of the file takes it away again, and
so does the end of the process, or its close, if it writes "3 orclose" for the number 3.

# EXAMPLES

	srv tcp!fs!564 fs /n/fs
	srv -em 'ssh host nine diskfs -i /src' src

A pipe with a name, by the shell alone:

	bind '#|' /n/p
	exec 3<>/n/p/data1
	echo 3 >/srv/pipe

# FILES

	/srv		the posted, #s: the sockets in $NAMESPACE too
	$NAMESPACE	directory of sockets

# SEE ALSO

mount, bind, 9p

# DIAGNOSTICS

"file already exists": the name is taken, remove it first. "fd out of range or not
open": a number was written to /srv that is no descriptor of the writer's.
"Operation not permitted": a program that serves files, such as exportfs, makes none in /srv for its
clients.
"inappropriate use of fd": a directory was posted, or somebody reads a connection
that is mounted.

# BUGS

A descriptor is posted in one session's /srv; 9p and other programs of the host's
reach only sockets. Files in /srv are regular ones to Linux, and have no offsets: head complains
of that after it has printed what it was asked for. Linux has no removal on close. There is
no clone and so no directory of services: each session has its own.
*/
package srv
