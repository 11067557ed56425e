/*
Ipcfs serves channels between processes as files.

# NAME

ipcfs - pipes, queues, semaphores, events, shared memory and the plumber as files

# SYNOPSIS

	nine ipcfs [-iD] [-s srvname] [-l dialstring] [-p rules]

# DESCRIPTION

Ipcfs serves a directory of things by which processes, of any language and on any node
that mounts it, wait for and speak to each other.

	ctl            makes things, and reads as the lines that make what there is
	status         a line for each of them
	pipe/clone     a pair of connected ends: pipe/N/data and pipe/N/data1
	q/NAME         a queue: each write puts a message, each read takes one
	sem/NAME       a semaphore: a read takes one, a write of n gives n back
	mutex/NAME     a mutex: a read takes it, the close of the file gives it back
	event/NAME     an event: each write is read by all who have it open
	segment/NAME/  memory: data is read and written, ctl names a file to map
	plumb/         the plumber: rules, send, and the ports that rules name

Things are made by creating them, a segment by mkdir, or by a line of ctl, and go by
being removed:

	queue name [depth] [work] [nonblock]
	close queue
	sem name [value]
	mutex name
	event name [backlog]
	segment name length

Reads and writes wait for what they need, in turn, and can be interrupted. Files
opened with O_NONBLOCK do not wait, nor does a queue made with nonblock: the error
says that it is empty or full.

A queue holds depth messages, 64 if that is not said. Each message goes to one reader.
After close, readers get what is left and then the end.

With work, a queue is a work queue: a message is its reader's only on lease. It is done
with when the reader reads again, or, in a file open for both, writes ack. If the
file is closed before that, as when the reader is killed, or if back is written, the
message goes to the next reader. A reader that closes its file while it has a message
gives that back too, so one that takes a single message and is done with it says ack.

What is read from a semaphore or mutex is the word acquired. A semaphore is taken by
each open and read, so by each cat; echo gives one back. A mutex is free again when the
file that it was read from is closed by all who have it, children included.

An event keeps backlog messages, 1024 if that is not said, for each reader. If one
reads too slowly the oldest go, and its next read fails, once, with how many were lost.

Memory is had by writing va 0 length to a segment's ctl, or by ctl's segment. The
segment's ctl then reads as the size and, after path, a file that programs of the same
user on the same node may map (MAP_SHARED).

The plumber takes messages at send, matches them against rules, and gives them to all
who read the port that the rule says: plumber(4) and plumb(6). A message is six lines,
src, dst, wdir, type, attr and the count of bytes, and then the bytes. A rule set is
lines of patterns and then of actions:

	type is text
	data matches '[a-zA-Z0-9_./\-]+'
	arg isfile $0
	data set $file
	plumb to edit

A rule with plumb start or plumb client starts a command if nobody reads the port;
with client the message waits for who opens it. Rules are written to plumb/rules;
truncating it drops those that were there.

-p rules reads the plumber's rules from a file, instead of from $HOME/lib/plumbing, which
need not be there. Names that rules include are looked for in $HOME/lib and
/usr/lib/plan9/plumb.

The other flags are those of every server.

-s srvname posts under this name instead of ipcfs.

-l dialstring listens there instead of posting.

-i serves one connection on standard input and output.

-D prints each message to standard error.

Ipcfs serves until it is told to end by SIGINT, SIGTERM or SIGHUP, or with -i
until the client hangs up. Told to end, it lets what runs go on for up to two
seconds and refuses what is new with "server is shutting down"; a second signal
ends it at once. What it has done so far, in counts and times of each message,
is a file of the attach name stats: nine 9p -A stats read ipcfs/ipcfs.
ipcfs.log there says, as it happens, who was refused, which connection broke the
protocol, and which met a limit.

# EXAMPLES

A worker, of which there may be any number, and what gives them work:

	echo queue jobs 100 work >/mnt/ipc/ctl
	while read -r job; do work $job 3<&-; done </mnt/ipc/q/jobs &
	echo job 1 >/mnt/ipc/q/jobs
	echo close jobs >/mnt/ipc/ctl

Two at a time:

	echo sem two 2 >/mnt/ipc/ctl
	cat /mnt/ipc/sem/two >/dev/null; work; echo 1 >/mnt/ipc/sem/two

One at a time, whatever happens:

	exec 3</mnt/ipc/mutex/m; read -r got <&3; work 3<&-; exec 3<&-

# FILES

$NAMESPACE/ipcfs is where it is posted; nine up posts it as ipc, at /mnt/ipc.

$HOME/lib/plumbing has the plumber's rules.

# SEE ALSO

up, mount; pipe(3), segment(3), plumber(4) and plumb(6) of Plan 9

# DIAGNOSTICS

What is wrong with a line of ctl is said by the write. Where only a number reaches
the writer, the text is in status, behind err.

# BUGS

Nothing outlives ipcfs.

A segment has no type: none is fixed, as memory for hardware is the kernel's, nor sticky.

Linux has writers of one file wait for each other: while a write to a full queue waits,
so does everybody else's write to it, and cannot be interrupted.

A shell's read that looks ahead, as bash's does, gets the first line of a message only.

The plumber's isfile and isdir look at the files that ipcfs itself sees, and what it
starts runs outside of the name space that the message came from.
*/
package ipcfs
