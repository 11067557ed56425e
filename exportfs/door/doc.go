// Package door is the one way from a node to another: a stream whose ends know who each
// other is, asked for one service, and multiplexed. cpu, import and exportfs go through it.
//
// There are three doors, told apart by the dial string:
//
//	tcp!host!17011   TLS 1.3 in which both sides show a key; the caller's has to be in the
//	                 authorized_keys of the user asked for, the host's in known_hosts
//	unix!/path       a socket of this machine, and a bare name a posted one (local is cpu):
//	                 the kernel tells whose process is at the other end
//	ssh!host         the caller's own ssh(1) runs `nine cpud -i` at the far end; ssh!user@host
//	                 and ssh!host!port are understood
//
// A key is one that factotum, an ssh-agent or a file of OpenSSH has, Ed25519 or ECDSA. It
// never leaves factotum or the agent: a certificate of auth.Wrap is signed there.
//
// # The wire
//
// After authentication (none is on the wire for unix and ssh) the caller says in a line what
// it wants, and the far side answers in a line:
//
//	-> ninespace VERSION SERVICE USER ARG
//	<- ok ARCH | key TEXT | no TEXT
//
// Words are quoted as rc(1) has it. USER is as whom, SERVICE one of cpu, export, dial and attach, ARG
// the service's own: a tree's name, a dial string, a command that was left. ARCH is the far side's kind of processor,
// in the words of GOARCH. "key" says that another key may be let in.
// What follows ok is yamux, whose client is the caller (but for dial, which is that
// stream itself, and attach, which is a conversation of 9P): each stream inside it, whichever end opened it, is a conversation
// of 9P whose client is the opener.
//
// A TCP connection may be lost and the conversation not: TLS carries package aan, which goes
// on over the next one. Each says who it is and what it wants as above, by the same keys, and
// is answered "ok" or let go; then it is aan's, and the service's answer, ok with ARCH or no,
// is the first that comes through it. For that first ok the caller does not wait.
//
// # Who has rights
//
// A process of root's is a Guard: it takes calls, and gives each, unread, to a process that
// has no rights (None). That one asks it, in packets, for a signature of its handshake, shows what
// proves who the caller is (package proof; for Plan 9's door factotum says it, in a
// conversation that the Guard has), is given a capability (package capfs), and for that the stream
// of a session. What the process without rights says is not believed, but for what is in
// the nature of having a caller's connection: which user, of those whom it may be, and which
// service the caller wants, and what goes over the connection. A call's address is the Guard's
// to tell, but a process that has two calls can show the proof of one as the other's.
package door
