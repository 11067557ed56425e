/*
Version tells which nine this is.

# NAME

version - tell which nine this is

# SYNOPSIS

	nine version

# DESCRIPTION

Version prints a line: nine, its version, the system and processor that it is for, and the
Go that built it. A release has the version that it is given; what go build makes in a clone
has Go's name for the commit, vX.Y.Z-time-commit, and +dirty behind it where files had
been changed since. Where the commit was not known it is (devel).

Nine --version is the same.

# EXAMPLES

	nine version

# SEE ALSO

man, doctor
*/
package version
