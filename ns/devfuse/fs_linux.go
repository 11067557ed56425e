package devfuse

import "syscall"

// A FS is what answers requests, several at a time. cancel is closed when whoever
// asked is interrupted; the request still is to be answered, and its arguments are
// good until it is. What is answered with is all 0 before. An Errno is 0 where all is
// well; ENOSYS says of most requests that they need not be made again.
type FS interface {
	// Brief tells whether what is asked about a node is soon answered: by this
	// program alone or from this machine's disks.
	Brief(node uint64) bool

	Lookup(cancel <-chan struct{}, in *InHeader, name string, out *EntryOut) syscall.Errno
	Forget(node, count uint64)
	GetAttr(cancel <-chan struct{}, in *GetAttrIn, out *AttrOut) syscall.Errno
	SetAttr(cancel <-chan struct{}, in *SetAttrIn, out *AttrOut) syscall.Errno
	Readlink(cancel <-chan struct{}, in *InHeader) ([]byte, syscall.Errno)
	Symlink(cancel <-chan struct{}, in *InHeader, target, name string, out *EntryOut) syscall.Errno
	Mknod(cancel <-chan struct{}, in *MknodIn, name string, out *EntryOut) syscall.Errno
	Mkdir(cancel <-chan struct{}, in *MkdirIn, name string, out *EntryOut) syscall.Errno
	Unlink(cancel <-chan struct{}, in *InHeader, name string) syscall.Errno
	Rmdir(cancel <-chan struct{}, in *InHeader, name string) syscall.Errno
	Rename(cancel <-chan struct{}, in *RenameIn, old, name string) syscall.Errno
	Link(cancel <-chan struct{}, in *LinkIn, name string, out *EntryOut) syscall.Errno

	Create(cancel <-chan struct{}, in *CreateIn, name string, out *CreateOut) syscall.Errno
	Open(cancel <-chan struct{}, in *OpenIn, out *OpenOut) syscall.Errno
	// Read puts bytes into buf and tells how many.
	Read(cancel <-chan struct{}, in *ReadIn, buf []byte) (int, syscall.Errno)
	Write(cancel <-chan struct{}, in *WriteIn, data []byte) (uint32, syscall.Errno)
	Lseek(cancel <-chan struct{}, in *LseekIn, out *LseekOut) syscall.Errno
	// CopyFileRange tells how many bytes were copied. After EOPNOTSUPP the kernel reads
	// and writes them.
	CopyFileRange(cancel <-chan struct{}, in *CopyFileRangeIn) (uint64, syscall.Errno)
	Fallocate(cancel <-chan struct{}, in *FallocateIn) syscall.Errno
	GetLk(cancel <-chan struct{}, in *LkIn, out *LkOut) syscall.Errno
	SetLk(cancel <-chan struct{}, in *LkIn) syscall.Errno
	SetLkw(cancel <-chan struct{}, in *LkIn) syscall.Errno
	Flush(cancel <-chan struct{}, in *FlushIn) syscall.Errno
	Fsync(cancel <-chan struct{}, in *FsyncIn) syscall.Errno
	Release(cancel <-chan struct{}, in *ReleaseIn)

	OpenDir(cancel <-chan struct{}, in *OpenIn, out *OpenOut) syscall.Errno
	ReadDir(cancel <-chan struct{}, in *ReadIn, out *DirList) syscall.Errno
	// ReadDirPlus looks names up as it lists them. One whose node is 0 it has not.
	ReadDirPlus(cancel <-chan struct{}, in *ReadIn, out *DirList) syscall.Errno
	FsyncDir(cancel <-chan struct{}, in *FsyncIn) syscall.Errno
	ReleaseDir(in *ReleaseIn)

	StatFs(cancel <-chan struct{}, in *InHeader, out *StatfsOut) syscall.Errno
	// GetXAttr and ListXAttr give the length alone where dest is empty.
	GetXAttr(cancel <-chan struct{}, in *InHeader, name string, dest []byte) (uint32, syscall.Errno)
	ListXAttr(cancel <-chan struct{}, in *InHeader, dest []byte) (uint32, syscall.Errno)
	SetXAttr(cancel <-chan struct{}, in *SetXAttrIn, name string, value []byte) syscall.Errno
	RemoveXAttr(cancel <-chan struct{}, in *InHeader, name string) syscall.Errno
}
