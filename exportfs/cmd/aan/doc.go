/*
Aan carries a stream over connections that may break.

# NAME

aan - a stream that outlives its connections

# SYNOPSIS

	nine aan -c [-d] [-m time] dialstring
	nine aan [-d] [-m time] dialstring [to]

# DESCRIPTION

Aan carries what it reads from standard input to another aan, which writes it to its
standard output, and the other way round. When the connection between them breaks, or
nothing is heard on it for 15 seconds, the client makes another one, and what has not come
is sent again: each byte comes once and in order.

With -c it is the client and dials dialstring. Else it listens there: for one client, whose
stream is its standard input and output, or, with to, for any number, each of which it leads
to a connection to the dial string to, made for that one.

Either end of standard input ends only that direction. Aan ends when both have ended, or
when the other aan has.

	-c       dial
	-d       tell on standard error of connections that are lost and made
	-m time  give up what had no connection for so long, 90s or 8h; default 24h. What a
	         client that was killed leaves behind lasts 2 minutes at most, and so does what
	         somebody began who then said nothing

The connections of cpu and import need no aan: they are its already.

# EXAMPLES

An ssh session that goes on when the machine has slept or has another address:

	host$ nine aan 'tcp!*!2022' 'tcp!localhost!22'
	here$ ssh -o ProxyCommand='nine aan -c tcp!%h!2022' host

A copy that a broken link does not end:

	host$ nine aan 'tcp!*!2023' >backup.tar
	here$ tar c . | nine aan -c 'tcp!host!2023'

# SEE ALSO

cpu, import; aan(8) of the 9front manual

# DIAGNOSTICS

"the other end has no such session": it was restarted, or has given the stream up.

# BUGS

Aan asks nobody who he is and hides nothing: let it listen where friends are, or carry
what looks after itself, as ssh does. Who sees the connection can end the stream or take it
over; who reaches the port can take its places, a thousand, or the only one without to.

It does not speak with 9front's aan, whose messages are the same, but which begins a
connection without a greeting.
*/
package aan
