/*
Up brings this machine up as a node: servers, a name space, a shell in it.

# NAME

up - start this user's servers and a shell in a name space made of them

# SYNOPSIS

	nine up [-c command] [-n nsfile] [-cluster n] [-vm n]

# DESCRIPTION

Up starts the servers of a node for the user who calls it, each posted in a name
space directory of its own ($NAMESPACE):

	ram   a file tree in memory, at /n/ram
	proc  the machine's processes as Plan 9 has them, at /mnt/proc
	dev   the console, clocks, disks, sensors and other devices, at /mnt/dev
	exec  the running of commands, at /mnt/exec
	env   environment variables, at /env
	ipc   queues, semaphores, the plumber and other channels, at /mnt/ipc
	net   the machine's network, at /net
	cpu   the far side of cpu -h local

What each has done, in counts and times of each message, is a file of its name in
/mnt/stats; NAME.prom beside it is the same in the text format of Prometheus. NAME.log
says, as it happens, who was refused, which connection broke the protocol or was cut
off, and which met a limit: it reads as the last lines, then waits for the next.

It then builds a name space from $HOME/lib/namespace or, where that is not there,
from the one that nine has built in, and runs $SHELL in it. Linux's own /proc and
/dev stay there, and all of the machine's files are where they were. Inside, the commands
of nine come first in $PATH by their bare names: bind, mount, unmount, ns, cpu, 9p.

When the shell ends, all that was started with it ends: the servers, their mounts,
and processes that were left in the background. The status is the shell's. A SIGTERM
or SIGHUP to up hangs the shell up, and kills it if it does not end within 2 seconds;
nothing is left after a SIGKILL of up either.

The options are:

	-c command  run "$SHELL -c command" instead of an interactive shell
	-n nsfile   build the name space from this namespace(6) file
	-cluster n  make n nodes besides, n1, n2 and so on
	-vm n       start n virtual machines too, nodes of their own without a disk: vm1 and
	            so on for cpu -h, and their roots at /n/vm1 and so on. See nine man vm

With -cluster there are nodes to try things out on, made of this machine: each has a network,
processes and a host's name of its own, all the servers above, a cpud that the others
reach by their names and keys (cpu -h n2, on n1 too), and a home. They share the machine's disk and
are on a network, 10.9.0.0/24, that nobody else is on. At /n/n1 are n1's proc, dev, net, exec,
ipc and stats, and its files from / on, root; $cpus lists the nodes, for cpus. They need
no more than up itself does, and with up they and all in their homes go.

Flags in $NINE_ARGS, quoted as for a shell, come before those given; those in $NINE_VM are
for vm.

# EXAMPLES

	nine up
	nine up -c 'cat /mnt/proc/$$/status'
	nine up -vm 2 -c 'for vm in vm1 vm2; do cpu -h $vm rc -c "read </proc/version"; done'

Three machines, a loop over them, and a call that goes out of one of them:

	nine up -cluster 3
	for i in 1 2 3; do cpu -h n$i hostname; cat /n/n$i/proc/1/status; done
	mount '#s/n1.net' /net; cpu -h /net/tcp!10.9.0.2!17011 hostname

In rc, all that the servers say from now on, with their names:

	for(f in /mnt/stats/*.log) sed 's:^:'^`{basename $f .log}^' :' $f &

# FILES

	$HOME/lib/namespace  this user's name space
	$NAMESPACE           the sockets of the servers

# SEE ALSO

newns, bind, mount, ns, cpu

# DIAGNOSTICS

A server that does not start, or a line of the namespace file that cannot be
applied, is an error that names it; nothing is left running.
*/
package up
