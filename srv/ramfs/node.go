package ramfs

import (
	"context"
	"io/fs"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// An id is a user or group: a number, or, where this machine has none for it, a
// name.
type id struct {
	name string
	num  uint32
}

// A node is what all kinds of files have.
type node struct {
	t    *tree
	path uint64
	rdev uint64

	atime atomic.Int64 // set by reads, which hold mu shared

	mu                  sync.RWMutex
	mode                fs.FileMode // its type bits never change
	vers                uint32      // 1 and up: 0 would say not to cache
	uid, gid            id
	muid                string // "": uid
	mtime, ctime, btime int64  // ns of 1970
	nlink               int
	refs                int    // Files and Handles that are out
	size                uint64 // bytes of a file or of a link's target
	held                int64  // bytes charged beside nodeCost
	xattr               map[string][]byte
}

// A child is anything that a directory can hold.
type child interface {
	srv.File
	base() *node
}

func (n *node) base() *node { return n }

// Inline marks that nothing blocks; the engine calls Lock on a goroutine anyway.
func (n *node) Inline() {}

// init makes a node for a new file of parent, whose lock is held, with one
// reference. What n.held says is charged too.
func (n *node) init(ctx context.Context, parent *dir, mode fs.FileMode) error {
	t := parent.t
	if err := t.charge(nodeCost + n.held); err != nil {
		return err
	}
	t.files.Add(1)
	n.t, n.path, n.mode, n.vers, n.nlink, n.refs = t, t.paths.Add(1), mode, 1, 1, 1
	if mode.IsDir() {
		n.nlink = 2
	}
	u := srv.UserOf(ctx)
	n.gid = parent.gid
	if g := srv.GroupOf(ctx); g != p9.NoUid && parent.mode&fs.ModeSetgid == 0 && mayHave(u, g) {
		n.gid = id{num: g}
	}
	n.uid = id{num: uint32(os.Getuid())}
	if u != nil {
		n.uid = id{num: u.Uid}
		if u.Uid == p9.NoUid {
			n.uid.name = u.Name
		}
	}
	n.mtime = time.Now().UnixNano()
	n.ctime, n.btime = n.mtime, n.mtime
	n.atime.Store(n.mtime)
	return nil
}

// hold counts one more File or Handle.
func (n *node) hold() {
	n.mu.Lock()
	n.refs++
	n.mu.Unlock()
}

// Clunk lets a File that Walk gave go.
func (n *node) Clunk() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refs--
	n.free()
}

// free gives the memory's charge back once nothing leads to the node. n.mu is held.
func (n *node) free() {
	if n.nlink == 0 && n.refs == 0 {
		n.t.charge(-nodeCost - n.held)
		n.t.files.Add(-1)
		n.held = 0
	}
}

// unlinked counts one name less. n.mu is held.
func (n *node) unlinked(ctx context.Context) {
	n.nlink--
	if n.mode.IsDir() {
		n.nlink = 0
	}
	n.changed(ctx)
	n.free()
}

// changed notes a change of the attributes, modified one of the contents.
// n.mu is held.
func (n *node) changed(ctx context.Context) {
	n.ctime = time.Now().UnixNano()
	if n.vers++; n.vers == 0 {
		n.vers = 1
	}
	if u := srv.UserOf(ctx); u != nil {
		n.muid = u.Name
	}
}

func (n *node) modified(ctx context.Context) {
	n.changed(ctx)
	n.mtime = n.ctime
}

func (n *node) accessed() { n.atime.Store(time.Now().UnixNano()) }

func (n *node) qid() p9.Qid {
	return p9.Qid{Type: p9.QidTypeOf(n.mode), Vers: n.vers, Path: n.path}
}

// Stat tells the attributes.
func (n *node) Stat(context.Context) (p9.Stat, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.stat(), nil
}

func (n *node) stat() p9.Stat {
	return p9.Stat{Qid: n.qid(), Mode: n.mode, Length: n.size,
		Uid: n.uid.name, Nuid: n.uid.num, Gid: n.gid.name, Ngid: n.gid.num, Muid: n.muid,
		Nlink: uint64(n.nlink), Unlinked: n.nlink == 0, Rdev: n.rdev, Blksize: blockSize, Blocks: uint64(n.held+511) / 512,
		Atime: time.Unix(0, n.atime.Load()), Mtime: time.Unix(0, n.mtime), Ctime: time.Unix(0, n.ctime), Btime: time.Unix(0, n.btime)}
}

// owns says whether a user may do with the node what its owner may.
func (n *node) owns(u *srv.User) bool {
	return u.Host() || n.uid.name == "" && n.uid.num == u.Uid || n.uid.name != "" && n.uid.name == u.Name
}

// mayHave says whether what a user makes may be of a group: one that he is in or,
// if the machine does not know him and so none of his, any.
func mayHave(u *srv.User, gid uint32) bool { return u.Host() || u.Gid == p9.NoUid || u.Member(gid) }

// allowed says whether a user may do what want says. n.mu is held.
func (n *node) allowed(u *srv.User, want fs.FileMode) bool {
	st := n.stat()
	return u.Allowed(&st, want)
}

// Wstat changes attributes as stat(5) says: mode, times and group are the
// owner's to change, the group to one that the owner is in. Giving a file away
// is for the user that the process runs as.
func (n *node) Wstat(ctx context.Context, w p9.Wstat) error {
	return n.wstat(ctx, w, false, nil)
}

// wstat does all or nothing: it checks everything first. open says that the file
// is open for writing, truncate is nil where there is nothing to cut.
func (n *node) wstat(ctx context.Context, w p9.Wstat, open bool, truncate func(int64)) error {
	if err := srv.WstatIds(&w); err != nil {
		return err
	}
	const timesNow = p9.WAtimeNow | p9.WMtimeNow
	u := srv.UserOf(ctx)
	has := func(m p9.WstatMask) bool { return w.Valid&m != 0 }
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case has(p9.WName): // a directory's Rename does it
		return p9.ErrWstat
	case has(p9.WMode) && w.Mode&fs.ModeType != 0 && w.Mode.IsDir() != n.mode.IsDir():
		return p9.ErrorOfText("wstat can't convert between files and directories")
	case has(p9.WMode|p9.WAtime|p9.WMtime) && !n.owns(u):
		return p9.ErrNotOwner
	case has(timesNow) && !n.owns(u) && !open && !n.allowed(u, 2):
		return p9.ErrPerm
	case has(p9.WUid) && w.Nuid != n.uid.num && !u.Host():
		return p9.ErrNotOwner
	case has(p9.WGid) && w.Ngid != n.gid.num && !u.Host() && !(n.owns(u) && u.Member(w.Ngid)):
		return p9.ErrNotOwner
	case !has(p9.WLength):
	case truncate == nil && (w.Length != 0 || !n.mode.IsDir()):
		if n.mode.IsDir() {
			return p9.ErrIsDir
		}
		return p9.ErrorOfErrno(syscall.EINVAL)
	case truncate != nil && w.Length > math.MaxInt64:
		return p9.ErrorOfErrno(syscall.EFBIG)
	case !open && !u.Host() && !n.allowed(u, 2):
		return p9.ErrPerm
	}
	if w.Valid == 0 { // stable storage: there is none
		return nil
	}
	n.changed(ctx)
	if has(p9.WMode) {
		n.mode = n.mode&fs.ModeType | w.Mode&^fs.ModeType
	}
	if has(p9.WUid) {
		n.uid = id{num: w.Nuid}
	}
	if has(p9.WGid) {
		n.gid = id{num: w.Ngid}
	}
	if has(p9.WLength) && truncate != nil {
		truncate(int64(w.Length))
		n.mtime = n.ctime
	}
	if has(p9.WAtime) {
		n.atime.Store(nanos(w.Atime))
	} else if has(p9.WAtimeNow) {
		n.atime.Store(n.ctime)
	}
	if has(p9.WMtime) {
		n.mtime = nanos(w.Mtime)
	} else if has(p9.WMtimeNow) {
		n.mtime = n.ctime
	}
	return nil
}

// nanos gives a time as the node has it: the nearest that 64 bits of nanoseconds since 1970 can
// tell, as a file system of Linux takes one that is beyond its range.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// Statfs tells what the tree holds of its limit, in blocks of 4 KiB.
func (n *node) Statfs(context.Context) (p9.Statfs, error) {
	const bsize, tmpfs = 4096, 0x01021994
	t := n.t
	used, files := max(0, t.used.Load()), uint64(t.files.Load())
	free := uint64(max(0, t.limit-used))
	return p9.Statfs{Type: tmpfs, Bsize: bsize, Blocks: uint64(t.limit) / bsize, Bfree: free / bsize, Bavail: free / bsize,
		Files: files + 1 + free/nodeCost, Ffree: free / nodeCost, Namelen: 255}, nil
}
