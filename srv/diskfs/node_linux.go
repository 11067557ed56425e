package diskfs

import (
	"context"
	"io/fs"
	"os"
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
	fd   int           // -1 once it is closed
	os   *os.File      // owns fd, where it is set
	kind atomic.Uint32 // S_IFMT bits, once they are known: they never change
	mode p9.Mode       // of a handle
	open bool          // is a handle
}

func (t *tree) node(fd int) *node { return &node{t: t, fd: fd} }

// Guard marks that the kernel checks permissions.
func (n *node) Guard() {}

func (n *node) base() *node { return n }

// Clunk closes the descriptor.
func (n *node) Clunk() {
	if n.os != nil {
		n.os.Close()
	} else if n.fd >= 0 {
		unix.Close(n.fd)
	}
	n.fd, n.os = -1, nil // a second time would close another's
}

// proc is a path to the very file of the descriptor, for calls that take no
// descriptor or not one of O_PATH. It goes through one magic link and, for a
// symbolic link, no further.
func (n *node) proc() string { return "/proc/self/fd/" + strconv.Itoa(n.fd) }

func (n *node) statx() (st unix.Statx_t, err error) {
	err = unix.Statx(n.fd, "", unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st)
	if err == nil {
		n.kind.Store(uint32(st.Mode) & unix.S_IFMT)
	}
	return st, err
}

// kindOf gives the S_IFMT bits.
func (n *node) kindOf() (uint32, error) {
	if k := n.kind.Load(); k != 0 {
		return k, nil
	}
	st, err := n.statx()
	return uint32(st.Mode) & unix.S_IFMT, err
}

// Stat tells the attributes.
func (n *node) Stat(context.Context) (p9.Stat, error) {
	st, err := n.statx()
	if err != nil {
		return p9.Stat{}, err
	}
	d := n.t.device(devOf(&st), n.fd)
	s := p9.Stat{Mode: p9.ModeOfUnix(uint32(st.Mode)), Nuid: st.Uid, Ngid: st.Gid, Nlink: uint64(st.Nlink),
		Blksize: uint64(st.Blksize), Blocks: st.Blocks, Atime: timeOf(st.Atime), Mtime: timeOf(st.Mtime), Ctime: timeOf(st.Ctime)}
	if st.Mask&unix.STATX_BTIME != 0 {
		s.Btime = timeOf(st.Btime)
	}
	s.Qid = p9.Qid{Type: p9.QidTypeOf(s.Mode), Path: st.Ino ^ d.tag}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFLNK:
		s.Length = st.Size
		fallthrough
	case unix.S_IFDIR:
		if !d.madeUp {
			s.Qid.Vers = version(&st)
		}
	case unix.S_IFCHR, unix.S_IFBLK:
		s.Rdev = unix.Mkdev(st.Rdev_major, st.Rdev_minor)
	}
	return s, nil
}

func timeOf(t unix.StatxTimestamp) time.Time { return time.Unix(t.Sec, int64(t.Nsec)) }

// version makes a qid's version of what each change of a file changes.
func version(st *unix.Statx_t) uint32 {
	h := mix(uint64(st.Mtime.Sec)*1e9 + uint64(st.Mtime.Nsec))
	h = mix(h ^ (uint64(st.Ctime.Sec)*1e9 + uint64(st.Ctime.Nsec)))
	h = mix(h ^ st.Size)
	return max(1, uint32(h^h>>32))
}

// beneath opens a name of a directory, which stays in the directory whatever the
// name is or becomes meanwhile. To a name that is moved away just then the kernel
// says EXDEV or EAGAIN: the next look finds what is there now.
func (n *node) beneath(name string, flags int, perm uint32) (int, error) {
	const looks = 16
	for i := 1; ; i++ {
		fd, err := unix.Openat2(n.fd, name, &unix.OpenHow{
			Flags:   uint64(flags | unix.O_NOFOLLOW | unix.O_CLOEXEC),
			Mode:    uint64(perm),
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
		})
		if err != unix.EINTR && (err != unix.EXDEV && err != unix.EAGAIN || i >= looks) {
			return fd, err
		}
	}
}

func (n *node) walk(name string) (*node, error) {
	if err := srv.CheckName(name); err != nil {
		return nil, err
	}
	fd, err := n.beneath(name, unix.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	return n.t.node(fd), nil
}

// Walk finds a name, whatever it is; of a symbolic link it is the link itself.
func (n *node) Walk(_ context.Context, name string) (srv.File, error) {
	c, err := n.walk(name)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// reopen opens the node's file, where it may be found now.
func (n *node) reopen(flags int) (int, error) {
	for {
		fd, err := unix.Open(n.proc(), flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// Readlink gives the target of a symbolic link.
func (n *node) Readlink(context.Context) (string, error) {
	for size := 256; ; size *= 2 {
		b := make([]byte, size)
		m, err := unix.Readlinkat(n.fd, "", b)
		if err == unix.ENOENT { // what the call says of all but links
			err = unix.EINVAL
		}
		if err != nil {
			return "", err
		}
		if m < size {
			return string(b[:m]), nil
		}
	}
}

// Statfs tells of the file system.
func (n *node) Statfs(context.Context) (p9.Statfs, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(n.fd, &s); err != nil {
		return p9.Statfs{}, err
	}
	return p9.Statfs{Type: uint32(s.Type), Bsize: uint32(s.Bsize), Blocks: s.Blocks, Bfree: s.Bfree, Bavail: s.Bavail,
		Files: s.Files, Ffree: s.Ffree, Fsid: uint64(uint32(s.Fsid.Val[0])) | uint64(uint32(s.Fsid.Val[1]))<<32,
		Namelen: uint32(s.Namelen)}, nil
}

// unixPerm gives the permission bits of a mode as mkdir(2) takes them.
func unixPerm(m fs.FileMode) uint32 { return p9.UnixMode(m) & 0o7777 }
