/*
Ramfs serves a tree of files that is kept in memory.

# NAME

ramfs - memory file system

# SYNOPSIS

	nine ramfs [-s srvname] [-l dialstring] [-iD]

# DESCRIPTION

Ramfs serves a tree that starts as one empty directory, owned by the user who
runs it, and is lost when ramfs ends. It speaks 9P2000 and 9P2000.L and has all
kinds of files: directories, append-only, exclusive-use and temporary files of
Plan 9; symbolic links, further links, device nodes, extended attributes and
record locks of Linux.

A new file has the user who made it and the group of its directory. Only the
user who runs ramfs can give files to others.

The tree takes at most half of the machine's memory; past that, "No space left
on device". The options are

	-s  post as srvname; default ramfs
	-l  listen at dialstring instead: tcp!host!port, unix!/socket
	-i  serve one connection on standard input and output instead
	-D  print the messages to standard error

Ramfs serves until it is told to end by SIGINT, SIGTERM or SIGHUP, or with -i
until the client hangs up. Told to end, it lets what runs go on for up to two
seconds and refuses what is new with "server is shutting down"; a second signal
ends it at once. What it has done so far, in counts and times of each message,
is a file of the attach name stats: nine 9p -A stats read ramfs/ramfs.
ramfs.log there says, as it happens, who was refused, which connection broke the
protocol, and which met a limit.

# EXAMPLES

	nine ramfs -s scratch &
	nine 9p create scratch/greeting
	echo hello | nine 9p write scratch/greeting

# FILES

$NAMESPACE, or /tmp/ns.$USER.$DISPLAY: where the server is posted.

# SEE ALSO

9p, diskfs; ramfs(4) of the Plan 9 manual, tmpfs(5)

# BUGS

Who attaches is who they say they are.

A hole in a file that is shorter than 64 KiB may take the memory that it stands for.

Access control lists are not kept: setting one is "Operation not supported".
*/
package ramfs
