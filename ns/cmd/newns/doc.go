/*
Newns runs a command in a name space of its own.

# NAME

newns - run a command in a new name space

# SYNOPSIS

	nine newns [-N] [-f nsfile] [-d directory] [command [argument ...]]

# DESCRIPTION

Newns builds a name space and runs the command, $SHELL if none is given, in it.
What is bound and mounted there is seen by the command and what it starts, and by
nobody else. /mnt/bin, which has ninespace's commands, comes first in its PATH.
The working directory stays where it is, if that is there inside.

On the host newns starts an engine (nsd), which ends with the command. The name
space is the host's own tree, with the directories n and mnt added, and what the
namespace file says: nsfile, or else $HOME/lib/namespace, or else a standard one
that mounts what `nine up` posts.

In a name space newns copies that one, by the same engine, and adds nsfile's
lines only if -f is given. Newns is then replaced by the command.

For a user other than root newns makes a user namespace, in which only that user
and group exist; all other owners appear as nobody. Programs with the set-user-ID
bit gain nothing there.

	-d	start in directory, which must be there inside
	-f	build the name space from nsfile
	-N	let the engine serve the host's tree too, instead of leaving it to the
		kernel: slower, and the same

The flags -e, -i, -n and -a are for programs that start sessions: descriptors of
the engine and of a file with the lines, that file's name, and the name that the
command is given for itself.

# The namespace file

A line is one of

	bind [-abcC] new old
	mount [-abcC] server old [aname]
	unmount [new] old
	cd directory
	clear
	. nsfile

$name stands for a variable of the environment and ends at a blank, a slash or
another $; 'quotes' are rc's. A line whose first character is # is a comment. If
the first character is -, the line may fail: that is told and the rest done.
Any other line that fails ends newns.

# EXAMPLES

	newns
	newns -f lib/build make

# FILES

	$HOME/lib/namespace	the user's own
	/mnt/ns/ns		what the name space is made of
	/mnt/bin		ninespace's commands

# SEE ALSO

bind, mount, unmount, ns, rfork, up

# DIAGNOSTICS

The status is the command's; 128 and a signal's number if that ended it; 127 if
there is no such command, 126 if it cannot be run. A line of a file that fails is
told as file:line: what went wrong.

# BUGS

With -N, Unix sockets on the host's disks cannot be connected to.

What the engine shows of the host's files, with -N or in a union, is what they were
at most 10 ms ago if another program changes them, the names of directories and
symbolic links, and attributes of the former, what they were at most a second ago.
Data is what it was when the file was opened, or newer. What the kernel shows itself,
which is all else, is never old.
*/
package newns
