/*
Diskfs serves a directory of the machine.

# NAME

diskfs - serve a directory over 9P

# SYNOPSIS

	nine diskfs [-R] [-s srvname] [-l dialstring] [-iD] dir

# DESCRIPTION

Diskfs serves dir and all that is beneath it, mounted file systems included. It
speaks 9P2000 and 9P2000.L. Nothing outside of dir can be reached: symbolic links
are files that the client follows on its side, and ".." ends at dir.

All is done as the user who runs diskfs, whoever attached: that user's
permissions count and new files are that user's. The options are

	-R  read only: all changes are refused with "read only file system"
	-s  post as srvname; default diskfs
	-l  listen at dialstring instead: tcp!host!port, unix!/socket
	-i  serve one connection on standard input and output instead
	-D  print the messages to standard error

Diskfs serves until it is told to end by SIGINT, SIGTERM or SIGHUP, or with -i
until the client hangs up.

# EXAMPLES

	nine diskfs -R -s doc /usr/share/doc &
	nine 9p ls doc/bash
	nine diskfs -l 'tcp!*!5640' /srv/pub

# FILES

$NAMESPACE, or /tmp/ns.$USER.$DISPLAY: where the server is posted.

/proc: has to be Linux's.

# SEE ALSO

9p, ramfs; openat2(2), u9fs(4) of the Plan 9 manual

# DIAGNOSTICS

"Too many open files": each fid holds a descriptor; raise the hard limit of the
process (ulimit -Hn).

# BUGS

Who attaches is not asked to prove it: post or listen where only those who may
act as you can reach. Run by root, it gives them all that root has beneath dir,
device nodes included.

Append-only and exclusive-use files cannot be made.

A record lock's owner is the fid. One process that locks a file by two fids
blocks itself, and waiting for a lock, as for the reader of a pipe, is trying
again ten times a second.

A read that blocks in a file system of FUSE or 9P beneath dir cannot be flushed.
No more than 256 such run at once; further ones wait.

A directory that is moved out of dir while a client is in it stays open to that
client, downward.
*/
package diskfs
