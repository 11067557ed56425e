package devfuse

import "unsafe"

// The messages, laid out as the kernel has them in <linux/fuse.h>. Each request begins
// with the InHeader.

// An InHeader is what each request begins with.
type InHeader struct {
	Len, Opcode    uint32
	Unique, NodeId uint64
	Uid, Gid, Pid  uint32 // who asks
	TotalExtlen, _ uint16
}

type initIn struct {
	InHeader
	Major, Minor, MaxReadahead, Flags, Flags2 uint32
	_                                         [11]uint32
}

// can gives what the kernel can do.
func (in *initIn) can() uint64 {
	if in.Flags&capInitExt == 0 {
		return uint64(in.Flags)
	}
	return uint64(in.Flags) | uint64(in.Flags2)<<32
}

type forgetIn struct {
	InHeader
	Nlookup uint64
}

type batchForgetIn struct {
	InHeader
	Count, _ uint32
}

type forgetOne struct{ NodeId, Nlookup uint64 }

type interruptIn struct {
	InHeader
	Unique uint64
}

// A GetAttrIn is stat(2).
type GetAttrIn struct {
	InHeader
	GetattrFlags, _ uint32
	Fh              uint64
}

// Handle gives the open file by which the attributes are asked for, 0 if by none.
func (in *GetAttrIn) Handle() uint64 {
	if in.GetattrFlags&getattrFh == 0 {
		return 0
	}
	return in.Fh
}

// A StatxIn is statx(2) for what stat(2) does not tell.
type StatxIn struct {
	InHeader
	GetattrFlags, _ uint32
	Fh              uint64
	SxFlags, SxMask uint32
}

// Handle gives the open file by which the attributes are asked for, 0 if by none.
func (in *StatxIn) Handle() uint64 {
	if in.GetattrFlags&getattrFh == 0 {
		return 0
	}
	return in.Fh
}

// A SetAttrIn is chmod(2), chown(2), truncate(2) and utimes(2): of the fields those that
// Valid has count.
type SetAttrIn struct {
	InHeader
	Valid, _                              uint32
	Fh, Size, LockOwner                   uint64
	Atime, Mtime, Ctime                   uint64
	Atimensec, Mtimensec, Ctimensec, Mode uint32
	_, Uid, Gid, _                        uint32
}

// Handle gives the open file by which it is asked, 0 if by none.
func (in *SetAttrIn) Handle() uint64 {
	if in.Valid&FattrFh == 0 {
		return 0
	}
	return in.Fh
}

// A MknodIn is mknod(2).
type MknodIn struct {
	InHeader
	Mode, Rdev, Umask, _ uint32
}

// A MkdirIn is mkdir(2).
type MkdirIn struct {
	InHeader
	Mode, Umask uint32
}

// A LinkIn is link(2): the name is in the directory NodeId.
type LinkIn struct {
	InHeader
	OldNodeId uint64
}

type renameIn struct {
	InHeader
	Newdir uint64
}

// A RenameIn is renameat2(2), and rename(2) without Flags.
type RenameIn struct {
	InHeader
	Newdir   uint64
	Flags, _ uint32
}

// An OpenIn is open(2) of what there is.
type OpenIn struct {
	InHeader
	Flags, OpenFlags uint32 // open(2)'s; Open*
}

// A CreateIn is open(2) with O_CREAT.
type CreateIn struct {
	InHeader
	Flags, Mode, Umask, OpenFlags uint32
}

// A ReadIn is read(2), and getdents(2).
type ReadIn struct {
	InHeader
	Fh, Offset      uint64
	Size, ReadFlags uint32
	LockOwner       uint64
	Flags, _        uint32
}

// A WriteIn is write(2).
type WriteIn struct {
	InHeader
	Fh, Offset       uint64
	Size, WriteFlags uint32
	LockOwner        uint64
	Flags, _         uint32
}

// A LseekIn is lseek(2) for data or a hole.
type LseekIn struct {
	InHeader
	Fh, Offset uint64
	Whence, _  uint32
}

// A CopyFileRangeIn is copy_file_range(2).
type CopyFileRangeIn struct {
	InHeader
	FhIn, OffIn              uint64
	NodeIdOut, FhOut, OffOut uint64
	Len, Flags               uint64
}

// A FallocateIn is fallocate(2).
type FallocateIn struct {
	InHeader
	Fh, Offset, Length uint64
	Mode, _            uint32
}

// A FileLock is the lock of the bytes from Start to End, both of them included.
type FileLock struct {
	Start, End uint64
	Type, Pid  uint32
}

// A LkIn is fcntl(2)'s and flock(2)'s locks.
type LkIn struct {
	InHeader
	Fh, Owner  uint64
	Lk         FileLock
	LkFlags, _ uint32
}

// A FlushIn is close(2) of one of a file's descriptors.
type FlushIn struct {
	InHeader
	Fh        uint64
	_, _      uint32
	LockOwner uint64
}

// A FsyncIn is fsync(2), and fdatasync(2) if the lowest bit of FsyncFlags is set.
type FsyncIn struct {
	InHeader
	Fh            uint64
	FsyncFlags, _ uint32
}

// A ReleaseIn is that nobody has a file open any more.
type ReleaseIn struct {
	InHeader
	Fh                  uint64
	Flags, ReleaseFlags uint32
	LockOwner           uint64
}

// A SetXAttrIn is setxattr(2).
type SetXAttrIn struct {
	InHeader
	Size, Flags uint32
}

type getXAttrIn struct {
	InHeader
	Size, _ uint32
}

// sizes are the lengths of the requests' fields; 0: not known here.
var sizes = [...]uintptr{
	opLookup: unsafe.Sizeof(InHeader{}), opForget: unsafe.Sizeof(forgetIn{}), opGetattr: unsafe.Sizeof(GetAttrIn{}),
	opSetattr: unsafe.Sizeof(SetAttrIn{}), opReadlink: unsafe.Sizeof(InHeader{}), opSymlink: unsafe.Sizeof(InHeader{}),
	opMknod: unsafe.Sizeof(MknodIn{}), opMkdir: unsafe.Sizeof(MkdirIn{}), opUnlink: unsafe.Sizeof(InHeader{}),
	opRmdir: unsafe.Sizeof(InHeader{}), opRename: unsafe.Sizeof(renameIn{}), opLink: unsafe.Sizeof(LinkIn{}),
	opOpen: unsafe.Sizeof(OpenIn{}), opRead: unsafe.Sizeof(ReadIn{}), opWrite: unsafe.Sizeof(WriteIn{}),
	opStatfs: unsafe.Sizeof(InHeader{}), opRelease: unsafe.Sizeof(ReleaseIn{}), opFsync: unsafe.Sizeof(FsyncIn{}),
	opSetxattr: unsafe.Sizeof(SetXAttrIn{}), opGetxattr: unsafe.Sizeof(getXAttrIn{}), opListxattr: unsafe.Sizeof(getXAttrIn{}),
	opRemovexattr: unsafe.Sizeof(InHeader{}), opFlush: unsafe.Sizeof(FlushIn{}), opOpendir: unsafe.Sizeof(OpenIn{}),
	opReaddir: unsafe.Sizeof(ReadIn{}), opReleasedir: unsafe.Sizeof(ReleaseIn{}), opFsyncdir: unsafe.Sizeof(FsyncIn{}),
	opGetlk: unsafe.Sizeof(LkIn{}), opSetlk: unsafe.Sizeof(LkIn{}), opSetlkw: unsafe.Sizeof(LkIn{}),
	opCreate: unsafe.Sizeof(CreateIn{}), opInterrupt: unsafe.Sizeof(interruptIn{}), opDestroy: unsafe.Sizeof(InHeader{}),
	opBatchForget: unsafe.Sizeof(batchForgetIn{}), opFallocate: unsafe.Sizeof(FallocateIn{}),
	opReaddirplus: unsafe.Sizeof(ReadIn{}), opRename2: unsafe.Sizeof(RenameIn{}), opLseek: unsafe.Sizeof(LseekIn{}), opCopyFileRange: unsafe.Sizeof(CopyFileRangeIn{}),
	opTmpfile: unsafe.Sizeof(CreateIn{}), opStatx: unsafe.Sizeof(StatxIn{}),
	opCopyFileRange64: unsafe.Sizeof(CopyFileRangeIn{}),
}
