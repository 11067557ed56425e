/*
Cpud gives cpu(1) and others of this and other nodes what they come for.

# NAME

cpud - run commands for cpu of other nodes

# SYNOPSIS

	nine cpud [-s srvname] [-l dialstring] [-9 dialstring] [-k key] [-a file] [-t time] [-n nsfile]
	nine cpud -i [-n nsfile]

# DESCRIPTION

Cpud waits for callers and gives each a session: a tree of files by which
commands are run (see execfs), and a name space for each command in which the
caller's files are mounted at /mnt/term. When a caller hangs up (which is not to lose the link: cpu makes another), or cpud ends, what it
ran is sent a hangup and then killed, with all that it left in the background.

By default cpud is posted in $NAMESPACE as cpu. On a Unix socket the caller must be
the user who runs cpud, which the kernel tells.

On TCP both ends have to show a key, Ed25519 or ECDSA, in a handshake of TLS 1.3. This
machine's is one that factotum has; else, where root runs cpud, sshd's; else the user's
own in ~/.ssh. The caller's has to be in the file ~/.ssh/authorized_keys of the user
that it wants to be, as for sshd(8), whose options from=, command=, restrict,
no-pty, expiry-time=, cert-authority and principals= hold; a line with an option that is
not known lets nobody in. The file must be that user's or root's, and nobody else's to write. The
machine's own file, /etc/ninespace/users, may name further keys by their fingerprints, and
root is whom that file names so and nobody else:

	SHA256:uQ2X...  glenda
	SHA256:uQ2X...  root
	SHA256:z93K...  -       # this key is nobody's

A session is a process of its own that is the user's from its start, with the
user's groups, and an environment made for the user; what the caller sends is parsed by
that one. Run by root, cpud serves every user with a shell; run by a user, that user alone.

What strangers send on TCP is read by a process without rights. Run by root, cpud starts it as
a user of its own (1886284142), with no network, no group, no other process in sight and
no way to get rights again; it has the callers'
connections, the handshake and what goes over them, and cpud itself reads not a byte of
a stranger's. Neither the machine's key nor anybody's files are in it: cpud signs one handshake
for each caller, looks at the proof of that caller's key (which is what TLS has it
sign, over a certificate that cpud made for this one call), or has the conversation of dp9ik with
factotum, says by the files above whom that lets in, and gives the process a capability, as
cap(3) has them, which is good for one session of that user and for a minute. On a Unix
socket the session itself reads what its caller wants.

Were that process taken over, it would be no user but those who come in meanwhile: it
could read and change what goes over the connections that it has, those of earlier callers
too, begin other sessions than they asked for with what they prove, as any user whom
their keys let in, pass by from=, which it could for a key that is shown from elsewhere, and be this
machine to others for as long as callers come. It could
not open a file, call anybody, run or start anything, sign anything but handshakes of this machine's door,
use a proof or a capability twice, or be a user who does not come: a filter, seccomp(2), leaves
it the system calls for the descriptors that it is given. When it is gone so is
all that. (On processors other than amd64 and arm64, and kernels without seccomp, there is no filter,
of which the log has a line: then it could have a caller's socket call another address.)

A caller may want something else than commands: a directory to mount, or a connection
from here, which is how cpu -J comes through. A key with command= is for that
command alone, in a name space of which the caller has no say; one with restrict is for
neither terminals nor connections.

With -9 cpud is a cpu server of Plan 9's kind as well: 9front's rcpu(1) and drawterm, and cpu -9,
come in by a password (dp9ik) of which factotum has the key of the domain. Who is whom is
said by /etc/ninespace/users alone:

	glenda@burrow   glenda
	*@burrow        *       # the others are whoever has their name here, but not root

The rc script that such a caller sends is run by the user's rc, in a name space as any
session's, with the connection as descriptors 0 and 1; it mounts the caller's files from
there, at /mnt/term. What Plan 9 has and Linux has not, the script finds all the same: rc
takes /dev/cons for /mnt/dev/cons, where the caller's console is bound, and
/proc/N/note and notepg for /mnt/proc's. There is no terminal but that console: what needs
a pty of Linux is for cpu without -9. When the caller hangs up the script is sent a hangup and two
seconds later all that it left is killed.

The options are:

	-s srvname     post under this name; default cpu
	-l dialstring  listen here instead: tcp!*!17011 is every address
	-9 dialstring  listen here for callers from Plan 9: tcp!*!17019. Without -l too,
	               cpud has no other door
	-k key         the file of this machine's key, or the fingerprint of one of
	               factotum's (SHA256:...)
	-a file        who is whom, instead of /etc/ninespace/users; it has to be there
	-t time        keep the session of a TCP caller whose link is lost for so long,
	               such as 10m, until the caller has made another; default 1h. Of a
	               caller that was killed, whose machine closes the link, it is two
	               minutes at most
	-n nsfile      build each name space from this namespace(6) file before the
	               caller's own lines; the default is newns's
	-i             serve one session on standard input and output, for whoever
	               started it, and end. This is what cpu -h ssh!host has sshd run

The flags -w, -c, -R, -e and -D are for cpud itself, which starts sessions with them: what the
caller wants, the only command, no terminals, and a pipe by which cpud hears of the session's end;
and the process that has the callers' connections.

# EXAMPLES

Let other nodes in, by sshd's host key and users' ssh keys:

	nine cpud -l 'tcp!*!17011'

Let drawterm -u glenda in, by the password that is asked for:

	nine factotum -g proto=dp9ik dom=burrow user=glenda '!password?'
	echo glenda@burrow glenda >>/etc/ninespace/users
	nine cpud -l 'tcp!*!17011' -9 'tcp!*!17019'

That password is worth whatever lines of burrow's are in the file (see BUGS): had it one that
names root, it would be root's.

# FILES

	$NAMESPACE/cpu
	/etc/ssh/ssh_host_ed25519_key
	~/.ssh/authorized_keys
	/etc/ninespace/users

# SEE ALSO

cpu, execfs, factotum, newns

# DIAGNOSTICS

A caller that is turned away is told so, and standard error why. Somebody whose key is
not let in is told no more than that, but for who wants to be root by a key that root's own
authorized_keys lets in without limits: that one is told which line the machine's file lacks. Whoever has 256 sessions already gets no more; at the door
of Plan 9, which has no word for that, only standard error says so. A hundred callers may be about to
say who they are, and twenty-five of one address (of IPv6, of a network of 64 bits); further ones are hung up on.

# BUGS

A session that is killed (kill -9) just as Linux forgets pages of a file for it may not end, nor
what it ran, where cpud is not root's and /sys/fs/fuse/connections is not mounted.

Without an authentication server of Plan 9's the only user of a domain is the one of
factotum's key.

Who comes in with -9 is whom the ticket names, and a ticket is sealed with factotum's key of the
domain: as on Plan 9, where that is the host owner's, whoever knows its password can seal one for
any name. So it lets in not its own user alone but as everybody of the domain whom
/etc/ninespace/users names, which beside a line such as *@burrow * is all but root; where a line
of the domain names root, the password is root's. A key of a domain of its own, with a
line for its one user, is worth that user.

The console is a regular file to programs of Linux, so cat says that its
input is its output; /dev/cons is rc's alone. Drawterm's graphics, /dev/kbd and aan (-p) are not served.

Keys of the types RSA and sk- are not understood. Factotum's key is asked for once: if
factotum is started anew, so must cpud be. Everybody who comes in needs /dev/fuse.
*/
package cpud
