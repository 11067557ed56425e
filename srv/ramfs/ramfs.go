// Package ramfs is a tree of files that lives in memory and ends with its
// server. It starts as one empty directory,
//
//	/    d 0775  owned by the user that the process runs as
//
// and holds what is made in it: directories, files, and, by 9P2000.L, symbolic
// links, further names of a file, device nodes and pipes (which a kernel that
// mounts the tree opens itself), extended attributes and record locks.
//
// A new file belongs to the user that made it. Its group is its directory's or,
// by 9P2000.L, the one that is asked for, if the user is in it or the machine does
// not know him; in a directory with the set-group-id bit always the directory's.
// The user that the process runs as may change the attributes of all files, but
// their permissions bind him too, as Plan 9 has it: to read another's file of mode
// 0600 he has to change that first.
//
// Append-only, exclusive-use and temporary files are open(5)'s; an exclusive one
// is open once at a time. A file that is removed while it is open lives until its
// last clunk. Only what was written takes memory: a hole reads as zeroes. When the
// tree's limit is reached the error is ENOSPC.
//
// No method blocks, save Lock when it was asked to.
package ramfs

import (
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ninespace/srv"
)

// An Option changes how New makes a tree.
type Option func(*tree)

// Limit sets how many bytes the tree may hold, its own bookkeeping included.
// Without it that is half of the machine's memory.
func Limit(bytes int64) Option { return func(t *tree) { t.limit = bytes } }

// New makes an empty tree and returns its root.
func New(opts ...Option) srv.File {
	t := &tree{limit: -1, leases: srv.NewLeases()}
	for _, o := range opts {
		o(t)
	}
	if t.limit < 0 {
		t.limit = Memory() / 2
	}
	d := &dir{node: node{t: t, path: t.paths.Add(1), mode: fs.ModeDir | 0o775, vers: 1, nlink: 2,
		uid: id{num: uint32(os.Getuid())}, gid: id{num: uint32(os.Getgid())}}}
	d.mtime = time.Now().UnixNano()
	d.ctime, d.btime = d.mtime, d.mtime
	d.atime.Store(d.mtime)
	return d
}

// Leases gives the leases of the tree's files, which only change by its servers.
func (d *dir) Leases() *srv.Leases { return d.t.leases }

// A tree is what its files have in common.
//
// Lock order: tree.rename; a directory before what is in it; between two
// directories of a rename the upper one first; lockTable.mu alone.
type tree struct {
	leases *srv.Leases
	limit  int64
	used   atomic.Int64  // bytes charged
	files  atomic.Int64  // nodes, without the root
	paths  atomic.Uint64 // the last qid path given

	freed  atomic.Int64 // bytes given back since the machine was
	giving atomic.Bool  // it is about to be, or has just been

	rename sync.Mutex // held by each rename; guards dir.parent
}

// What bookkeeping is taken to cost, in bytes.
const (
	nodeCost  = 512
	entryCost = 128
)

// charge takes n bytes of the limit, or gives them back if n is negative.
func (t *tree) charge(n int64) error {
	if t.used.Add(n) > t.limit && n > 0 {
		t.used.Add(-n)
		return syscall.ENOSPC
	}
	if n < 0 {
		t.free(-n)
	}
	return nil
}
