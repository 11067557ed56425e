package p9

import (
	"io/fs"
	"syscall"
)

// Mode says how a file is opened: open(2)'s modes of Plan 9 with the further
// bits that Linux's O_ flags need.
type Mode uint32

// The low bits are open(5)'s and travel in 9P2000's mode byte; the rest has
// plan9port's values where it has them and is had through 9P2000.L.
const (
	OREAD  Mode = 0
	OWRITE Mode = 1
	ORDWR  Mode = 2
	OEXEC  Mode = 3

	OTRUNC  Mode = 0x10
	OCEXEC  Mode = 0x20
	ORCLOSE Mode = 0x40

	OEXCL      Mode = 0x1000
	ONONBLOCK  Mode = 0x2000
	OAPPEND    Mode = 0x4000
	ODIRECTORY Mode = 0x10000
	ONOFOLLOW  Mode = 0x20000
	OSYNC      Mode = 0x40000
	ODSYNC     Mode = 0x80000
	ODIRECT    Mode = 0x100000
	OCREATE    Mode = 0x200000 // Tlopen with O_CREAT, which v9fs sends and which means nothing there
)

// Readable reports whether the mode lets data or a program be read.
func (m Mode) Readable() bool { return m&3 != OWRITE }

// Writable reports whether the mode lets data be written.
func (m Mode) Writable() bool { return m&3 == OWRITE || m&3 == ORDWR }

// Linux's flags as 9P2000.L has them on the wire: asm-generic, octal there.
var linuxFlags = [...]struct {
	l uint32
	m Mode
}{
	{0o100, OCREATE}, {0o200, OEXCL}, {0o1000, OTRUNC}, {0o2000, OAPPEND}, {0o4000, ONONBLOCK},
	{0o10000, ODSYNC}, {0o40000, ODIRECT}, {0o200000, ODIRECTORY}, {0o400000, ONOFOLLOW}, {0o4000000, OSYNC},
}

// ModeOfLinux turns the flags of Tlopen or Tlcreate into a Mode.
func ModeOfLinux(flags uint32) Mode {
	m := Mode(flags & 3)
	for _, f := range linuxFlags {
		if flags&f.l != 0 {
			m |= f.m
		}
	}
	return m
}

// Linux gives the flags of Tlopen for a mode. OEXEC is sent as O_RDONLY.
func (m Mode) Linux() uint32 {
	flags := uint32(m & 3)
	if m&3 == OEXEC {
		flags = 0
	}
	for _, f := range linuxFlags {
		if m&f.m != 0 {
			flags |= f.l
		}
	}
	return flags
}

// Plan9 gives the mode byte of Topen and Tcreate.
func (m Mode) Plan9() uint8 { return uint8(m & (3 | OTRUNC | OCEXEC | ORCLOSE)) }

// The bits of a 9P2000 permission word above the nine, stat(5); those from
// DMSYMLINK down to DMSETGID are 9P2000.u's and are understood, never required.
const (
	DMDIR       = 0x80000000
	DMAPPEND    = 0x40000000
	DMEXCL      = 0x20000000
	DMMOUNT     = 0x10000000
	DMAUTH      = 0x08000000
	DMTMP       = 0x04000000
	DMSYMLINK   = 0x02000000
	DMDEVICE    = 0x00800000
	DMNAMEDPIPE = 0x00200000
	DMSOCKET    = 0x00100000
	DMSETUID    = 0x00080000
	DMSETGID    = 0x00040000
)

var dmBits = [...]struct {
	dm uint32
	m  fs.FileMode
}{
	{DMDIR, fs.ModeDir}, {DMAPPEND, fs.ModeAppend}, {DMEXCL, fs.ModeExclusive}, {DMTMP, fs.ModeTemporary},
	{DMSYMLINK, fs.ModeSymlink}, {DMDEVICE, fs.ModeDevice}, {DMNAMEDPIPE, fs.ModeNamedPipe},
	{DMSOCKET, fs.ModeSocket}, {DMSETUID, fs.ModeSetuid}, {DMSETGID, fs.ModeSetgid},
}

// FileMode turns a 9P2000 permission word into Go's mode.
func FileMode(perm uint32) fs.FileMode {
	m := fs.FileMode(perm & 0o777)
	for _, b := range dmBits {
		if perm&b.dm != 0 {
			m |= b.m
		}
	}
	return m
}

// Perm gives the 9P2000 permission word of a mode.
func Perm(m fs.FileMode) uint32 {
	p := uint32(m.Perm())
	for _, b := range dmBits {
		if m&b.m != 0 {
			p |= b.dm
		}
	}
	return p
}

var unixTypes = [...]struct {
	u uint32
	m fs.FileMode
}{
	{syscall.S_IFDIR, fs.ModeDir}, {syscall.S_IFLNK, fs.ModeSymlink}, {syscall.S_IFIFO, fs.ModeNamedPipe},
	{syscall.S_IFSOCK, fs.ModeSocket}, {syscall.S_IFCHR, fs.ModeDevice | fs.ModeCharDevice},
	{syscall.S_IFBLK, fs.ModeDevice}, {syscall.S_IFREG, 0},
}

// ModeOfUnix turns a Unix st_mode into Go's mode.
func ModeOfUnix(u uint32) fs.FileMode {
	m := fs.FileMode(u & 0o777)
	for _, t := range unixTypes {
		if u&syscall.S_IFMT == t.u {
			m |= t.m
		}
	}
	if u&syscall.S_ISUID != 0 {
		m |= fs.ModeSetuid
	}
	if u&syscall.S_ISGID != 0 {
		m |= fs.ModeSetgid
	}
	if u&syscall.S_ISVTX != 0 {
		m |= fs.ModeSticky
	}
	return m
}

// UnixMode gives the st_mode of a mode, with its type bits.
func UnixMode(m fs.FileMode) uint32 {
	u := uint32(m.Perm())
	for _, t := range unixTypes {
		if m&fs.ModeType == t.m {
			u |= t.u
			break
		}
	}
	if m&fs.ModeSetuid != 0 {
		u |= syscall.S_ISUID
	}
	if m&fs.ModeSetgid != 0 {
		u |= syscall.S_ISGID
	}
	if m&fs.ModeSticky != 0 {
		u |= syscall.S_ISVTX
	}
	return u
}

// Dtype gives the d_type byte of a Treaddir entry.
func Dtype(m fs.FileMode) uint8 { return uint8(UnixMode(m&fs.ModeType) >> 12) }

// ModeOfDtype gives the type bits that a d_type byte stands for.
func ModeOfDtype(t uint8) fs.FileMode { return ModeOfUnix(uint32(t)<<12) & fs.ModeType }
