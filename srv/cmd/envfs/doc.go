/*
Envfs serves environment variables as Plan 9's /env.

# NAME

envfs - environment variables as files

# SYNOPSIS

	nine envfs [-iD] [-s srvname] [-l dialstring]

# DESCRIPTION

Envfs serves a flat directory with a file for each variable, env(3) of Plan 9. A
file is made by creating it and goes by being removed; what it holds is the value,
any bytes. Rc keeps a list as its elements with a NUL after each, and a function f
as fn#f. A reader sees the value that was there when it opened the file. A write is
done when it is answered. The directory's time is that of the last change of a variable.

The attach name says which group of variables it is: none for the user's first one,
which stays as long as envfs; new for an empty one; copy for a copy of the first
one, copy N for one of group N; and N for group N, where N is the path of the qid of the
group's root. A group lasts until the last fid of it is clunked, so that a name space's
own, mounted by one of these names, goes with the name space. So does rfork with e or E,
by which a process has a copy or an empty group at /env.

Groups are their user's alone, but for the user that runs envfs. The variables of all
groups of one user take at most 1 GiB.

The flags are those of every server.

-s srvname posts under this name instead of envfs.

-l dialstring listens there instead of posting.

-i serves one connection on standard input and output.

-D prints each message to standard error.

Envfs serves until it is told to end by SIGINT, SIGTERM or SIGHUP, or with -i
until the client hangs up. Told to end, it lets what runs go on for up to two
seconds and refuses what is new with "server is shutting down"; a second signal
ends it at once. What it has done so far, in counts and times of each message,
is a file of the attach name stats: nine 9p -A stats read envfs/envfs.
envfs.log there says, as it happens, who was refused, which connection broke the
protocol, and which met a limit.

# EXAMPLES

	echo -n one >/env/x
	cat /env/x
	mount -c '#s/env' /env 'copy 1'
	rfork ne sh -c 'echo -n two >/env/x'

# FILES

$NAMESPACE/envfs is where it is posted; nine up posts it as env.

# SEE ALSO

rfork, mount, up; env(3) and rc(1) of Plan 9

# DIAGNOSTICS

"group 3: file does not exist": no group has that number, or not any more. "No space
left on device": the user's limit.

# BUGS

The variables of a process are Linux's own. A program other than rc neither reads
them here nor writes them here.
*/
package envfs
