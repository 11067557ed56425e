/*
Rfork runs a command in a name space that is copied, clean or closed.

# NAME

rfork - run a command in a name space that is copied, clean or closed

# SYNOPSIS

	nine rfork [flags [command [argument ...]]]

# DESCRIPTION

Rfork does to itself what fork(2)'s flags say and then becomes the command, $SHELL
if none is given. It is the builtin rfork of rc for other shells, where `exec rfork
n bash` replaces the shell by one in a name space of its own. The flags, without a
minus sign, are

	n	a copy of the name space: binds and mounts are seen by the command
		and what it starts only. This is so if no flags are given.
	N	a clean one, as it is without any namespace file
	m	mount no more: mounts, clear and names that begin with #, but for #c,
		#e and #p, are refused from now on, bind of others is not. It holds for the new group
		or, without n and N, for all processes of the present one, and the
		command loses the right to make mounts of Linux's.
	e	a copy of the environment: of the variables of /env, which the command then
		has for itself, in the same name space; its own are that anyway
	E	an empty environment, but for PATH, and an empty /env

Processes of a group share the name space; nothing but rfork and newns makes a
new group.

# EXAMPLES

	rfork n sh -c 'bind b a; make'
	exec rfork nm

# FILES

	/mnt/ns/ctl	takes rfork and the flags

# SEE ALSO

newns, bind, ns

# DIAGNOSTICS

"mount/attach disallowed": the group mounts no more. The status is the command's,
127 if there is none of the name, 126 if it cannot be run.

# BUGS

M keeps programs from mounting by mistake, and programs of an ordinary user that are
not trusted from changing the group. It does not hold root who means harm: that can
still make a user name space, in which it may mount, open the files beneath a mount by
their handles, have Linux run a program elsewhere (/proc/sys/kernel/core_pattern), and more.

After m a process has no right to make a new group, not even a copy, and e and E leave
/env as it is.

What is bound or mounted on /env itself after e or E, without n, is not seen there.
*/
package rfork
