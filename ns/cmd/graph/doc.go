/*
Graph draws a name space, and the nodes in it.

# NAME

graph - draw a name space and its nodes as SVG

# SYNOPSIS

	nine graph [-n nsfile] [pid]

# DESCRIPTION

Graph writes a picture in SVG on its standard output: the places of a name space at which
something is mounted or bound, as a tree, and behind each one what is there. What is a union is in the
order in which it is searched; c is where files are created. A directory in /n with
several mounts in it is a node, and drawn as a box with what of it is here.

The name space is that of the process pid, or graph's own, or with -n that which a
namespace(6) file builds.

# EXAMPLES

	graph >ns.svg
	nine graph -n $HOME/lib/namespace >ns.svg

# SEE ALSO

ns, up, top

# DIAGNOSTICS

A line of the file that is none of namespace(6) is an error that names it.
*/
package graph
