/*
Netfs serves the machine's network as Plan 9's /net.

# NAME

netfs - the network as files

# SYNOPSIS

	nine netfs [-iD] [-f ndbfile] [-x netmtpt] [-s srvname] [-l dialstring]

# DESCRIPTION

Netfs serves the network of the machine, or of the network namespace that it runs in, as
ip(3), tls(3) and ndb(8) of Plan 9 have it. Who mounts it speaks out of that machine:
with another node's /net mounted over one's own, whatever uses /net goes out of that node.

	cs           a dial string is written, what to open and to write there is read
	dns          "name type" is written, records are read
	ndb          what the machine knows of its network, ndb(6); accepts more
	arp          the neighbours; accepts add addr hwaddr, del addr, flush
	iproute      the routes; accepts add target mask nexthop, remove target mask, flush
	ipselftab    the machine's own addresses
	ipifc/N/     the interface with the kernel's number N: ctl, data, local, status
	ipifc/clone  the ctl of an interface, after bind pkt, bind loopback or bind ether
	ipifc/stats  counts of IP, as tcp, udp and icmp have them of theirs
	log          events, each read once; accepts set and clear, with names of protocols
	tcp/ udp/ icmp/ unix/ vsock/ tls/
	             the protocols

An interface's ctl accepts add addr [mask [remote]], remove addr [mask], up, down, mtu
bytes, iprouting [0|1] and unbind, which removes one that was made. Add waits until the address
can be announced on: for one of IPv6 a second or two, in which others on the link may say that it is
theirs, which is an error then; after five seconds without an end of that it is "Connection timed
out", and the address stays. Written to ipifc/clone,
bind pkt [name] makes one of packets, which are read from and written to its data, and
which goes with the last who has clone or data open; bind loopback [name] makes one that
drops what it is given, where the kernel has dummy; bind ether name takes one that is there.

A protocol's directory has the file clone. Opening it makes a conversation, a directory
with a number for a name, and is its ctl, which reads as the number. A conversation lives
while one of its files is open.

	N/ctl        accepts the commands below
	N/data       what comes is read, what is written goes
	N/err        the last error
	N/listen     opening it waits for a caller and is the ctl of the conversation with him
	N/local      addr!port of this side
	N/remote     that of the other
	N/status     the state, and numbers

Written to ctl, each command a line, or one write:

	connect addr!port[!r] [localport]   call; !r calls from a port below 1024
	announce [addr!]port                be called at; * is any address, and any port
	bind [addr!]port                    have this address when calling
	hangup                              end both ways at once
	accept, reject                      nothing, and hangup
	ttl hops, tos byte                  for what is sent
	keepalive [ms], nodelay [on|off]    of tcp
	headers                             of udp, before announce: each datagram of data begins
	                                    with 52 bytes of addresses, as ip(3) has them
	addmulti ifc-addr group             of udp: hear what is sent to a group, by the interface
	                                    of this address; remmulti group ends that
	ignoreadvice                        of udp: ICMP's errors are not told

The addresses of unix are paths, those of vsock cid!port, with host and local for cids,
those of icmp have no port. Addresses are numbers; cs translates names. Without headers
an announced udp conversation is listened to: each who has not been heard of is a caller.
A message of icmp begins with its type.

Of tls, connect and announce are those of tcp, with the handshake. Before them:

	name host                           the certificate's name, if not the address
	ca file|pem                         trust these certificates instead of the system's
	fingerprint sha256                  take the certificate with this digest, and no other
	cert file|pem [file|pem]            our certificate, and its key if not in the same file
	alpn protocol ...                   offer these

and push proto/N [server] puts TLS on a conversation that is there. The text of a file can
stand for it, quoted as in rc(1).

Ctl of an interface accepts add addr [mask [remote]], remove addr [mask], up, down, mtu
bytes and iprouting [0|1]. A mask is like an address, or /bits: of 128 or, if less than 96
and the address is IPv4, of 32. The kernel lets root do that, and read the rest
everybody.

Served by root, other users have no ports below 1024, no Unix sockets and no files named in
commands; served by anybody else, they are refused. Conversations are their opener's.

The flags are those of every server, and:

-f ndbfile looks up names and services in this file, and those that its database entry names, before
the system is asked; default /lib/ndb/local.

-x netmtpt has cs say that the tree is mounted there instead of on /net.

-s srvname posts under this name instead of net.

-l dialstring listens there instead of posting.

-i serves one connection on standard input and output.

-D prints each message to standard error.

Netfs serves until it is told to end by SIGINT, SIGTERM or SIGHUP, or with -i
until the client hangs up. Told to end, it lets what runs go on for up to two
seconds and refuses what is new with "server is shutting down"; a second signal
ends it at once. What it has done so far, in counts and times of each message,
is a file of the attach name stats: nine 9p -A stats read net/net.
net.log there says, as it happens, who was refused, which connection broke the
protocol, and which met a limit.

# EXAMPLES

A server that echoes what its callers say, and one of those:

	cd /net/tcp
	exec 3<>clone; read l <&3; echo announce 7 >&3
	while exec 4<>$l/listen; do read n <&4; cat $n/data >$n/data & done &
	exec 5<>clone; read c <&5; echo 'connect 127.0.0.1!7' >&5
	echo hello >$c/data; head -n 1 $c/data

A page by TLS, of a server whose certificate is in the file cert:

	exec 3<>/net/tls/clone; read n <&3
	echo "ca $PWD/cert" >&3; echo name example.com >&3
	echo 'connect 192.0.2.1!443' >&3
	exec 4<>/net/tls/$n/data; printf 'GET / HTTP/1.0\r\n\r\n' >&4; cat <&4

A server that only the node gate reaches, whose netfs is at gate!5640:

	mount 'tcp!gate!5640' /net
	9p -a '/net/tcp!inner!564' ls /
	mount '/net/tcp!inner!564' /n/inner

# FILES

$NAMESPACE/net is where it is posted; /net in the name space of up.

/lib/ndb/local, /etc/hosts, /etc/services, /etc/resolv.conf

# SEE ALSO

up, srv, mount; ip(3), tls(3), ndb(6), ndb(8) and dial(2) of Plan 9

# DIAGNOSTICS

A command that fails names what was wrong with it; where only a number reaches the
client, the text is in err. A conversation that could not be connected is Closed, and can
be tried again. "i/o on hungup channel": the conversation is over, or the other side takes no more.

# BUGS

Whoever may connect uses the network of who started it: the posted socket is that user's
alone, and -l on a network address has no authentication.

There is no way to say that no more will be written: as in Plan 9, hangup ends both ways.

A write is answered when netfs has it: what of it could not be sent is the next write's error.

Of ip(3) there are no esp, gre, ipmux, rudp and il, which Linux has no sockets for that a
user may open, and no bootp, which is dhclient's; icmpv6 is icmp connected to such an address. An
interface's ctl has no speed, delay, reflect, reassemble, promiscuous, add6 and ra6, which are tc(8)'s
and sysctl(8)'s; tcp's has no checksum and tcpporthogdefense.

Announcing * takes any port that is free, not all of them. Icmp is for the groups of
net.ipv4.ping_group_range.
*/
package netfs
