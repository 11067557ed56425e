/*
Diskfs serves a directory of the machine.

# NAME

diskfs - serve a directory over 9P

# SYNOPSIS

	nine diskfs [-Rm] [-s srvname] [-l dialstring] [-iD] dir

# DESCRIPTION

Diskfs serves dir and all that is beneath it, mounted file systems included. It
speaks 9P2000 and 9P2000.L. Nothing outside of dir can be reached: symbolic links
are files that the client follows on its side, and ".." ends at dir.

Run by root, diskfs does each request as the user who attached: with the number
and the groups that this machine has for the name (or, in 9P2000.L, the number
that comes without a name). What he makes is his, in his group or one that he
asks for and is in, and what he may not do here he may not do there, not even
what root's capabilities would let him. A name that the machine does not know,
and none, is nobody: uid and gid 65534. A number that it does not know is taken,
with the group 65534. Run by anybody else, diskfs lets only him attach and
refuses all others.

	-R  read only: all changes are refused with "read only file system"
	-m  everyone who attaches acts as the one who runs diskfs (me)
	-s  post as srvname; default diskfs
	-l  listen at dialstring instead: tcp!host!port, unix!/socket
	-i  serve one connection on standard input and output instead
	-D  print the messages to standard error

Diskfs serves until it is told to end by SIGINT, SIGTERM or SIGHUP, or with -i
until the client hangs up. Told to end, it lets what runs go on for up to two
seconds and refuses what is new with "server is shutting down"; a second signal
ends it at once. What it has done so far, in counts and times of each message,
is a file of the attach name stats: nine 9p -A stats read diskfs/diskfs.
diskfs.log there says, as it happens, who was refused, which connection broke the
protocol, and which met a limit.

# SECURITY

Nobody is asked to prove who he is: the name in an attach is a claim. Who reaches
diskfs therefore chooses who he is there, and of a diskfs run by root he can choose
to be root, who has all beneath dir, device nodes included. So it counts who
reaches it:

A posted service and any other Unix socket are made with mode 0600, and connect
for their owner, and root, alone.

With -l tcp!... all reach it who reach the machine's port. Run so by root it gives
dir to all of them, for reading and changing; with -R for reading; run by another
user, with or without -m, it gives what is that user's.

-m gives all who reach it what is the runner's, whatever they call themselves.

# LINUX CLIENTS

Linux's mount attaches as "nobody" first and as each of its users later, by
number (access=user). A diskfs of root's takes that as it is. One of another user's
wants -m, or a mount with his name as uname=, and access=any.

# EXAMPLES

	nine diskfs -R -s doc /usr/share/doc &
	nine 9p ls doc/bash
	nine diskfs -Rm -l 'tcp!*!5640' /srv/pub

# FILES

$NAMESPACE, or /tmp/ns.$USER.$DISPLAY: where the server is posted.

/proc: has to be Linux's.

# SEE ALSO

9p, ramfs; openat2(2), u9fs(4) of the Plan 9 manual

# DIAGNOSTICS

"Too many open files": a fid holds a descriptor for its file and for each
directory on the way there, and a client has as many as it may: a quarter of what
the others leave. Raise the hard limit of the process (ulimit -Hn).

"attach as A: the server acts as B only": diskfs was started by B, who is not
root.

# BUGS

Append-only and exclusive-use files cannot be made.

Who keeps what he has read (mount -C) is told some milliseconds afterwards, not before, of what
this machine's own programs change; before he has a record lock, of all that was changed until then.

A record lock's owner is the fid. One process that locks a file by two fids
blocks itself. Waiting for a lock that another program has, as for the reader of a
pipe, is trying again ten times a second.

A read that blocks in a file system of FUSE or 9P beneath dir cannot be flushed.
No more than 256 such run at once; further ones wait.

A directory that is moved out of dir while a client is in it stays open to that
client, downward.

A user's groups are looked up when he attaches, and kept until he attaches again.
*/
package diskfs
