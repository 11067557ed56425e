// Package diskfs serves a directory of the machine and all that is beneath it,
//
//	/          the directory, with its own modes and owners
//	/...       what is in it, mounts included
//
// as the user that the process runs as, whoever attached, or, with PerUser, as the
// one who attached: the kernel checks permissions against that user, and what is
// made is that user's.
//
// A fid holds its file by a descriptor, not by a path, so a file that is renamed
// or removed stays the fid's. A client may have more fids than there are descriptors:
// of those that are not open some are then held by their path, a sixteenth of the
// process's descriptors or 16,384 being for the others. These too follow what is renamed
// through the server; but where another process has moved the file away, the fid is
// stale (ESTALE), and so are, of more files than that which were removed, the fids that
// were not used for the longest time. Walks go by openat2(2) one name at a time, beneath
// the directory and through no symbolic link: those are files here, for the
// client to follow on its side. A directory that is moved out of the tree while
// a fid is in it stays reachable by that fid, downward; "..", which is the
// engine's, leads back the way that the fid came.
//
// A file on the directory's own file system stays open for a second or two after it was
// clunked, for the next walk to its name; one that was removed by others takes its
// space until then.
//
// Qid paths are inode numbers, with the device in the upper 16 bits for all devices
// but the root's; those above 2^48, which whoever serves a mounted tree may have
// chosen, are scattered anew by each process (srv.Device). A version is a hash of the
// times of last change and the length; it is 0, not to be cached, for devices, pipes and sockets and
// on file systems whose files are made up as they are read (proc, sysfs, FUSE,
// 9P ...). Entries of a listing have version 0, since a true one costs a stat
// each, and a directory that something is mounted on has its own number there.
//
// Append-only and exclusive-use files have no place on Linux's disks; making one
// is an error. Record locks are fcntl(2)'s open file description locks: a lock's
// owner is the fid, so one process that locks a file by two fids is in its own
// way.
//
// What is made has the group that 9P2000.L's request asks for where the user it is
// made as is root or in that group, and the server is root's; else the user's own,
// or what the directory says.
//
// Requests are done on the goroutine that reads the connection (srv.Inline) as far
// as they need not wait: in memory all; on a disk what the kernel has in memory
// and, while the disk keeps up, changes; on a network nothing. Long reads of what is
// in memory are answered by the file's pages, not by a copy (srv.Pager).
//
// Clients are given leases (srv.Leases) of the files of the machine's own file systems.
// Before a client changes a file the others are told. What is changed by the machine's own
// processes is noticed by fanotify(7), some milliseconds afterwards, and what they write
// through a mapping when that has ended and the file is closed. What the server's own process
// does to a file by other means while a client changes it is taken for the client's doing:
// Leases.ChangeBy tells of it. On other file systems than the root's, on those without
// handles, and before Linux 5.13 where the server is not root's (5.1 where it is), it is
// inotify(7), which does not say who it was: then a client that changes a file is told of it
// too, when it has left the file alone for .2 s, and of others' changes only then. Who gets a lock
// has been told of all that was done before, either way.
//
// It needs Linux 5.8, 5.12 for walks that do not wait, and /proc mounted.
package diskfs

import (
	"ninespace/srv"
	"ninespace/srv/p9"
)

// An Option changes how New serves the directory.
type Option func(*export)

// ReadOnly refuses all changes with p9.ErrReadOnly.
func ReadOnly() Option { return func(x *export) { x.readOnly = true } }

// PerUser has each request done with the authority of the user who attached:
// User.Uid with the groups that the machine's user database has for it, or with
// gid 65534 alone where it does not know that number. Who has no number (a name
// that the machine does not know, or none) is nobody, uid and gid 65534. The
// process has to be root's for that; where it is another's, only that user can
// attach, and all others are refused with p9.ErrPerm. Whether the user is who he
// says, authentication has to tell (srv.Server.Auth): without it each may say
// any, root among them.
func PerUser() Option { return func(x *export) { x.perUser = true } }

// New serves the directory dir, whose path may go through symbolic links. Each
// Handle holds a descriptor until it is clunked, the root until it is closed: it
// is an io.Closer, as its Clunk ends one attach of many. The process's user and
// umask are taken to stay what they are now.
func New(dir string, opts ...Option) (srv.File, error) {
	x := &export{}
	for _, o := range opts {
		o(x)
	}
	return x.open(dir)
}

// change says why a name of a directory cannot be changed. The engine has looked
// at the name too, but here a slash in it would lead out of the tree.
func (n *node) change(name string) error {
	if n.t.readOnly {
		return p9.ErrReadOnly
	}
	return srv.CheckName(name)
}
