package p9

import (
	"fmt"
	"io/fs"
	"time"
)

// Version strings of the two dialects, and the answer to any other.
const (
	Version9P2000  = "9P2000"
	Version9P2000L = "9P2000.L"
	VersionUnknown = "unknown"
)

// InOrder is what a client adds to the version that it asks for, and a server that
// has it to its answer (version(5)'s extensions after a period): the server does
// each request that makes, moves, opens or ends a fid as if all that came before it
// on the same fids were done, and what comes after it as if that were done. Others
// (reads, writes, stats, changes of attributes, syncs) may pass each other, and an
// end of a fid does not wait for them. So a client may walk, open, read and clunk
// before the first reply. 9P promises that of no server: many have a thread for each
// request.
const InOrder = ".inorder"

// LeaseTree is the name of a tree that a client attaches to for leases: to be told
// before others change what it has looked at. A server that gives none has no such tree.
// See package srv's Leases.
const LeaseTree = "#lease"

// LeaseTerm is for how long a lease holds whose holder is not heard of.
const LeaseTerm = 6 * time.Second

// SumXattr is the extended attribute of 9P2000.L by which the engine of package srv tells the
// SHA-256 of what a regular file has, to who may read it. There is none of a file that is longer
// than SumMost bytes or has no version. It is not among the names that are listed, and nothing
// but what the file is read for it makes it: what it says is of the time when it is asked for.
const (
	SumXattr = "ninespace.sha256"
	SumMost  = 64 << 20
)

// Protocol constants of version(5), attach(5) and walk(5).
const (
	NoTag    = 0xFFFF     // tag of Tversion
	NoFid    = 0xFFFFFFFF // afid of an attach without authentication
	NoUid    = 0xFFFFFFFF // n_uname of an attach by name alone; uid "don't touch"
	MaxWelem = 16         // names in one walk
	IOHdrSz  = 24         // what a read or write message adds to its data, at most
	HdrSz    = 7          // size[4] type[1] tag[2]
	MinMsize = 256
	MaxMsize = 1 << 20
)

// QidType is the type byte of a Qid: the high bits of a file's mode.
type QidType uint8

// Bits of QidType, intro(5); QTSYMLINK is 9P2000.u's and 9P2000.L's.
const (
	QTDIR     QidType = 0x80
	QTAPPEND  QidType = 0x40
	QTEXCL    QidType = 0x20
	QTMOUNT   QidType = 0x10
	QTAUTH    QidType = 0x08
	QTTMP     QidType = 0x04
	QTSYMLINK QidType = 0x02
	QTFILE    QidType = 0x00
)

// A Qid is a server's unique identification of a file. Two files of one server
// are the same if and only if their Paths are. Vers grows with every change of
// the file; 0 says that the file is made up as it is read and must not be cached.
type Qid struct {
	Type QidType
	Vers uint32
	Path uint64
}

// IsDir reports whether the qid is a directory's.
func (q Qid) IsDir() bool { return q.Type&QTDIR != 0 }

// String prints a qid as Plan 9 does, (path vers type), in hexadecimal and decimal.
func (q Qid) String() string {
	t := ""
	for _, b := range []struct {
		bit QidType
		c   string
	}{{QTDIR, "d"}, {QTAPPEND, "a"}, {QTEXCL, "l"}, {QTAUTH, "A"}, {QTTMP, "t"}, {QTSYMLINK, "L"}} {
		if q.Type&b.bit != 0 {
			t += b.c
		}
	}
	return fmt.Sprintf("(%016x %d %s)", q.Path, q.Vers, t)
}

// QidTypeOf gives the type bits that belong to a mode.
func QidTypeOf(m fs.FileMode) QidType {
	var t QidType
	if m&fs.ModeDir != 0 {
		t |= QTDIR
	}
	if m&fs.ModeAppend != 0 {
		t |= QTAPPEND
	}
	if m&fs.ModeExclusive != 0 {
		t |= QTEXCL
	}
	if m&fs.ModeTemporary != 0 {
		t |= QTTMP
	}
	if m&fs.ModeSymlink != 0 {
		t |= QTSYMLINK
	}
	return t
}

// A Stat is what is known of a file, in both dialects at once. A server fills
// what it knows; the engine completes the rest from the fid (Name) and from the
// user database (Uid from Nuid or Nuid from Uid).
type Stat struct {
	Qid    Qid
	Name   string      // last element; may be left empty: the engine knows the name it walked
	Mode   fs.FileMode // type and permission bits
	Length uint64      // bytes; 0 for directories and for files made up as they are read
	Uid    string      // owner's name; empty: the name that Nuid has
	Gid    string      // group's name; empty: the name that Ngid has
	Muid   string      // who changed it last
	Nuid   uint32      // owner's number, where Uid is empty
	Ngid   uint32      // group's number, where Gid is empty

	Nlink    uint64 // hard links; 0 counts as 1, but for what is Unlinked
	Unlinked bool   // no name is left
	Rdev     uint64 // device number of a device node, as Linux's dev_t
	Blksize  uint64 // bytes of a good transfer; 0: the engine's choice
	Blocks   uint64 // 512-byte blocks held

	// Snapshot says that what is read is made when the file is opened, and stays the same
	// until it is closed: it may be read at once, whoever wants it later. 9P2000.L tells it
	// by a data version, which is reserved there, of ^0; 9P2000 does not.
	Snapshot bool

	Atime, Mtime, Ctime, Btime time.Time
}

// A Dirent is one entry of a directory.
type Dirent struct {
	Qid    Qid
	Cookie uint64      // where to go on after this entry; never 0
	Mode   fs.FileMode // type bits only
	Name   string
}

// WstatMask tells which fields of a Wstat are meant.
type WstatMask uint32

// What a Wstat changes. WAtimeNow and WMtimeNow set the server's clock.
const (
	WName WstatMask = 1 << iota
	WMode
	WLength
	WUid
	WGid
	WAtime
	WMtime
	WAtimeNow
	WMtimeNow
)

// A Wstat changes a file's attributes: all that Valid names, or nothing. With
// Valid zero it asks that the file's state be put on stable storage (stat(5)).
type Wstat struct {
	Valid      WstatMask
	Name       string // the engine turns it into a Rename where the directory has that
	Mode       fs.FileMode
	Length     uint64
	Uid, Gid   string // names, or empty: Nuid, Ngid hold numbers
	Nuid, Ngid uint32
	Atime      time.Time
	Mtime      time.Time
}

// Statfs is what a file system tells of itself, statfs(2).
type Statfs struct {
	Type, Bsize   uint32
	Blocks, Bfree uint64
	Bavail, Files uint64
	Ffree, Fsid   uint64
	Namelen       uint32
}

// Lock types and results of Tlock, Linux's net/9p/9p.h.
const (
	LockRead   = 0
	LockWrite  = 1
	LockUnlock = 2

	LockSuccess = 0
	LockBlocked = 1
	LockError   = 2
	LockGrace   = 3

	LockFlagBlock   = 1
	LockFlagReclaim = 2
)

// A Flock is a POSIX record lock, asked for or found. Length 0 reaches to the
// end of the file. ProcID and ClientID together name the holder.
type Flock struct {
	Type     uint8
	Flags    uint32
	Start    uint64
	Length   uint64
	ProcID   uint32
	ClientID string
}
