/*
Cpu runs a command on another node with your files along.

# NAME

cpu - run a command on another node, with your files along

# SYNOPSIS

	nine cpu [-R] [-h addr] [-d dir] [-k tokenfile] [-n nsfile] [-r tree] [cmd [arg ...]]

# DESCRIPTION

Cpu connects to the cpud at addr and runs cmd there with its own standard input,
output and error; without cmd, your shell there. It ends with the command's exact
exit status; a command that a signal ended gives 128 and the signal's number.

In the command's name space your files are at /mnt/term: all of / as you see it,
mounts and binds too. The command starts in your working directory there,
/mnt/term/your/dir. What it writes below /mnt/term it writes to your files, with
your rights.

If standard input and output are terminals, the command runs on a pseudo-terminal
which follows this one's size. Otherwise its output and error stay apart, and
interrupt, hangup, quit, termination, USR1 and USR2 signals are sent on to it.

The options are:

	-h addr       where: local (the cpud of nine up, the default), or a dial
	              string, unix!/path, tcp!host!port, or /net/tcp!host!port,
	              which goes out by the network mounted there. $cpu, if set,
	              is the default instead of local
	-d dir        start in dir of the far side's name space
	-k tokenfile  the token of a cpud on TCP; default $NAMESPACE/cpu.token
	-n nsfile     build the command's name space with the namespace(6) lines of
	              this file of yours; a line that cannot be applied is an
	              error and the command does not run
	-r tree       let the far side have only this directory, as /mnt/term
	-R            let the far side read and not write

# EXAMPLES

Build here what lies here, on a faster node:

	nine cpu -h 'tcp!localhost!17011' go build ./...

The two outputs apart:

	nine cpu make >log 2>errors

# FILES

	$NAMESPACE/cpu        the socket that -h local means
	$NAMESPACE/cpu.token  the token for TCP
	/mnt/term             your files, on the far side

# SEE ALSO

nine man cpud, nine man up

# DIAGNOSTICS

Status 127: the command is not there; 126: it cannot be executed. Status 1 is the
command's own, or cpu's with a line that says why; a line that begins "newns:" is
from the far side, which could not build the name space or start the command in it.

# BUGS

Without a terminal cpu ends when the command's output has ended, which a background
process that holds it delays, as with ssh(1). It is killed when cpu has
ended. With a terminal cpu waits for it half a second.
*/
package cpu
