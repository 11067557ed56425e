/*
Rcfmt formats rc scripts.

# NAME

rcfmt - format rc scripts

# SYNOPSIS

	nine rcfmt [-dlw] [file ...]

# DESCRIPTION

Rcfmt prints scripts of rc laid out in the usual way: tabs for what is inside, one
blank between words, a brace on the line of what it belongs to, case below its switch,
at most one empty line. Comments stay, and lines are broken where they were: only
commands that were on one line are on one. The script means what it meant. Without a
file it reads standard input.

The formatted scripts go to standard output, unless one of these is given:

	-d    print what would change as a diff
	-l    print the names of the files that would change
	-w    write them back; each is replaced at once

# EXAMPLES

	nine rcfmt <script | less
	nine rcfmt -l $home/bin/rc/*
	nine rcfmt -w 9fs

# SEE ALSO

rc(1) of the Plan 9 manual

# DIAGNOSTICS

A file that is no rc script gets a line that tells where, and stays; the other files
get their turn, and the status is 1. With -d it is 1 if anything would change.

# BUGS

Only the parser looks at a script: that it is formatted does not mean that it works.
*/
package rcfmt
