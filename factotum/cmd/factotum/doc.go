/*
Factotum keeps keys and does with them what protocols ask.

# NAME

factotum - authentication agent: keeps keys, and uses them for programs that have none

# SYNOPSIS

	nine factotum [-iD] [-s srvname] [-l dialstring] [-a dialstring] [-c dialstring] [-k] [-A socket] [-f file]
	nine factotum -g [-s srvname] attr=value ... attr? ...

# DESCRIPTION

Factotum is factotum(4) of Plan 9. Programs that have to prove who their user is, or
to have somebody prove it, do so through its file rpc and never have the key.

	rpc      each open is a conversation of a protocol
	proto    the protocols: name, roles, what a key of it needs
	ctl      reads as the keys, without secrets; accepts the messages below
	confirm  questions whether a key may be used
	needkey  questions for keys that are missing
	log      what was done

A request to rpc is one write, and its reply one read that has room for all of it, with no
newline: a script reads it by dd bs=64k count=1. What reads a byte at a time to find the
end of a line, as read(1) and rc's read do, is refused, as in Plan 9, and may then read the
same reply rightly. Readhex and writehex are read and write in hexadecimal.

A key is a line of attributes, name=value, quoted as rc has it. The value of a name
that begins with ! is secret: nothing gives it back, but for the protocol pass.
Messages of ctl are

	key proto=cram user=glenda server=mail.example.org !password=sesame
	delkey server=mail.example.org
	save
	debug

Key replaces a key with the same attributes, secrets apart. A key's role=client or
role=server has it used for that only, confirm asks each time, owner=user lets another
user use it, disabled nobody. Debug has the log tell more, or not any more.

The protocols:

	pass        user and !password, as they are
	apop, cram  POP3's and IMAP's challenge and response; client and server
	httpdigest  HTTP's digest, MD5 or SHA-256; client and server
	totp        one-time passwords by the clock, RFC 6238: !secret in base32, and
	            digits, period, algorithm where they are not 6, 30, SHA1; client and server

	dp9ik       9front's, by shared password: user, dom (the domain) and !password; client
	            and server. A server's key is any user's, whose tickets it takes
	p9any       agrees with the other side on dp9ik and a domain, then is that

	ssh         private keys: role=public reads the public ones, role=sign writes data
	            and reads a signature; algorithm=rsa-sha2-256 or rsa-sha2-512
	tls         proves who one is in TLS 1.3, by a key of ssh: writes what the
	            handshake has its role sign, and nothing else, and reads the
	            signature; client and server

Where -a names no authentication server, the client of dp9ik has to have the server's own
key.

In the role speakfor of p9any and dp9ik a user of the machine is himself by a key of
factotum's owner that has role=speakfor: the authentication server has to let that one
speak for him.

P9sk1 and others that rest on DES are refused.

With -g it asks for the values of attributes that end in ?, secrets without showing
them, and gives the key to the factotum that is posted.

-A socket is a Unix socket at which it is an ssh-agent, for SSH_AUTH_SOCK: ssh, ssh-add,
ssh-keygen -Y and git use the keys of protocol ssh there. Keys may have a lifetime, need
to be confirmed (at the file confirm), be for logins at some destinations only (ssh-add -h;
nothing else is signed by such a key), have certificates, and be locked. If SSH_AUTH_SOCK
names another agent when factotum starts, the keys of that one are had as well, and those
that are in hardware (sk-) are added to it. RSA signs with SHA-2 only.

Where nobody has the files confirm or needkey open, factotum asks by the program
$SSH_ASKPASS, else /usr/bin/ssh-askpass, where there is a display or $SSH_ASKPASS_REQUIRE
is force, and not if it is never: whether a key that has to be confirmed may be used, and
for keys that its own user's programs miss.

-k loads id_ed25519, id_ecdsa and id_rsa of $HOME/.ssh, and the certificates beside them.
Passphrases are asked for on the terminal, or by $SSH_ASKPASS; without either, or without
an answer, such keys are left out.

-f file is a secstore: keys in a file, sealed by a passphrase, which is asked for when
factotum starts, or is the first line of the input where that is no terminal. Ctl's
message save writes the keys to it, those with a lifetime apart; a file that is not there
is made. It is sealed by scrypt and XChaCha20-Poly1305.

-a dialstring is where dp9ik gets tickets, at port 567 where that is not said.

-c dialstring is a broker of capabilities, as cap(3) has them: a server of dp9ik that has
authenticated glenda of the domain burrow gets, in authinfo, a capability to become
glenda@burrow, whose hash was written to the broker's file caphash.

The other flags are those of every server.

-s srvname posts under this name instead of factotum.

-l dialstring listens there, at a Unix socket, instead of posting.

-i serves one connection on standard input and output.

-D prints the log to standard error, and what it says after debug.

Factotum serves until it is told to end by SIGINT, SIGTERM or SIGHUP, or with -i until
the client hangs up.

Its own user and root use all keys, other users those that name them. Who it is, the
kernel says. The memory of the process is not to be had by others, ptrace and core dumps
included, and secrets are kept in locked pages and wiped.

# EXAMPLES

	nine factotum &
	nine factotum -g proto=pass server=example.org 'user?' '!password?'
	nine 9p read factotum/ctl

As the ssh-agent:

	nine factotum -k -A $HOME/.ssh/agent &
	export SSH_AUTH_SOCK=$HOME/.ssh/agent
	ssh-add -l

A one-time password:

	echo 'key proto=totp user=glenda !secret=JBSWY3DPEHPK3PXP' | nine 9p write factotum/ctl

A password for a script of rc, where factotum is mounted at /mnt/factotum:

	{
		echo -n 'start proto=pass server=example.org' >[1=0]
		dd bs=64k count=1 >[2]/dev/null
		echo -n read >[1=0]
		dd bs=64k count=1 >[2]/dev/null
	} <>/mnt/factotum/rpc

# FILES

$NAMESPACE/factotum is where it is posted.

$HOME/.ssh/id_* are keys, and id_*-cert.pub their certificates.

# SEE ALSO

9p, srv; ssh-agent(1), ssh-add(1); factotum(4) of Plan 9

# DIAGNOSTICS

"wrong passphrase, or the file was changed": a secstore can not tell which. "key: protocol pass needs user": an attribute is missing. "unclosed quote": the text
itself is never in an error, since it may have a secret.

# BUGS

Go moves and copies memory: a password on its way in or out may stay in the process's
memory, from which nobody reads, until that is used again. Where more is locked than
RLIMIT_MEMLOCK allows, a line of the log says so.

Root can read any memory. Private keys of ssh are in locked pages, and in Go's memory only
while something is signed, and wiped there; but Go's own packages make copies, which stay
until its collector comes to them, and RSA's numbers are in Go's memory as long as the key
is there, since to make them ready takes milliseconds.
*/
package factotum
