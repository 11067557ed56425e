package devfuse

import "syscall"

// A FS is what answers requests, several at a time. cancel tells when whoever asked
// is interrupted; the request still is to be answered, and its arguments are good until
// it is. What is answered with is all 0 before. An Errno is 0 where all is
// well; ENOSYS says of most requests that they need not be made again.
type FS interface {
	// Brief tells whether what is asked about a node is soon answered, in far less than
	// a millisecond.
	Brief(node uint64) bool
	// Took tells of each answer, or of one that is still not there, whether it took long.
	Took(node uint64, long bool)

	Lookup(cancel *Cancel, in *InHeader, name string, out *EntryOut) syscall.Errno
	Forget(node, count uint64)
	GetAttr(cancel *Cancel, in *GetAttrIn, out *AttrOut) syscall.Errno
	// Statx tells what GetAttr does, and the time of birth where that is known.
	Statx(cancel *Cancel, in *StatxIn, out *StatxOut) syscall.Errno
	SetAttr(cancel *Cancel, in *SetAttrIn, out *AttrOut) syscall.Errno
	Readlink(cancel *Cancel, in *InHeader) ([]byte, syscall.Errno)
	Symlink(cancel *Cancel, in *InHeader, target, name string, out *EntryOut) syscall.Errno
	Mknod(cancel *Cancel, in *MknodIn, name string, out *EntryOut) syscall.Errno
	Mkdir(cancel *Cancel, in *MkdirIn, name string, out *EntryOut) syscall.Errno
	Unlink(cancel *Cancel, in *InHeader, name string) syscall.Errno
	Rmdir(cancel *Cancel, in *InHeader, name string) syscall.Errno
	Rename(cancel *Cancel, in *RenameIn, old, name string) syscall.Errno
	Link(cancel *Cancel, in *LinkIn, name string, out *EntryOut) syscall.Errno

	Create(cancel *Cancel, in *CreateIn, name string, out *CreateOut) syscall.Errno
	// Tmpfile makes a file without a name in a directory.
	Tmpfile(cancel *Cancel, in *CreateIn, out *CreateOut) syscall.Errno
	Open(cancel *Cancel, in *OpenIn, out *OpenOut) syscall.Errno
	// Read puts bytes into buf and tells how many.
	Read(cancel *Cancel, in *ReadIn, buf []byte) (int, syscall.Errno)
	Write(cancel *Cancel, in *WriteIn, data []byte) (uint32, syscall.Errno)
	Lseek(cancel *Cancel, in *LseekIn, out *LseekOut) syscall.Errno
	// CopyFileRange tells how many bytes were copied. After EOPNOTSUPP the kernel reads
	// and writes them.
	CopyFileRange(cancel *Cancel, in *CopyFileRangeIn) (uint64, syscall.Errno)
	Fallocate(cancel *Cancel, in *FallocateIn) syscall.Errno
	GetLk(cancel *Cancel, in *LkIn, out *LkOut) syscall.Errno
	SetLk(cancel *Cancel, in *LkIn) syscall.Errno
	SetLkw(cancel *Cancel, in *LkIn) syscall.Errno
	Flush(cancel *Cancel, in *FlushIn) syscall.Errno
	Fsync(cancel *Cancel, in *FsyncIn) syscall.Errno
	Release(cancel *Cancel, in *ReleaseIn)

	OpenDir(cancel *Cancel, in *OpenIn, out *OpenOut) syscall.Errno
	ReadDir(cancel *Cancel, in *ReadIn, out *DirList) syscall.Errno
	// ReadDirPlus looks names up as it lists them. One whose node is 0 it has not.
	ReadDirPlus(cancel *Cancel, in *ReadIn, out *DirList) syscall.Errno
	FsyncDir(cancel *Cancel, in *FsyncIn) syscall.Errno
	ReleaseDir(in *ReleaseIn)

	StatFs(cancel *Cancel, in *InHeader, out *StatfsOut) syscall.Errno
	// GetXAttr and ListXAttr give the length alone where dest is empty.
	GetXAttr(cancel *Cancel, in *InHeader, name string, dest []byte) (uint32, syscall.Errno)
	ListXAttr(cancel *Cancel, in *InHeader, dest []byte) (uint32, syscall.Errno)
	SetXAttr(cancel *Cancel, in *SetXAttrIn, name string, value []byte) syscall.Errno
	RemoveXAttr(cancel *Cancel, in *InHeader, name string) syscall.Errno
}
