/*
Cpu runs a command on another node with your files along.

# NAME

cpu - run a command on another node, with your files along

# SYNOPSIS

	nine cpu [-9NRfilv] [-a command] [-h addr,...] [-u user] [-J addr] [-k key] [-d dir] [-e var] [-n nsfile] [-r tree] [-P file] [[-c] cmd [arg ...]]

# DESCRIPTION

Cpu connects to the cpud at addr and runs cmd there with its own standard input,
output and error; without cmd, your shell there. It ends with the command's exact
exit status; a command that a signal ended gives 128 and the signal's number.

In the command's name space your files are at /mnt/term: all of / as you see it,
mounts and binds too. The command starts in your working directory there,
/mnt/term/your/dir. What it writes below /mnt/term it writes to your files, with
your rights.

Who is root there can do with them what you can, as long as a session lasts, and read your keys as all else:
-r, -P and -R let the far side have less. Your ssh-agent and factotum do not come along. To
a third node -J goes with your keys here; where a program on the second one runs cpu, that
can be told to take yours by -k /mnt/term/home/you/.ssh/id_ed25519.

The far side keeps what it has seen of your files, so that it need not ask twice (see
mount -C). It sees all that was done before the command began; what you, or anybody
else here, do to them meanwhile it sees some milliseconds later, when this machine
has told it. Nodes that one cpu runs the command at see each other's changes at
once, when the one that makes them has closed or synced the file. What the command has
written is with you when it has closed the file, and an error of that is close's.

If standard input and output are terminals, the command runs on a pseudo-terminal
which follows this one's size. All keys are for the far side then: by
^Z a shell there stops its job, and a command without a shell is not stopped, as with ssh(1). Only ~. at the
beginning of a line, where ~~ is one ~, leaves cpu, even if nothing is heard of the far side: the command is
hung up on when that hears of it, and one that -a goes on with is left again.
Otherwise ^Z stops cpu, the command's output and error stay apart, and interrupt, hangup, quit,
termination, USR1 and USR2 signals are sent on to it.

Addr is one of

	local              the cpud of nine up, or another one of yours on this machine;
	                   the default, unless $cpu says otherwise
	tcp!host!port      a cpud on another node; host!port, host:port and tcp!host
	                   (17011) too; /net/tcp!host!port goes out by the network
	                   mounted there
	ssh!host           any machine that ssh(1) gets to and nine is on: your own ssh
	                   runs cpud there; ssh!user@host and ssh!host!port too
	unix!/path         a socket
	name               a server posted by that name, or the host: tcp!name!17011

and user@ may stand before the host. With several, parted by commas or written as n[1-8],
the command runs at all of them at once, with no input; each line of the outputs is marked
by its node and the status is the worst.

On TCP you prove who you are by a key, as with ssh: one that factotum has, or your
ssh-agent, or ~/.ssh/id_ed25519 or id_ecdsa with its certificate. The host's key has to be in
your ~/.ssh/known_hosts (or the machine's own file), under the name [host]:17011 or, as sshd's
key will do, host. You are asked about a host that is not there, on the terminal;
without one you are refused, and so is a host whose key has changed. When the link is lost
(a network that changes, a machine that sleeps), cpu makes another one and goes on where
it was: nothing is lost and nothing done twice. The far side waits an hour for that.

With -9 addr is a machine with Plan 9's door: one of 9front, or a node whose cpud has
been given -9; host alone is tcp!host!17019. You come in by a password, of which factotum
has a key (proto=dp9ik), and -u is which of them. There is no terminal there: the command's
files are in /mnt/term/fd, lines are edited here, and an interrupt is a note. Options that
Plan 9 has no word for cannot be given: -N, -a, -f, -i, -k, -n.

The options are:

	-h addr    where
	-9         by Plan 9's door
	-u user    as whom, there; default your own name
	-J addr    by way of the cpud at addr, or several parted by commas, user@addr each;
	           with ssh!host, ssh's own -J
	-k key     show this key only: a file, or the fingerprint of one that factotum
	           or the agent has (SHA256:...)
	-c cmd     run cmd; all that follows is its arguments. Without -c too
	-d dir     start in dir of the far side's name space
	-e var     set a variable of the command's environment, to its value here or, as
	           name=value, to that one; may be repeated. Everybody here can see
	           name=value, as all of a command line: a secret goes by its name alone.
	           TERM, LANG, LC_* and TZ are always set. $objtype is the far side's kind of
	           processor
	-n nsfile  build the command's name space with the namespace(6) lines of
	           this file of yours; a line that cannot be applied is an
	           error and the command does not run
	-r tree    let the far side have only this directory, as /mnt/term
	-P file    let the far side have of that only what this patternfile says, as
	           exportfs does
	-R         let the far side read and not write
	-N         let your root be the command's root: / with /usr, /etc and all, but for
	           the far side's own /dev, /proc, /sys and /tmp and what ninespace has.
	           This is done by itself, with your $PATH, for a command that the far side
	           does not have. If its processor is of another kind, programs and
	           libraries (/usr, /bin, /lib) stay its own, with your /$objtype/bin
	           before its /bin. What it has read of your programs it keeps on its disk, in
	           your cache there, so that they come over the network once (bind -C)
	-f         start the command, print what it is called and leave it running. What it
	           writes waits in a pipe or its terminal, which can become full. Its files at
	           /mnt/term stay those of here, its input does not end with a cpu -a, and it ends when this machine has not been
	           heard of for an hour, or ends the connection that is kept
	-a command go on with a command that was left, from here or from any other machine, as
	           the same user there. If somebody goes on with it already, he is let go of:
	           the last who comes has it. If cpu is left by ~. or killed, or its terminal goes, the
	           command is left again; when it ends its status is cpu's
	-l         mark lines by their node even if it is one
	-i         at ssh!host, first put nine there, as ~/.local/lib/ninespace/nine, if it is
	           not the same already
	-v         say what is done: what is mounted, the door, who both ends are, and how many
	           round trips the far side needed for your files: what it asked ahead may
	           count, and so does what others asked meanwhile by a connection that is kept

A connection is kept for the next command: for a minute after the last one, or for as
long as $cpuidle says, a duration such as 10m; 0 keeps none. Only commands from the
same name space which ask for the same share one. It stays as long as there is a command
that was left with -f. The process that keeps it is cpu -M, which
SIGTERM ends.

# EXAMPLES

Build here what lies here, on a faster node:

	nine cpu -h 'tcp!fast!17011' go build ./...

A program of yours on another machine, and a question to all of them:

	nine cpu -h 'ssh!lab' -i -N ./analyse data
	nine cpu -h 'n[1-8]' uptime

A long build, left at one desk and gone on with at another:

	nine cpu -h fast -f make
	nine cpu -h fast -a x7dkq2mfpa.0

The two outputs apart:

	nine cpu make >log 2>errors

# FILES

	$NAMESPACE/cpu      the socket that -h local means
	$NAMESPACE/cpu.*    connections that are kept
	$SSH                the command that is ssh, with its flags, if set
	~/.ssh/known_hosts  the keys of hosts
	/mnt/term           your files, on the far side

# SEE ALSO

cpud, factotum, up, ssh(1)

# DIAGNOSTICS

Status 127: the command is not there, and where it was looked for is said; 126: it
cannot be executed. Status 1 is the command's own, or cpu's with a line that says why.

# BUGS

Without a terminal cpu ends when the command's output has ended, which a background
process that holds it delays, as with ssh(1). It is killed when cpu has
ended. With a terminal cpu waits for it half a second.

Where output is much, cpu asks for a mebibyte ahead: a command can be that far ahead of who
reads what cpu writes, and that much is lost where cpu is killed. With -a it is 64 KiB, which
the next cpu -a does not get.

On other systems than Linux a connection is not kept, so that there is no -f and no -a,
and your files have no record locks, extended attributes and new pipes there.
*/
package cpu
