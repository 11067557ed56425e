// Package node is what the first process of a machine that boots nine's image does: it
// makes the machine a node, with the servers of its resources and a cpud, and nothing on
// any disk.
//
//	pid 1   Init: mounts the kernel's own file systems, reaps, starts the next one and
//	        starts it again should it end
//	child   Run: loads modules, configures the network, keeps the services running,
//	        serves a tree
//
// The tree, posted as node:
//
//	/            0555
//	    ctl      0600  accepts reboot; halt; boot manifest [args];
//	                   kexec kernel image [args]; restart service
//	    hardware 0444  what the machine is made of, an entry of ndb(6)
//	    health   0444  how it does, another one: load, memory, sensors, errors
//	    key      0444  the public key that the node is known by, as in known_hosts
//	    log      0444  what the node has said, the last 64 KiB
//	    status   0444  a line for each step and service: its name, state, how long, why
//	    params   0444  the kernel's command line, a word a line; secrets are left out
//
// A step that fails says so, and what it was about; the others go on. The console gets a shell
// then, for which it is not necessary to log in, as whoever has the console has the machine; a
// step that may go otherwise the next time is tried again first, and all the same. For the clock,
// and with nine.console=0, it gets none.
package node
