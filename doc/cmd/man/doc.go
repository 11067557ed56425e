/*
Man shows manual pages.

# NAME

man - show the manual page of a command of ninespace

# SYNOPSIS

	nine man [-r] [name]

# DESCRIPTION

Man shows the page of the command called name, or without one lists the commands, a
line each. On a terminal the page goes through $PAGER, or else less(1), or else
more(1); elsewhere, and where there is none of them, it is printed as it is.

With -r the page is written in the language of roff's man macros, for man(1) and
whatever else formats pages; it is called nine-name there.

In a name space, where man is this one, a name that ninespace has no page for is
given to the system's man(1), and so is whatever else that understands.

# EXAMPLES

	nine man bind
	nine man -r bind | man -l -

# FILES

A page is the doc.go in the command's own directory, or the first lines of a command
that is a script; it is in the binary.

# SEE ALSO

help, lookman; man(1), man(7)

# DIAGNOSTICS

"no manual page": nine alone lists the commands that there are.
*/
package man
