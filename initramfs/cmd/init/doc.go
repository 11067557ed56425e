/*
Init is the first process of a node that boots from an image of initramfs.

# NAME

init - make a machine a node

# SYNOPSIS

	init

# DESCRIPTION

The kernel starts init; nobody else does. It mounts what Linux programs expect, loads the
kernel's modules that the machine's hardware asks for, and later those that the kernel
asks for, configures the network, and starts the servers of the node's resources, those
of nine up, with a cpud for the owner: who has one of the keys in
/root/.ssh/authorized_keys. The node is known by the key in /etc/ssh/ssh_host_ed25519_key, whatever
keys factotum is given. All of them are started again when they end, at growing
intervals: cpud, ram, root's factotum, which has no key until somebody gives it one, and as the
one service kernel those of proc, dev, env, ipc, net and exec. It reaps what others leave.

The kernel's command line may have, quoted as in a shell:

	ip=...              as the kernel's own: dhcp, which is the default; off;
	                    DEVICE:dhcp; or ADDRESS:SERVER:GATEWAY:MASK:NAME:DEVICE:HOW:
	                    DNS:DNS:NTP, where most may be empty and the
	                    server is not used
	nine.name=name      the host's name; default what DHCP says
	nine.wait=time      how long the network may take, 30s, before the console is
	                    offered; default 20s. It is waited for all the same
	nine.console        a shell on the console at once; nine.console=0 none ever, for a
	                    console that others reach too
	nine.ntp=hosts      set the clock by one of these, with commas between; default those
	                    that the network names, or else it is the machine's own
	nine.root=dialstring nine.aname=tree nine.uname=user
	                    the file server that has the root, the tree there, and as
	                    whom it is had, default root; tls! has no default
	nine.token=token nine.join=url
	                    join the cluster, there and by that; without a token by the
	                    machine's TPM: see netboot
	nine.serial=n       of the manifest that this is booted by: boot starts none older

A node that was given a token has its key certified by it, once it has a network. The
token is on the kernel's command line, where everybody can read it, and worth nothing by
then; one that was used before is refused, and the console says so. Whoever is on the network can say
that it is: the node asks again, at growing intervals up to 30 seconds, until it has joined, and the
owner can come in meanwhile.

A node with a TPM 2.0 needs no token: who it is its endorsement key shows, by the hash ek that the
console has until netboot knows it.

The authority that signs is believed, with a token and without, unless the image has one, as a
line @cert-authority of /etc/ssh/ssh_known_hosts: then no other is, and that one for the hosts alone
that the line has. Give the image one: token and address come over the network as they are.

With ip=dhcp IPv6 is had where a router says so: the kernel makes the address, or DHCPv6
gives one where the router says that (managed), and the servers of names are the router's
(RDNSS) or, where the router has said that too, those that DHCPv6 names. Of IPv4 and IPv6 the first address will do, and the other one comes later.

A node with nine.root has as its root what that server serves by 9P2000.L, on port 564 if
none is said, and asks for it until it comes. The kernel mounts it, read only, and a layer
in memory takes what is written: the node leaves nothing anywhere. The node's key, who may
come in and what it knows of the network stay its own. A server's symbolic links are followed
beneath its tree only.

Of tls!host!port, port 17011 if none is said, both ends show a key, and nobody reads or
changes what goes between them. There is an exportfs -l, or a cpud. Its key is to be in the
image's /etc/ssh/ssh_known_hosts or, where that has none of the host, certified by the authority
that the node has joined; the node's own has to let in as nine.uname there. A server with another key is refused, which the
console says. Any other server is believed.

What is written goes into memory: the root takes 30 % of it at most, /tmp 15, /dev/shm 5,
/run 5, a layer above nine.root 15. Then there is no space left, and the node goes on. It is gone when
the power is or the node boots again, whether it was synced or not: what is to stay is written to the
caller's files, at /mnt/term, or to a server's. There fsync(2) of a file returns when the server's machine
has done it. The server's tree of nine.root is as it was, as no node writes there.

On the console nobody has to log in. The shell is nine rc in the node's name space. It is offered when
a step has failed or takes too long, other than to set the clock, which who is on the network can
bring about.

# FILES

	$NAMESPACE/node        the tree: ctl hardware health key log status params
	/lib/modules           the modules, index and load: see initramfs
	/lib/namespace         namespace(6) for the node's commands
	/etc/ssh/ssh_host_ed25519_key
	                       the node's key; one is made at each boot unless the image
	                       has one
	/etc/ssh/ssh_host_ed25519_key-cert.pub
	                       its certificate, once it has joined, and in
	/etc/ssh/ssh_known_hosts
	                       the authority by which it knows the others then, behind what
	                       the image has there, unless that has an authority
	/etc/ninespace/signers who may sign what it boots next: see initramfs
	/tmp/ns.root.:0        $NAMESPACE of root, where the servers are posted

The tree's ctl accepts

	reboot, halt
	boot manifest [args ...]        start what a manifest of netboot's names, a file or
	                                a URL, if one of the signers has signed it
	kexec kernel image [args ...]   start another kernel, which is refused where the
	                                image has signers
	restart service                 end a service, which starts again

# EXAMPLES

	echo reboot | nine 9p write node/ctl
	nine 9p read node/status

# SEE ALSO

initramfs, cpud, up

# DIAGNOSTICS

All that it has to say begins "init:" and is on the console and in log. A step that
fails says so and the others go on, with a shell on the console.

# BUGS

A root's server that goes away takes the files of all that runs with it: when it is there
again, the services begin anew with a new root, and what was written to the layer is gone.

A node's key lies in memory, not in its TPM, and is a new one after each boot without an image
that has one; what was booted is not measured.
*/
package boot
