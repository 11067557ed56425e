package diskfs

import (
	"context"
	"io/fs"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A node is a file of any kind, held by a descriptor: an O_PATH one, or, in an
// open handle, the one that reads and writes. The kernel says which operations
// its kind has.
type node struct {
	t    *tree
	dev  atomic.Pointer[device] // once it is known
	fd   int                    // -1 once it is closed; of an entry see use
	kind atomic.Uint32          // S_IFMT bits, once they are known: they never change
	mode p9.Mode                // of a handle
	open bool                   // is a handle

	entry *entry // that it is the node of, if it is
}

// What has it runs on the goroutine that reads the connection. There its methods
// do what needs no waiting, as far as can be known: walks to what is in memory,
// stats, opens and reads of it on the machine's own file systems, and changes:
// see node.timed. Anything else returns srv.ErrAgain, to be done on another
// goroutine.
type inline struct{}

func (inline) Inline() {}

// What has it holds a descriptor of its own for as long as it is there.
type descriptor struct{}

func (descriptor) Descriptor() {}

// An entry is a file as it was walked to.
type entry struct {
	inline
	node
	place
	held atomic.Int32 // by a File, and by recents
}

func (t *tree) entry(fd int) *entry {
	e := &entry{node: node{t: t, fd: fd}}
	e.node.entry = e
	e.held.Store(1)
	return e
}

// hold holds the entry, unless it is gone.
func (e *entry) hold() bool {
	for {
		h := e.held.Load()
		if h == 0 || e.held.CompareAndSwap(h, h+1) {
			return h > 0
		}
	}
}

// Clunk closes the descriptor when nobody else holds the entry.
func (e *entry) Clunk() {
	if e.held.Add(-1) == 0 {
		e.leave()
		e.node.Clunk()
	}
}

// Guard marks that the kernel checks permissions.
func (n *node) Guard() {}

func (n *node) base() *node { return n }

// Clunk closes the descriptor.
func (n *node) Clunk() {
	if n.fd >= 0 {
		unix.Close(n.fd)
	}
	n.fd = -1 // a second time would close another's
}

// proc is a path to the very file of the descriptor, for calls that take no
// descriptor or not one of O_PATH. It goes through one magic link and, for a
// symbolic link, no further.
func (n *node) proc() string { return "/proc/self/fd/" + n.number() }

// number is the same in the directory export.proc.
func (n *node) number() string { return strconv.Itoa(n.fd) }

// learn keeps what never changes.
func (n *node) learn(st *unix.Statx_t) *device {
	d := n.dev.Load()
	if num := devOf(st); d == nil || d.num != num {
		d = n.t.devices.of(st, n.fd)
		n.dev.Store(d)
	}
	if kind := uint32(st.Mode) & unix.S_IFMT; n.kind.Load() != kind {
		n.kind.Store(kind)
	}
	return d
}

// statx asks for the attributes. Of a file that is held the kernel has them, on this
// machine's own file systems.
func (n *node) statx(st *unix.Statx_t) (*device, error) {
	d := n.dev.Load()
	if err := statx(n.fd, st, d != nil && d.held); err != nil {
		return nil, err
	}
	return n.learn(st), nil
}

// look is statx for who is not in the kernel yet.
func (n *node) look(ctx context.Context, st *unix.Statx_t) (d *device, err error) {
	if d = n.dev.Load(); d != nil && d.held {
		return n.statx(st)
	}
	err = srv.InKernel(ctx, func() (err error) {
		d, err = n.statx(st)
		return err
	})
	return d, err
}

// known gives the device and the S_IFMT bits.
func (n *node) known(ctx context.Context) (*device, uint32, error) {
	d, kind := n.dev.Load(), n.kind.Load()
	if d == nil || kind == 0 {
		var st unix.Statx_t
		if _, err := n.look(ctx, &st); err != nil {
			return nil, 0, err
		}
		d, kind = n.dev.Load(), n.kind.Load()
	}
	return d, kind, nil
}

// Stat tells the attributes.
func (n *node) Stat(ctx context.Context) (p9.Stat, error) {
	if err := n.near(ctx); err != nil {
		return p9.Stat{}, err
	}
	if err := n.use(ctx); err != nil {
		return p9.Stat{}, err
	}
	defer n.done()
	var st unix.Statx_t
	d, err := n.look(ctx, &st)
	if err != nil {
		return p9.Stat{}, err
	}
	return statOf(&st, d), nil
}

func statOf(st *unix.Statx_t, d *device) p9.Stat {
	s := p9.Stat{Mode: p9.ModeOfUnix(uint32(st.Mode)), Nuid: st.Uid, Ngid: st.Gid, Nlink: uint64(st.Nlink), Unlinked: st.Nlink == 0,
		Blksize: uint64(st.Blksize), Blocks: st.Blocks, Atime: timeOf(st.Atime), Mtime: timeOf(st.Mtime), Ctime: timeOf(st.Ctime)}
	if st.Mask&unix.STATX_BTIME != 0 {
		s.Btime = timeOf(st.Btime)
	}
	s.Qid = qidOf(st, d)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFLNK:
		s.Length = st.Size
	case unix.S_IFCHR, unix.S_IFBLK:
		s.Rdev = unix.Mkdev(st.Rdev_major, st.Rdev_minor)
	}
	return s
}

func qidOf(st *unix.Statx_t, d *device) p9.Qid {
	q := p9.Qid{Path: d.paths.Path(st.Ino)}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		q.Type = p9.QTDIR
	case unix.S_IFLNK:
		q.Type = p9.QTSYMLINK
	case unix.S_IFREG:
	default:
		return q
	}
	if !d.madeUp {
		q.Vers = version(st)
	}
	return q
}

func timeOf(t unix.StatxTimestamp) time.Time { return time.Unix(t.Sec, int64(t.Nsec)) }

// version makes a qid's version of what each change of a file changes.
func version(st *unix.Statx_t) uint32 {
	h := mix(uint64(st.Mtime.Sec)*1e9 + uint64(st.Mtime.Nsec))
	h = mix(h ^ (uint64(st.Ctime.Sec)*1e9 + uint64(st.Ctime.Nsec)))
	h = mix(h ^ st.Size)
	return max(1, uint32(h^h>>32))
}

// reopen opens the node's file, wherever it is now.
func (n *node) reopen(ctx context.Context, flags int) (fd int, err error) {
	err = n.t.do(ctx, func() (err error) {
		fd, err = n.openAgain(flags)
		return err
	})
	return fd, err
}

func (n *node) openAgain(flags int) (fd int, err error) {
	for {
		fd, err = openNumber(n.t.proc, n.fd, flags|unix.O_CLOEXEC)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// Readlink gives the target of a symbolic link.
func (n *node) Readlink(ctx context.Context) (target string, err error) {
	if err := n.use(ctx); err != nil {
		return "", err
	}
	defer n.done()
	err = n.run(ctx, func() error {
		for size := 256; ; size *= 2 {
			b := make([]byte, size)
			m, err := unix.Readlinkat(n.fd, "", b)
			if err == unix.ENOENT { // what the call says of all but links
				err = unix.EINVAL
			}
			if err != nil {
				return err
			}
			if m < size {
				target = string(b[:m])
				return nil
			}
		}
	})
	return target, err
}

// Statfs tells of the file system.
func (n *node) Statfs(ctx context.Context) (p9.Statfs, error) {
	if err := n.near(ctx); err != nil {
		return p9.Statfs{}, err
	}
	if err := n.use(ctx); err != nil {
		return p9.Statfs{}, err
	}
	defer n.done()
	var s unix.Statfs_t
	if err := srv.InKernel(ctx, func() error { return unix.Fstatfs(n.fd, &s) }); err != nil {
		return p9.Statfs{}, err
	}
	return p9.Statfs{Type: uint32(s.Type), Bsize: uint32(s.Bsize), Blocks: s.Blocks, Bfree: s.Bfree, Bavail: s.Bavail,
		Files: s.Files, Ffree: s.Ffree, Fsid: uint64(uint32(s.Fsid.Val[0])) | uint64(uint32(s.Fsid.Val[1]))<<32,
		Namelen: uint32(s.Namelen)}, nil
}

// unixPerm gives the permission bits of a mode as mkdir(2) takes them.
func unixPerm(m fs.FileMode) uint32 { return p9.UnixMode(m) & 0o7777 }
