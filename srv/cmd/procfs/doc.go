/*
Procfs serves Linux's processes as Plan 9's /proc.

# NAME

procfs - processes as files

# SYNOPSIS

	nine procfs [-iD] [-s srvname] [-l dialstring]

# DESCRIPTION

Procfs serves a directory for each process, by its pid, as proc(3) of Plan 9 has
it. What is read is a snapshot of when the file was opened.

	N/args      arguments, quoted as in rc(1); cmdline is the same
	N/children  a line for each child
	N/ctl       its pid; accepts the commands below
	N/environ   the environment it was started with, as rc(1) reads it
	N/fd        the directory it is in, and a line for each open descriptor
	N/limits    its limits, as lines that ctl takes behind the word limit
	N/maps      what is in its memory, as Linux tells it
	N/mem       its memory, by address
	N/note      what it has been told and not had yet; accepts notes: interrupt, hangup,
	            kill, alarm, sys: ..., SIGUSR1, 15, ...
	N/noteid    its process group; a note written to N/notepg is for all of that
	N/ns        its name space, if it is in one of ninespace's
	N/ppid      its parent's pid
	N/segment   what is in its memory, as Plan 9 tells it
	N/stat      how it is, as Linux tells it
	N/status    twelve fields in fixed columns
	N/syscall   the system call that it waits in
	N/text      the program that it runs
	N/wait      how it ended: blocks until it has
	trace       what traced processes do, a line for each event: blocks for the next

The fields of status are name, user, state, milliseconds in user mode, in the system
and since the start, the same for children, KiB of memory, base and current
priority. The line of wait is that of wait(2); its status is unknown where Linux
does not tell.

What is written to ctl is one of these:

	close fd          it closes a descriptor
	closefiles        it closes all of them
	event             a line in the file trace, if it is there
	hang, nohang      it stops after its next exec, or does not
	kill, start
	limit name value  as nofile 100:200, or memory 1G, cpu 50%, pids 100 in a control
	                  group of its own; K, M, G, T are powers of 1024, unlimited is none
	nice n            -20 to 19
	noswap            it keeps its memory from being swapped
	pri n             0 to 19, 10 is nice 0
	private           only root looks at its memory, until its next exec
	stop              the write waits until it has stopped or ended
	startstop         start, then waitstop
	trace [0|1]       it and its children are in the file trace, or not
	waitstop          the write waits until it has stopped or ended
	wired cpus        the processors that it may use, as 0,2-3

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
procfs.log there says, as it happens, who was refused, which connection broke the
protocol, and which met a limit. In a name space of the same user on the same machine,
status, stat, ppid and noteid are not asked of procfs, which counts no messages for them.

# EXAMPLES

Stop process 123 and wait for its end, the tree being mounted on /n/proc:

	echo stop >/n/proc/123/ctl
	cat /n/proc/123/wait

Find the process that has used most of a processor, by status's columns, and halve that:

	cd /n/proc; for n in [0-9]*; do cat $n/status; echo $n; done | sort -n -k1.69,1.79 | tail -1
	echo limit cpu 50% >/n/proc/123/ctl

See what a shell runs:

	cat /n/proc/trace & echo trace >/n/proc/$$/ctl

# FILES

$NAMESPACE/procfs is where it is posted.

# SEE ALSO

execfs, ns; proc(3) of Plan 9

# DIAGNOSTICS

"process exited", "permission denied", "the process has none", as of a kernel thread's
program, and for ns "not in a name space". An unknown command is told with those that
there are, a wrong value with the argument's name.

# BUGS

The processes are those of procfs's own pid name space.

A name space file that does not answer holds the read of ns until it does.

Reading note does not keep a note from its process, and a process's group is its own to
change: noteid is not written. A note by notepg comes to its writer too, where that is
of the group.

Close, closefiles, event, hang, noswap, private, startstop, trace and waitstop make procfs the
process's tracer, of which there can be one: not beside a debugger, and for users other than
root not where Linux lets only parents trace (Yama). Close, closefiles, noswap and private
work on 64-bit programs of amd64. Hang and trace are shared
by a process and the children that it makes under them, and end with procfs.

Of proc(3) there are no regs, fpregs and kregs, which are a debugger's, no profile, which
is perf's, and no proc, as Linux shows nothing of its own tables. Args is not written. Wait
tells of the process's own end, not its children's: each child's own wait does. Ctl knows
none of interrupt and nointerrupt, as only a signal ends a system call on Linux, nor period,
deadline, cost, sporadic, yieldonblock and admit, as chrt(1) has them.

As root, procfs sets nofile and its like for other users' processes only with
CAP_SYS_RESOURCE, and memory, cpu and pids only where control groups are those of the
second version.
*/
package procfs
