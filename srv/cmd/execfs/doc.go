/*
Execfs serves the running of commands as files.

# NAME

execfs - run commands through files

# SYNOPSIS

	nine execfs [-iD] [-s srvname] [-l dialstring]

# DESCRIPTION

Execfs serves a directory in which commands are run as the user who started
it. Opening the file clone makes a numbered directory N, a conversation, and
gives its file ctl, which reads as N. The conversation lives while one of its
files is open.

	N/ctl     accepts the commands below
	N/0       the command's standard input
	N/1       its standard output
	N/2       its standard error
	N/wait    how it ended: blocks until it has
	N/note    notes for it: interrupt, hangup, kill, SIGUSR1, ...
	N/ns      a name space for it; not to be written here, as nothing applies it
	N/status  state, pid, dir, cmd and the last error

Written to ctl, each command a line, or one write, quoted as in rc(1):

	exec cmd arg ...         start it
	dir path                 in this directory
	env name=value ...       with these variables; env - first drops all
	arg0 name                called by this name
	pty [term]               on a terminal, with TERM set to term
	winsize rows cols        of this size, also while it runs
	note text                send a note
	kill                     end it and its process group by SIGKILL
	killonclose              end it when the conversation ends
	uid user                 run it as this user, if root runs execfs and asks
	nice n                   with this priority, -20 to 19, also while it runs
	limit cpu n%             at most so much of one processor's time, such as 50%
	limit memory n           at most n bytes (K, M, G, T); beyond, the kernel kills
	limit pids n             at most n processes and threads
	detach                   keep the conversation when no file of it is open
	attach                   no longer

A limit, unlimited for none, holds for all that the command starts and may be changed while
it runs; status tells what is used. It is a control group (cgroups(7), version 2)
beside execfs's own: root has one, and a user whom the system's manager gives one, as
systemd-run --user --scope -p Delegate=yes does.

A detached command goes on when its files are closed and the connection is gone, and
is found again in its directory; what it writes then waits in the pipe, and when
the pipe is full, so does the command. After attach the conversation ends with its
files as ever.

The line of wait is that of wait(2): pid, then milliseconds of user, system and
real time, and the quoted status, which is empty for success and else such as
'exit 7' or 'signal 9 (killed)'.

With killonclose the end of the conversation sends the command's process group
SIGHUP, then SIGKILL when the command has ended, and after two seconds in any case. A
process that has left the group, as by setsid(1), is not touched unless the command
has a limit. When execfs itself
is ended it ends every conversation first; a command without killonclose runs on.

The flags are those of every server.

-s srvname posts under this name instead of execfs.

-l dialstring listens there instead of posting.

-i serves one connection on standard input and output.

-D prints each message to standard error.

Execfs serves until it is told to end by SIGINT, SIGTERM or SIGHUP, or with -i
until the client hangs up. Told to end, it lets what runs go on for up to two
seconds and refuses what is new with "server is shutting down"; a second signal
ends it at once. What it has done so far, in counts and times of each message,
is a file of the attach name stats: nine 9p -A stats read execfs/execfs.
execfs.log there says, as it happens, who was refused, which connection broke the
protocol, and which met a limit.

# EXAMPLES

Run a command from a shell, the tree being mounted on /n/cmd:

	exec 3<>/n/cmd/clone
	read n <&3
	echo exec sh -c "'date; exit 3'" >&3
	cat /n/cmd/$n/1 /n/cmd/$n/wait

# FILES

$NAMESPACE/execfs is where it is posted.

# SEE ALSO

procfs, srv; Inferno's cmd(3), 9front's execnet(4)

# DIAGNOSTICS

A failed exec names the command and says where it was looked for. Where only a
number reaches the client, the text is in status.

# BUGS

Whoever may connect runs commands as the user who started it: the posted
socket is that user's alone, and -l on a network address has no authentication.

A command with its arguments must fit in one message.

Requests that a client has in flight at once on 0, 1 or 2 are done in any order.
*/
package execfs
