package devfuse

import (
	"time"

	"golang.org/x/sys/unix"
)

type outHeader struct {
	Len    uint32
	Error  int32
	Unique uint64
}

type initOut struct {
	Major, Minor, MaxReadahead, Flags  uint32
	MaxBackground, CongestionThreshold uint16
	MaxWrite, TimeGran                 uint32
	MaxPages, MapAlignment             uint16
	Flags2, MaxStackDepth              uint32
	RequestTimeout                     uint16
	_                                  [11]uint16
}

// An Attr is what stat(2) tells of a file.
type Attr struct {
	Ino, Size, Blocks               uint64
	Atime, Mtime, Ctime             uint64
	Atimensec, Mtimensec, Ctimensec uint32
	Mode, Nlink, Uid, Gid, Rdev     uint32
	Blksize, Flags                  uint32
}

// SetTimes sets the times. The zero one is 0, not the year 1.
func (a *Attr) SetTimes(atime, mtime, ctime time.Time) {
	for _, t := range []struct {
		t    time.Time
		sec  *uint64
		nsec *uint32
	}{{atime, &a.Atime, &a.Atimensec}, {mtime, &a.Mtime, &a.Mtimensec}, {ctime, &a.Ctime, &a.Ctimensec}} {
		*t.sec, *t.nsec = 0, 0
		if !t.t.IsZero() {
			*t.sec, *t.nsec = uint64(t.t.Unix()), uint32(t.t.Nanosecond())
		}
	}
}

// An AttrOut answers with attributes, and how long they are good.
type AttrOut struct {
	AttrValid        uint64
	AttrValidNsec, _ uint32
	Attr
}

// SetTimeout sets how long they are.
func (o *AttrOut) SetTimeout(d time.Duration) { o.AttrValid, o.AttrValidNsec = timeout(d) }

// A SxTime is a time of a StatxOut.
type SxTime struct {
	TvSec  int64
	TvNsec uint32
	_      int32
}

// A StatxOut answers statx(2): Mask tells which fields count.
type StatxOut struct {
	AttrValid                                uint64
	AttrValidNsec, Flags                     uint32
	_                                        [2]uint64
	Mask, Blksize                            uint32
	Attributes                               uint64
	Nlink, Uid, Gid                          uint32
	Mode, _                                  uint16
	Ino, Size, Blocks, AttributesMask        uint64
	Atime, Btime, Ctime, Mtime               SxTime
	RdevMajor, RdevMinor, DevMajor, DevMinor uint32
	_                                        [14]uint64
}

// Set sets the answer by GetAttr's. A zero time of birth is not told.
func (o *StatxOut) Set(a *AttrOut, born time.Time) {
	at := func(sec uint64, nsec uint32) SxTime { return SxTime{TvSec: int64(sec), TvNsec: nsec} }
	*o = StatxOut{AttrValid: a.AttrValid, AttrValidNsec: a.AttrValidNsec, Mask: unix.STATX_BASIC_STATS, Blksize: a.Blksize,
		Nlink: a.Nlink, Uid: a.Uid, Gid: a.Gid, Mode: uint16(a.Mode), Ino: a.Ino, Size: a.Size, Blocks: a.Blocks,
		Atime: at(a.Atime, a.Atimensec), Ctime: at(a.Ctime, a.Ctimensec), Mtime: at(a.Mtime, a.Mtimensec),
		RdevMajor: unix.Major(uint64(a.Rdev)), RdevMinor: unix.Minor(uint64(a.Rdev))}
	if !born.IsZero() {
		o.Mask |= unix.STATX_BTIME
		o.Btime = SxTime{TvSec: born.Unix(), TvNsec: uint32(born.Nanosecond())}
	}
}

func timeout(d time.Duration) (sec uint64, nsec uint32) {
	return uint64(d / time.Second), uint32(d % time.Second)
}

// An EntryOut answers with a name's file, and how long that is its file.
type EntryOut struct {
	NodeId, Generation            uint64
	EntryValid, AttrValid         uint64
	EntryValidNsec, AttrValidNsec uint32
	Attr
}

// SetEntryTimeout sets how long the file is the name's.
func (o *EntryOut) SetEntryTimeout(d time.Duration) { o.EntryValid, o.EntryValidNsec = timeout(d) }

// SetAttrTimeout sets how long the attributes are good.
func (o *EntryOut) SetAttrTimeout(d time.Duration) { o.AttrValid, o.AttrValidNsec = timeout(d) }

// An OpenOut answers with an open file.
type OpenOut struct {
	Fh        uint64
	OpenFlags uint32 // Fopen*
	BackingId int32  // by FopenPassthrough
}

// A CreateOut answers with a new file that is open.
type CreateOut struct {
	EntryOut
	OpenOut
}

// A StatfsOut answers statfs(2).
type StatfsOut struct {
	Blocks, Bfree, Bavail, Files, Ffree uint64
	Bsize, Namelen, Frsize, _           uint32
	_                                   [6]uint32
}

// A LkOut answers with a lock that is in the way.
type LkOut struct{ Lk FileLock }

// A LseekOut answers with a place in a file.
type LseekOut struct{ Offset uint64 }

type writeOut struct{ Size, _ uint32 }

type copyFileRangeOut struct{ BytesCopied uint64 }

type getXAttrOut struct{ Size, _ uint32 }

// What the kernel is told: to ask again for a node's attributes and Len
// bytes of data from Off, for none if that is less than 0, and to forget a name.
type (
	notifyInvalInodeOut struct {
		Ino      uint64
		Off, Len int64
	}
	notifyInvalEntryOut struct {
		Parent         uint64
		Namelen, Flags uint32
	}
	notifyPruneOut struct {
		Count uint32
		_     uint32
		Spare uint64
	}
)

// backingMap is what the device's ioctl to lend a file takes.
type backingMap struct {
	Fd    int32
	Flags uint32
	_     uint64
}
