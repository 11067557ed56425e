// Package cluster makes nodes of one machine, for trying out and for tests: each is a set
// of namespaces(7) of Linux's (network, processes, mounts, host's name) with servers of its
// own, on a network that the nodes alone are on.
//
//	shell (the machine's own network)
//	  |  sockets n1 (its cpud), n1.proc, n1.net, ... in $NAMESPACE
//	  |
//	 n1  10.9.0.1  --+
//	 n2  10.9.0.2  --+-- a bridge in a network namespace that nobody is in
//	 n3  10.9.0.3  --+
//
// The nodes share the machine's disk, but each has a home of its own, with a key that the
// others know, so that they reach each other's cpud as any two machines would. Nothing of it
// is to be seen outside: neither links nor mounts. A node is its first process, which
// ends when the pipe to its maker closes, and the kernel ends the rest.
package cluster
