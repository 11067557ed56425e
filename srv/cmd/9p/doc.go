/*
9p reads and writes the files of a 9P server without mounting it.

# NAME

9p - read and write files of a 9P server

# SYNOPSIS

	nine 9p [-lD] [-a dialstring] [-A aname] [-u uname] command path ...
	nine 9p [option ...] ls [-ld] path ...
	nine 9p [option ...] read path ...
	nine 9p [option ...] write [-l] path
	nine 9p [option ...] rdwr path
	nine 9p [option ...] stat path ...
	nine 9p [option ...] create path ...
	nine 9p [option ...] mkdir path ...
	nine 9p [option ...] mv old new
	nine 9p [option ...] rm path ...
	nine 9p [option ...] cp from ... to

# DESCRIPTION

A path is srvname/file: the server is the one posted under that name in the
name space directory, the file is in its tree. With -a every path is in the
tree of the server at dialstring. The options are

	-a  dial the server at dialstring: tcp!host!port, unix!/socket, or the
	    name of a posted server; the port of 9P is 564. /net/tcp!host!port
	    goes by the files of the network that is mounted there
	-A  attach to the tree called aname; default the empty name
	-u  attach as uname, and prove to a server that asks for it that one is, by
	    factotum with a key of uname's. By default as the user who runs 9p, and
	    nothing is proved
	-l  speak 9P2000.L; default is 9P2000
	-D  print the messages to standard error

The commands are

	ls      list the files, and what is in those that are directories, in
	        order of their names: -l with mode, owner, group, length, time of
	        change; -d the directories themselves. A name with control
	        characters is quoted
	read    copy the files to standard output
	write   truncate the file and copy standard input to it, a message for
	        each piece as it comes; -l a message for each line
	rdwr    again and again: read the file once, from its start, and print
	        it as a line; then write a line of standard input to it, without
	        its newline. For files that answer what is written to them
	stat    print what is known of the files
	create  make files; it is an error if they are there
	mkdir   make directories
	mv      rename a file, in place of one that is there too: 9P2000, which
	        renames within the file's directory only, puts that one aside
	        first, as .old and eight letters, and then removes it
	rm      remove files and empty directories
	cp      copy files to a file, or into a directory. A path that begins with /,
	        ./ or ../ is one of this machine's. On a terminal a line on standard
	        error shows how much has been copied, how fast, and how long it
	        will take still; elsewhere a line comes every ten seconds

New files and directories have the modes 666 and 777, less what the directory that
they are in lacks (9P2000) or less the umask (9P2000.L).

An interrupt flushes the request that is under way; a second one ends 9p at once.

# EXAMPLES

	nine ramfs -s ram &
	nine 9p create ram/greeting
	echo hello | nine 9p write ram/greeting
	nine 9p read ram/greeting
	nine 9p -l -a 'tcp!fs!564' -A /export ls -l /

# FILES

$NAMESPACE, or /tmp/ns.$USER.$DISPLAY: where servers are posted.

# SEE ALSO

factotum, plan9port's 9p(1), intro(5) of the Plan 9 manual

# DIAGNOSTICS

"Authentication failed": the server asks who you are, or takes no such user: name one
with -u. The server can use the proof meanwhile at any other one of the key's domain, so
give it to none that you don't trust with that.
Of several paths one that fails does not keep the others from their turn; the
status is then 1. After a signal it is 128 and the signal's number.
*/
package ninep
