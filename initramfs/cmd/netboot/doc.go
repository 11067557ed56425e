/*
Netboot boots machines over the network.

# NAME

netboot - boot machines over the network: DHCP, TFTP, HTTP

# SYNOPSIS

	nine netboot [-6ipvD] [-e interface] [-f ndbfile] [-d dir] [-x dir] [-w port] [-t pemfile] [-c file] [-j ndbfile] [-k file] [-s srvname] [-l dialstring] [address n]
	nine netboot -S file [-f ndbfile] [-d dir]

# DESCRIPTION

Netboot gives the machines of a network their addresses and what they boot: to BIOS and
UEFI firmware iPXE's program by TFTP, to UEFI's HTTP boot an EFI program, to iPXE a script
that loads a kernel, images and a command line by HTTP. What each one gets is in a file of
ndb(6):

	ipnet=lab ip=10.9.0.0 ipmask=255.255.255.0
		ipgw=10.9.0.1 dns=10.9.0.1
	class=worker kernel=vmlinuz image=node.cpio.zst
		cmdline="console=ttyS0 panic=10" manifest=worker.manifest
	ether=525400123456 ip=10.9.0.11 sys=node1 class=worker
	serial=CZ1234 sys=node2 class=worker cmdline="nine.console"
	class=arms arch=arm64 kernel=Image image=node-arm64.cpio.zst
	class=default bootf=rescue.efi

A machine is found by ether, by uuid (of SMBIOS) or by serial, and as it joins by ek. One that has no entry has
the first class that says arch= (i386, x86_64, arm64) or product= of it, or the class
default; any other is unknown, and gets nothing but what is said below. An entry's own
attributes go before its class's; cmdline is the class's and behind it its own. More than
one image may be named. Files are those of dir, by their paths in it: everybody on the
network can read all of them.

	kernel, image, cmdline
	             what iPXE boots
	bootf        what is loaded in place of iPXE, or, without kernel, by it
	manifest     see Signatures
	ip, ipgw, ipmask, dns, ntp, dnsdomain, sys, dom
	             what DHCP answers; dom is a name for certificates too. A machine may
	             have an ip of IPv4 and one of IPv6
	ek           the machine joins by its TPM, which has the endorsement key of that
	             hash; without a value, of a machine or a class: by any that will
	             be known (see Joining)

An address that is in no entry is given out only with address n: the n addresses, at
most 4096, from that one on are for machines without ip=, known or not. Who is unknown boots nothing.

With -p another DHCP server gives the addresses, and netboot what to boot. The address of a
machine without ip= is then the one that it asks for its script from.

With -6 the network's IPv6 is served as well, or alone if the interface has no IPv4 address:
DHCPv6, of which firmware and iPXE have the URL of what they load, and the files at the
interface's first address that is not fe80::. Router advertisements say that addresses
are had by DHCPv6 and which network is on the link, not that there is a router: one that there is
says so itself. The files are then for addresses of IPv6 of that network, or of an ipnet or ip of
ndb, alone. A machine without an ip of IPv6 has the address that its Ethernet address makes in
the network (modified EUI-64), if that is a /64. Another DHCPv6 server gives the URL itself, as option 59:
with -p this one says nothing, and serves the files. To iPXE that is

	http://[fd00:9::1]/boot/525400123456

# The tree

Netboot is a file server too:

	ctl          accepts reload; token ether [time]; forget ether
	joined       an entry of ndb for each that has joined: node sys ip hostkey joined
	log          what happened: time, ether, what
	ndb, status  the database in use; the address, and counts
	nodes/ether/ a machine:
	    ctl      accepts token [time]; forget
	    join     a request to join is written, the answer is read
	    log      the lines about it
	    script   what it is to boot
	    status   what is known of it, as an entry of ndb
	    token    the token that waits for it

State in status is how far it came: discover, loader, script, kernel, image, joined.
Reload reads the ndb file again; where something is wrong in it, nothing changes.

# Signatures

What a node boots is to be trusted because it is signed, not because of who sent it. A
manifest has the sums of the kernel and the images, the command line and a serial number;
its signature is OpenSSH's, for the namespace ninespace-boot, so that ssh-keygen -Y verify
checks it too. With -S netboot writes the manifest of each entry that has manifest=, and
its signature beside it (.sig); the serial number is the time, and larger than the last
one. Netboot serves both as files. A node's init that is to start another kernel refuses
one whose manifest is signed by another key, older than the last, or about other bytes:
nine man init, boot.
Netboot itself does not hand out a script for what is not as its manifest says, or, with
-k, is not signed by one of the keys in the file, a line each as ssh-keygen writes them.

# Joining

With -c a node has its key certified, once. The message token to ctl has a token made for
the node's next script, in which it is an argument of the command line, nine.token, with
nine.join, where to ask. The node proves by it whose key it brings, by HTTP or the file
join, and gets a host certificate by the authority whose key is in the file, for a year,
for its sys, dom and ip: those of the entry that it has in ndb when the token is made, as what
it says of itself later is not proved. The log has them then. The script has the token for who asks
from an ip of that entry or, where it has none, from the address that DHCP gives the machine: one
that boots now over IPv4 and now over IPv6 wants an ip of each, or none. The token is good for one join within the time, ten minutes if
none is given; a second is refused. Neither the key nor the token can be replaced on the
way, but who reads the script before the node does can join in its place: then the node
is refused, and the log says so. The file token has it too until then, to carry by hand.

With ek= a node joins by its TPM 2.0 and needs no token, each time that it boots. Netboot
seals a token so that only the TPM with that endorsement key and the node's attestation
key can tell it, for a minute; the rest is the same. What ek is to be a node says itself:
while ndb does not have it, the node's console and the log do, and the node asks again; a line
in the database and reload let it in.

	class=worker kernel=vmlinuz image=node.cpio.zst ek
	ether=525400123456 ip=10.9.0.11 sys=node1 class=worker ek=5d3c...

It is the SHA-256 of the public area of the TCG's template L-2, on the curve P-256: the name,
without 000b before, that tpm2_readpublic prints of a key made by tpm2_createek -G ecc.

# Bounds

DHCP messages above 200 in a second, or 10 of one machine, are dropped. There are at most
64 transfers by TFTP and 512 connections by HTTP, 16 of each by one address; a connection
must send its request in 10 seconds and take 256 KiB in 30. The last 4096 lines are kept
in log, and 20 in a second about one machine or all the unknown ones; the 4096 machines
last heard of are remembered.

The flags are those of every server, and:

-e interface serves that network; default the only interface that has an address, of IPv4 or,
with -6, of IPv6.

-f ndbfile is the database, default /lib/ndb/local; -d dir has the files, default
/var/lib/netboot.

-x dir has iPXE's programs: undionly.kpxe for BIOS, ipxe.efi for UEFI on x86, ipxe-arm64.efi and so
on. Default /usr/lib/ipxe, Debian's, if it is there. A file of that name in the first dir
goes before.

-p is beside another DHCP server.

-6 serves IPv6 too.

-w port is HTTP's, default 80.

-t pemfile serves HTTPS on port 443 too, to which UEFI's HTTP boot is sent.

-c file is the key that signs the keys of nodes: a private one without a passphrase, or a public
one, NAME.pub, whose private half factotum has and keeps. What that does not sign within 20 seconds
the node has to ask for again, by the same token.

-j ndbfile lists who has joined, an entry each, for the line database= of others to name.

-k file has the public keys that manifests must be signed with.

-S file signs manifests with that private key, prints their names and ends.

-v prints the log to standard error, too, and waits until it is taken.

-s srvname posts under this name instead of netboot.

-l dialstring listens there instead of posting.

-i serves one connection on standard input and output.

-D prints each message to standard error.

Netboot serves until it is told to end by SIGINT, SIGTERM or SIGHUP, or with -i until the
client hangs up.

# EXAMPLES

Two machines, and what became of them:

	nine netboot -e br0 -f lab.ndb -d /srv/boot 10.9.0.100 50 &
	nine 9p read netboot/log
	nine 9p read netboot/nodes/525400123456/status

A network that has IPv6 alone:

	ip addr add fd00:9::1/64 dev br0
	nine netboot -6 -e br0 -f lab.ndb -d /srv/boot &

Sign, and check by hand:

	nine netboot -S release.key -f lab.ndb -d /srv/boot
	ssh-keygen -Y verify -n ninespace-boot -f allowed -I release -s worker.manifest.sig <worker.manifest

Let a node join that boots within the hour:

	echo token 1h | nine 9p write netboot/nodes/525400123456/ctl

# FILES

$NAMESPACE/netboot is where it is posted.

/lib/ndb/local, /usr/lib/ipxe

# SEE ALSO

netfs, factotum, cpud; dhcpd(8), ndb(6) of Plan 9, ssh-keygen(1)

# DIAGNOSTICS

What a machine did wrong, or was refused, is in log: unknown node, duplicate address, path
escapes from parent, flood, wrong token, another machine's TPM. A machine that boots iPXE has it on its console
too, and asks again after ten seconds. Files that ndb names and dir has not are said on standard
error at the start; machines wait for them.

# BUGS

A TPM shows which machine it is, not what that has booted: nothing is measured. Its
endorsement key's certificate by who made it is not looked at: ndb is believed.

Relays are answered for IPv4 alone. The pool, address n, is of IPv4. Nothing that firmware says is proved, neither its address nor its serial number: what is
served must be no secret. Tokens of the script go over the wire as they are; to join
is then as safe as the network is in these minutes.

The posted socket is its user's alone; -l on a network address has no authentication, and
who may connect may read tokens.

iPXE's own check of signatures (imgverify) is of another form than the manifests: Secure
Boot of the first kernel is the firmware's.
*/
package netboot
