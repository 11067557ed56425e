/*
Bind makes a file or directory appear at another place of the name space.

# NAME

bind - make a file or directory appear at another place too

# SYNOPSIS

	nine bind [-abcCq] new old

# DESCRIPTION

Bind makes old, a file or directory of the name space that bind runs in, stand
for new. It is new as it is at this moment that is bound: what is bound over its
name later makes no difference. Both must be directories or both not. All
processes of the group see it at once, and no others.

Old hides behind new. With the following flags a directory becomes a union
instead: its entries are those of all its members, and a name is looked for in
one after the other.

	-a	new comes after what is there
	-b	new comes before what is there
	-c	files made in old are made in new; without it a union's member
		takes no new files
	-C	new, which is in a tree mounted with -C, is constant: what is read of it is
		kept on this machine's disk, for later name spaces too
	-q	if it cannot be done, say nothing and succeed

A name that begins with # is one in a device, with nothing bound: #U is the host's
own tree, #/ that of n and mnt, #s what is posted (at /srv, see srv), #| a new pipe,
and #c, #e, #I and #p are the servers posted as dev, env, net and proc. Old must be
there, but for names right in /n and /mnt, which appear with the bind and go with
the unmount.

A pipe has two files, data and data1: what is written to one is read from the
other, each read giving bytes of one write. When all have closed one of them,
readers of the other see the end, and its writers an error.

Of a constant tree on a server that is far away (3 ms and more) what was read comes over
the network once: files of up to 8 MiB. When new is bound again later, by anybody with the
same cache, the server is asked at once about all that was used of it lately, and only what has
changed since is read. What is kept of one server is nothing to others: a server is known by
the address at which it was mounted, with the aname, and #d/N, in a session of cpud
the caller's tree, by that. Of one without an address, as the other end of a pipe or a
posted descriptor, nothing is kept. Nothing depends on new being constant: what is kept is believed
only as long as the server says that it is what the file has now.

# EXAMPLES

	bind /n/ram/etc/hosts /etc/hosts
	bind -bc $home/bin /mnt/bin
	bind '#|' /n/pipe

# FILES

	/mnt/ns/ctl	takes the line
	$XDG_CACHE_HOME/ninespace/constant
			what is kept, 256 MiB at most, in a directory for each of the last 64
			servers, by its SHA-256; ~/.cache if the variable is not set. It must be
			the user's, and closed to others. It may be removed at any time

# SEE ALSO

mount, unmount, ns, newns, rfork

# DIAGNOSTICS

"mount point not there": old does not exist. "inconsistent mount": a directory
and a file, or a union that bind -c cannot make. "too many mounts": all unions of a
name space together have 100,000 members at most. "mount/attach disallowed": the
group attaches to no device (see rfork). "Connection timed out": a server on the way
of a name did not answer within 10 seconds. "not in a name space": there is
none here.

# BUGS

Bash has a bind of its own, for keys. In a name space a shell function gives ours
the calls with two names or one of our flags, and bash's the others; in fish type
/mnt/bin/bind.

A process that is in old's directory when a host's directory is bound on it by
the kernel stays in the one beneath until it changes its directory.
*/
package bind
