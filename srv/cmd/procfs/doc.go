/*
Procfs serves Linux's processes as Plan 9's /proc.

# NAME

procfs - processes as files

# SYNOPSIS

	nine procfs [-iD] [-s srvname] [-l dialstring]

# DESCRIPTION

Procfs serves a directory for each process, by its pid, as proc(3) of Plan 9 has
it. What is read is a snapshot of when the file was opened.

	N/args     arguments, quoted as in rc(1); cmdline is the same
	N/ctl      accepts kill, stop, start and pri n (0 to 19, 10 is nice 0)
	N/fd       the directory it is in, and a line for each open descriptor
	N/note     sends a note: interrupt, hangup, kill, alarm, SIGUSR1, 15, ...
	N/ns       its name space, if it is in one of ninespace's
	N/ppid     its parent's pid
	N/status   twelve fields in fixed columns
	N/wait     how it ended: blocks until it has

The fields of status are name, user, state, milliseconds in user mode, in the system
and since the start, the same for children, KiB of memory, base and current
priority. The line of wait is that of wait(2); its status is unknown where Linux
does not tell.

Procfs does what Linux lets its own user do, and shows others what the files' modes
let them see. A process that has ended gives "process exited", even if its pid has
been given to another one.

The flags are those of every server.

-s srvname posts under this name instead of procfs.

-l dialstring listens there instead of posting.

-i serves one connection on standard input and output.

-D prints each message to standard error.

Procfs serves until it is told to end by SIGINT, SIGTERM or SIGHUP, or with -i
until the client hangs up. Told to end, it lets what runs go on for up to two
seconds and refuses what is new with "server is shutting down"; a second signal
ends it at once. What it has done so far, in counts and times of each message,
is a file of the attach name stats: nine 9p -A stats read procfs/procfs.

# EXAMPLES

Stop process 123 and wait for its end, the tree being mounted on /n/proc:

	echo stop >/n/proc/123/ctl
	cat /n/proc/123/wait

# FILES

$NAMESPACE/procfs is where it is posted.

# SEE ALSO

execfs, ns; proc(3) of Plan 9

# DIAGNOSTICS

"process exited", "permission denied", and for ns "not in a name space".

# BUGS

The processes are those of procfs's own pid name space.

A name space file that does not answer holds the read of ns until it does.
*/
package procfs
