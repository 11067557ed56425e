/*
Help tells of what takes several commands.

# NAME

help - tell of name spaces, dial strings, keys, clusters, scripts

# SYNOPSIS

	nine help [topic]

# DESCRIPTION

Help shows a short page on the topic, one of namespace, dial, auth, cluster and
scripts, as man shows a command's, or without one lists the topics. A word that is
no topic but a command has that one's manual page shown.

# EXAMPLES

	nine help namespace

# SEE ALSO

man

# DIAGNOSTICS

"no such topic": nine help lists them.
*/
package help
