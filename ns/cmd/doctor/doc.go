/*
Doctor says what this machine can do for ninespace, and what to do about the rest.

# NAME

doctor - tell what this machine can do, and what to do about what it can't

# SYNOPSIS

	nine doctor [-v]

# DESCRIPTION

Doctor tries what the other commands need, as the user who runs it, and prints a line
for each thing: ok, what it is, and what was found; or no, what is missing, and the
remedy. Less, in place of no, is for what nothing but a convenience or some speed
depends on. It changes nothing.

	fuse        /dev/fuse, by which programs see a name space
	mounts      a mount namespace of one's own, a user namespace for those who aren't
	            root, and a FUSE file system mounted in it
	openat2     the system call by which diskfs stays beneath its directory
	posting     the directory of sockets, $NAMESPACE
	servers     whether those posted there answer
	keys        a key by which cpu and others prove who one is
	hostkey     one by which this machine does, for a cpud on TCP
	port        whether cpud's port, 17011, can be listened at
	9port       whether 9P's, 564, can
	v9fs        Linux's own 9P client, for newns -9
	passthrough long reads of name spaces without the engine: root's, since Linux 6.9
	cgroups     control groups of version 2, for limits
	ptrace      whether procfs may hang and trace processes
	memlock     how much memory factotum may keep out of swap
	kexec       whether a node can start another kernel
	qemu        a machine to try boots in, and kvm to have it fast

	-v  say of each what it is for, too

# EXAMPLES

	nine doctor
	nine doctor -v | grep -A1 ^no

# SEE ALSO

up, newns, cpud

# DIAGNOSTICS

The status is 1 if what nine up needs is not there: one of fuse, mounts, openat2 and
posting has no.
*/
package doctor
