/*
Top shows nodes as they work.

# NAME

top - show nodes, servers and processes as they work

# SYNOPSIS

	nine top [-n count] [-t time] [dir ...]

# DESCRIPTION

Top reads the files of nodes again and again and shows what has become of them: how busy
their processors are, how much of their memory is used, their processes, and the 9P messages
that their servers have answered. A node is a directory with proc, dev and stats: /mnt is
the one that the name space is of, called here, and each such directory in /n is another.
Dirs name others. Whatever is mounted there is shown: what is not there is left out, and a node
that does not answer holds up none but its own line, which tells for how long.

On a terminal the screen has the nodes, a line each, with what their processors did of late, and
of the node that is chosen the servers and as many processes as there is room for. Keys:

	up, down   another node; k and j too
	c m p n    processes by processor, memory, number, name
	space      stop, and go on
	q          end; ^C too

Elsewhere, on a terminal that is called dumb, and with -n, it prints that as lines. Where
$NO_COLOR is set, the screen has no colours.

	-n count  print so many times, and end
	-t time   between two looks; default 2s

Cpu is what is not idle of all processors, in hundredths; 9p/s and err/s are messages and
refusals a second, in/s and out/s bytes; walks that find nothing are no refusals, and top's own
reading counts as any other.

# EXAMPLES

	top
	top -n 1 -t 10s /n/n2

# FILES

	/mnt/stats/SERVER   what it has done; not NAME.log and NAME.prom
	/mnt/dev/sysstat, /mnt/dev/swap
	/mnt/proc/PID/status

# SEE ALSO

up, devfs, procfs, graph

# DIAGNOSTICS

"no node": none of the directories has proc, dev or stats; top is for inside nine up.
*/
package top
