// Package cpu runs commands on another node with the caller's files along, both
// ends of it: cpu(1) and its server cpud.
//
// One authenticated stream (package door) is multiplexed. Each stream inside it, whoever
// opened it, is a 9P conversation in which the opener is the client: those that
// the caller opens reach the far side's commands (package execfs), the one that
// the far side opens reaches the caller's tree, which is mounted at /mnt/term in
// the name space of every command of the session.
//
//	caller                                    far side
//	Run ---- 9P client ----> clone ctl 0 1 2 wait note ns   (execfs)
//	tree <-- 9P server ----- mount at /mnt/term             (ns)
//
// The caller's end of the connection is kept by a process of its own, a Resident, for
// the next command. The far side's end is a process that is the user's from its start.
package cpu
