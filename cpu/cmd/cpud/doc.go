/*
Cpud runs commands for cpu(1) of the same user.

# NAME

cpud - run commands for cpu of other nodes

# SYNOPSIS

	nine cpud [-s srvname] [-l dialstring] [-k tokenfile] [-n nsfile]
	nine cpud -i [-n nsfile]

# DESCRIPTION

Cpud waits for callers and gives each a session: a tree of files by which
commands are run (see execfs), and a name space for each command in which the
caller's files are mounted at /mnt/term. Commands run as the user who started cpud,
with cpud's environment. When a caller hangs up, or cpud ends, what it ran is sent a
hangup and then killed, with all that it left in the background.

By default cpud is posted in $NAMESPACE as cpu. On a Unix socket the caller must be
the user who runs cpud, which the kernel tells. On TCP cpud listens on loopback
only, and wants the token in tokenfile, which it makes where it is missing and which
only its owner may read.

The options are:

	-s srvname     post under this name; default cpu
	-l dialstring  listen here instead: unix!/path or tcp!127.0.0.1!17011
	-k tokenfile   default $NAMESPACE/cpu.token
	-n nsfile      build each name space from this namespace(6) file before the
	               caller's own lines; the default is newns's
	-i             serve one session on standard input and output, for whoever
	               started it, and end

# EXAMPLES

	nine cpud -l 'tcp!localhost!17011' &
	nine cpu -h 'tcp!localhost!17011' uname -a

# FILES

	$NAMESPACE/cpu
	$NAMESPACE/cpu.token  kept for the next time

# SEE ALSO

nine man cpu, nine man execfs, nine man newns

# DIAGNOSTICS

A caller that is turned away is told why, and so is standard error.

# BUGS

There is no listening on other addresses than loopback, and no other user's
sessions, before keys are there.
*/
package cpud
