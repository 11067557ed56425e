/*
Exportfs gives a tree of this machine to others.

# NAME

exportfs - give a tree of files to other nodes

# SYNOPSIS

	nine exportfs [-Rx] [-r tree] [-P patternfile] [-S srvname] [-s srvname | -l dialstring]
		[-k key] [-a file]

# DESCRIPTION

Exportfs gives the machine's files, or some of them, to those who import them.

With -l it listens for callers of other nodes, who show a key: see cpud, which lets the
same ones in by the same files and gives the same trees besides running commands.
Each is served as the user of this machine that the key stands for, by a process of
that user's; run by anybody but root, exportfs serves its own user alone. The caller
says which directory beneath tree it wants, or none for tree itself. Without -r, -R and
-P there are two kinds of names more: #s/name is the server that the user has posted
as name, and /net and /mnt/proc, where the machine has no such directories, are
netfs's and procfs's trees.

Without -l and -s, where its standard input and output are one connection, exportfs serves whoever is
at the other end, as Plan 9's, and asks him nothing: so it is called by 9front's rimport, by way of
cpud -9, where he has shown who he is. A super-server such as inetd(8) would let in everybody. Else it
posts a server in $NAMESPACE that gives tree to its own user over 9P.

	-r tree         only this directory; default /
	-R              read only: all changes are refused
	-P patternfile  only files whose path, which begins with a slash at tree, matches the
	                regular expressions of all lines "+ regexp" and of no line
	                "- regexp". The others are not there and cannot be made; a
	                directory cannot be renamed
	-S srvname      what this posted server (or one at a dial string) serves, whole,
	                without a mount of it here
	-s srvname      post as srvname; default exportfs, or no name, as said above
	-l dialstring   listen here instead: tcp!*!17011, unix!/path
	-k key          the machine's key, a file or a fingerprint; default as sshd's
	-a file         who is whom, instead of /etc/ninespace/users
	-x              no /net

Nothing beyond tree can be reached: symbolic links are given as they are, for the
importer to follow on its side, ".." ends at tree, and names are looked up by the
kernel beneath it, however they are renamed meanwhile.

The flags -i, -w and -D are for exportfs itself: with -i it serves one caller on standard
input, a socket; -w is what that one wants; with -D it has, without any rights, the connections
of those who call an exportfs of root, as cpud's manual tells.

# EXAMPLES

	nine exportfs -R -r /srv/pub -l 'tcp!*!17011'
	nine exportfs -r /usr/share/doc -s doc &
	nine 9p ls doc

All but hidden files and what is called secret:

	echo '- /\.' >patterns; echo '- /secret(/|$)' >>patterns
	nine exportfs -P patterns -r . -l 'tcp!localhost!17020'

# FILES

~/.ssh/authorized_keys, /etc/ninespace/users: who may come in as a user

# SEE ALSO

import, cpud, diskfs; exportfs(4) of the Plan 9 manual

# DIAGNOSTICS

A caller that is turned away is told why, and so is standard error.

# BUGS

A caller whose key has command= gets no files, whatever the command.

What is in a directory that is renamed from this side keeps the path by which a
caller reached it until it walks there anew.
*/
package exportfs
