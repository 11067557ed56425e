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

Only the user who began a name space may change it or copy it, as what is mounted is
mounted as that user and with that user's keys. A program in it that has become another
user (see su(1)), or that has the set-user-ID bit of one, sees all that is there and can bind and
mount nothing. Root of a user namespace that such a user has made is that user.

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

The flags -e, -i, -r, -s and -a are for programs that start sessions: descriptors of
the engine, of a file with the lines and for what goes wrong, what errors call the lines, and the name that the
command is given for itself.

# The namespace file

A line is one of

	bind [-abcC] new old
	mount [-abcCn] [-k key] server old [aname]
	unmount [new] old
	cd directory
	clear
	. nsfile

A name that begins with neither / nor # is in the directory of the last cd, or in / before one;
that of another nsfile, after the dot, is where newns is run.
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

Directories that the kernel has are as they are outside. In those that the engine
serves, the host's with -N and all that is mounted, the following is not as on a
Linux disk:

  - Device nodes cannot be opened: who serves the tree could make any. Those of /dev can.
  - fcntl(2) does not take O_APPEND away from a file that root has open with -N, as the
    kernel was lent it so.
  - close(2) of a file that was open for reading only before it had its first lock does
    not give up the process's record locks: the engine is not told of it, which would take
    as long as to open the file.
  - F_GETLK names a process for locks of open files too, which Linux does not tell FUSE
    from others.
  - fallocate(2) does not insert or collapse ranges, which Linux does not ask of FUSE.
  - chattr(1) and lsattr(1) find no flags, RWF_NOWAIT of preadv2(2) is not supported, and FIOQSIZE
    of ioctl(2) tells of the room that a file took at its last stat(2).
  - poll(2), select(2) and epoll(7) say at once that a file can be read and written, as of
    a file on a disk, also of a queue or a console that a read then waits for. Linux asks
    FUSE about all files or about none, and would at each open by a Go program, which a
    stat's worth of time is too much for: who waits for several files has a thread or
    process wait for each. Nor does 9P ask without reading: a read ahead would take from a
    queue, or acquire a lock, that nobody asked for.

In what is mounted, besides:

  - All is done as the user who mounted: 9P has one user an attach. Who may do what is
    checked by the modes all the same, not by access control lists. What others make is
    given to them where root has mounted and the server lets root do so; elsewhere it is
    the mounting user's.
  - Directories, and files that are made when they are opened, such as a process's
    status, are believed to be there for a second: test -e may find one that has gone,
    open(2) does not.
  - Who locks by making a file (O_EXCL, link(2) or mkdir(2)) finds what was done under the lock
    before him, but for the first time that the name is made from here: files at which he
    looked within the 10 ms before may be what they were; with -C, from a server without
    leases, within the second before. So may be, the first two times, directories beside the
    lock that he used within the second before.
  - O_TMPFILE is not supported, for which 9P has no message.
  - fallocate(2) and lseek(2)'s holes are not supported, for which 9P has no messages.
  - renameat2(2) neither exchanges nor whites out, for which 9P has no messages. It looks
    for the name that it shall not replace, and then renames.
  - A server of 9P2000, Plan 9's, has neither links nor a rename that replaces, so that is not
    atomic: the file that has the name is put aside first, as .old and eight letters, then removed.
    For a moment nothing has the name, and where the connection ends or the server does not
    remove it, the .old file stays. What may be made in a directory such a server says itself,
    so that one's mode is shown with the owner's w.
  - O_DIRECT needs no alignment, as the server's memory is another.
  - inotify(7) tells what programs of the same name space do, not what others do at the server or
    by another mount, as on NFS: for that one has to look again and again, as tail -F does here.
  - What is written to memory of a file, by mmap(2), others see once it is written back, which a
    lock given up does not wait for. So sqlite's WAL is for programs of one name space and its
    copies: by two mounts changes are lost. Its other journals can be used by any number.
  - With -C, what write(2) adds at a file's end to a page that is changed in memory as well, by
    mmap(2), is zeros if Linux writes that page back at the moment: all file systems of FUSE
    lose it, as seen with 6.18. msync(2) before the write keeps it.

fcntl(2) finds out that processes wait for each other's locks only where all of them are
in name spaces of one engine. There it does for locks of open files too, for which Linux
does not.

Who waits for a server is interrupted by what kills, and who reads what blocks, as a device, by each
signal that has a handler. Else, where a file is only slow, hangup, interrupt, quit and terminate do so
after a second, and no other signal, so that a program does not stop by ^Z before it is answered.

With -9, files of servers that block can be interrupted by what kills only. A server
is connected to once more by the kernel, so that one which shows each connection
another tree shows two. A posted descriptor is never left to the kernel.

With -N, Unix sockets that a server outside has on the host's disks cannot be connected
to.

What the engine shows of the host's files, with -N or in a union, is what they were
at most 10 ms ago if another program changes them, the names of directories and
symbolic links, and attributes of the former, what they were at most a second ago.
Data is what it was when the file was opened, or newer. What the kernel shows itself,
which is all else, is never old.
*/
package newns
