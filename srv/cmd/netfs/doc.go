/*
Netfs serves the machine's network as Plan 9's /net.

# NAME

netfs - the network as files

# SYNOPSIS

	nine netfs [-iD] [-s srvname] [-l dialstring]

# DESCRIPTION

Netfs serves a directory for each protocol, as ip(3) of Plan 9 has them: opening its
clone makes a conversation, whose number the opened file, its ctl, reads as.

# EXAMPLES

	exec 3<>/net/tcp/clone; read n <&3
	echo 'connect 127.0.0.1!7' >&3
	echo hello >/net/tcp/$n/data; head -1 /net/tcp/$n/data

# FILES

$NAMESPACE/net is where it is posted.

# SEE ALSO

up; ip(3) of Plan 9

# DIAGNOSTICS

The file err of a conversation reads as its last error.

# BUGS

None known.
*/
package netfs
