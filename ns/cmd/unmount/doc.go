/*
Unmount undoes a bind or mount.

# NAME

unmount - undo a bind or mount

# SYNOPSIS

	nine unmount [new] old

# DESCRIPTION

Unmount takes away everything that was bound or mounted on old, in the name space
that it runs in; with new, only the first member of the union that is new: a file
or directory, or the server of a mount by the name that mount was given. The rest
stays as it is. What every name space starts with cannot be taken away, and comes
back when what was bound over it goes.

Where Linux's own mount(8) has mounted something in the tree, it would go with it: so that
is undone by umount(8) first. The same holds for bind and mount over such a tree.

# EXAMPLES

	unmount /n/ram
	unmount '#s/tools' /bin

# FILES

	/mnt/ns/ctl	takes the line, and so does /#ns/ctl, over which nothing can be bound

# SEE ALSO

bind, mount, ns

# DIAGNOSTICS

"not mounted": nothing is on old. "not in union": new is not. "mounted by Linux's own
mount": that is on the name before it.

# BUGS

Files that are open stay open, and who is in a directory of the tree stays there; until
then the server is connected. Before Linux 6.18 it is also while the kernel remembers
files right in the tree's root, which it does until it wants memory.

What another mount namespace has mounted in the tree, made by unshare(1) beside ninespace,
is not looked for, and goes with it.
*/
package unmount
