/*
Ps lists processes.

# NAME

ps - list processes

# SYNOPSIS

	nine ps

# DESCRIPTION

Ps prints a line for each process: its user, number, seconds in user code and in the
system, memory, state and name, from /mnt/proc/N/status. With arguments it is the machine's
own ps.

# EXAMPLES

	ps
	ps -ef

# FILES

	/mnt/proc/N/status

# SEE ALSO

psu, top, procfs

# DIAGNOSTICS

"no processes in /mnt/proc": nine up and cpu have them there.
*/
package ps
