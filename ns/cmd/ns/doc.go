/*
Ns prints a name space.

# NAME

ns - print the name space as lines that build it

# SYNOPSIS

	nine ns [pid]

# DESCRIPTION

Ns prints the name space of the process pid, or its own, as lines of a namespace
file: newns -n builds the same one from them. They are in the order in which the
binds and mounts were made; the last line is the working directory. What every
name space starts with is left out. A name that no longer leads to what it led to is
told as one in a device, #U/tmp; a server that only files of are left is mounted at
/n/.0 for as long as the lines take. "# may mount no more" is the first line where
that is so (rfork m): namespace files have no line for it.

# EXAMPLES

	ns
	ns 4711 >here; newns -n here

# FILES

	/mnt/ns/ns		the lines
	/#ns/ns			they as well, whatever is bound over /mnt
	/proc/PID/root/#ns/ns	another process's

# SEE ALSO

bind, mount, newns

# DIAGNOSTICS

A process of someone else's cannot be looked at.
*/
package ns
