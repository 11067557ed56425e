/*
Newns runs a command in a name space of its own.

# NAME

newns - run a command in a new name space

# SYNOPSIS

	nine newns [-9N] [-n nsfile] [-d directory] [command [argument ...]]

# DESCRIPTION

Newns builds a name space and runs the command, $SHELL if none is given, in it.
What is bound and mounted there is seen by the command and what it starts, and by
nobody else. /mnt/bin, which has ninespace's commands, comes first in its PATH.
The working directory stays where it is, if that is there inside.

On the host newns starts an engine (nsd), which ends with the command. The name
space is the host's own tree, with the directories n, mnt and srv added, and what the
namespace file says: nsfile, or else $HOME/lib/namespace, or else a standard one
that mounts what `nine up` posts.

In a name space newns copies that one, by the same engine, and adds nsfile's
lines only if -n is given. Newns is then replaced by the command.

For a user other than root newns makes a user namespace, in which only that user
and group exist; all other owners appear as nobody. Programs with the set-user-ID
bit gain nothing there.

	-d	start in directory, which must be there inside
	-n	build the name space from nsfile
	-9	let the kernel's own 9P client, v9fs, show the trees of servers, where it
		has one loaded and newns is run by root: quicker at some things, and the
		same but for what BUGS says
	-N	let the engine serve the host's tree too, instead of leaving it to the
		kernel: slower, and the same

The flags -e, -i, -s and -a are for programs that start sessions: descriptors of
the engine and of a file with the lines, what errors call it, and the name that the
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
	newns -n lib/build make

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

With -9, files of servers that block can be interrupted by what kills only. A server
is connected to once more by the kernel, so that one which shows each connection
another tree shows two. A posted descriptor is never left to the kernel.

With -N, Unix sockets on the host's disks cannot be connected to.
*/
package newns
