package devfuse

import (
	"unsafe"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// A FS is what answers requests, several at a time. cancel is closed when whoever
// asked is interrupted; the request still is to be answered, and its arguments are
// good until it is. A status is an errno; ENOSYS says of most requests that they
// need not be made again. fuse.RawFileSystem, which says more of each, has the same
// but for Read.
type FS interface {
	// Brief tells whether what is asked about a node is soon answered: by this
	// program alone or from this machine's disks.
	Brief(node uint64) bool

	Lookup(cancel <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status
	Forget(node, count uint64)
	GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status
	SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status
	Readlink(cancel <-chan struct{}, in *fuse.InHeader) ([]byte, fuse.Status)
	Symlink(cancel <-chan struct{}, in *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status
	Mknod(cancel <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status
	Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status
	Unlink(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status
	Rmdir(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status
	Rename(cancel <-chan struct{}, in *fuse.RenameIn, old, name string) fuse.Status
	Link(cancel <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status

	Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status
	Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status
	// Read puts bytes into buf and tells how many.
	Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (int, fuse.Status)
	Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status)
	Lseek(cancel <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status
	CopyFileRange(cancel <-chan struct{}, in *fuse.CopyFileRangeIn) (uint32, fuse.Status)
	Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status
	GetLk(cancel <-chan struct{}, in *fuse.LkIn, out *fuse.LkOut) fuse.Status
	SetLk(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status
	SetLkw(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status
	Flush(cancel <-chan struct{}, in *fuse.FlushIn) fuse.Status
	Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status
	Release(cancel <-chan struct{}, in *fuse.ReleaseIn)

	OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status
	ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status
	// ReadDirPlus looks names up as it lists them. One whose node is 0 it has not.
	ReadDirPlus(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status
	FsyncDir(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status
	ReleaseDir(in *fuse.ReleaseIn)

	StatFs(cancel <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status
	// GetXAttr and ListXAttr give the length alone where dest is empty.
	GetXAttr(cancel <-chan struct{}, in *fuse.InHeader, name string, dest []byte) (uint32, fuse.Status)
	ListXAttr(cancel <-chan struct{}, in *fuse.InHeader, dest []byte) (uint32, fuse.Status)
	SetXAttr(cancel <-chan struct{}, in *fuse.SetXAttrIn, name string, value []byte) fuse.Status
	RemoveXAttr(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status
}

type opcode uint32

// The requests, as <linux/fuse.h> numbers them.
const (
	opLookup        opcode = 1
	opForget        opcode = 2
	opGetattr       opcode = 3
	opSetattr       opcode = 4
	opReadlink      opcode = 5
	opSymlink       opcode = 6
	opMknod         opcode = 8
	opMkdir         opcode = 9
	opUnlink        opcode = 10
	opRmdir         opcode = 11
	opRename        opcode = 12
	opLink          opcode = 13
	opOpen          opcode = 14
	opRead          opcode = 15
	opWrite         opcode = 16
	opStatfs        opcode = 17
	opRelease       opcode = 18
	opFsync         opcode = 20
	opSetxattr      opcode = 21
	opGetxattr      opcode = 22
	opListxattr     opcode = 23
	opRemovexattr   opcode = 24
	opFlush         opcode = 25
	opInit          opcode = 26
	opOpendir       opcode = 27
	opReaddir       opcode = 28
	opReleasedir    opcode = 29
	opFsyncdir      opcode = 30
	opGetlk         opcode = 31
	opSetlk         opcode = 32
	opSetlkw        opcode = 33
	opCreate        opcode = 35
	opInterrupt     opcode = 36
	opDestroy       opcode = 38
	opBatchForget   opcode = 42
	opFallocate     opcode = 43
	opReaddirplus   opcode = 44
	opRename2       opcode = 45
	opLseek         opcode = 46
	opCopyFileRange opcode = 47
)

// A rename1 is opRename's message: opRename2's without flags.
type rename1 struct {
	fuse.InHeader
	Newdir uint64
}

// A setxattr is opSetxattr's message as it is where its longer form was not
// agreed on.
type setxattr struct {
	fuse.InHeader
	Size, Flags uint32
}

type batchForget struct {
	fuse.InHeader
	Count, _ uint32
}

type forgetOne struct{ Node, Count uint64 }

// sizes are the lengths of the messages' fields; 0: not known here.
var sizes = [...]uintptr{
	opLookup: unsafe.Sizeof(fuse.InHeader{}), opForget: unsafe.Sizeof(fuse.ForgetIn{}), opGetattr: unsafe.Sizeof(fuse.GetAttrIn{}),
	opSetattr: unsafe.Sizeof(fuse.SetAttrIn{}), opReadlink: unsafe.Sizeof(fuse.InHeader{}), opSymlink: unsafe.Sizeof(fuse.InHeader{}),
	opMknod: unsafe.Sizeof(fuse.MknodIn{}), opMkdir: unsafe.Sizeof(fuse.MkdirIn{}), opUnlink: unsafe.Sizeof(fuse.InHeader{}),
	opRmdir: unsafe.Sizeof(fuse.InHeader{}), opRename: unsafe.Sizeof(rename1{}), opLink: unsafe.Sizeof(fuse.LinkIn{}),
	opOpen: unsafe.Sizeof(fuse.OpenIn{}), opRead: unsafe.Sizeof(fuse.ReadIn{}), opWrite: unsafe.Sizeof(fuse.WriteIn{}),
	opStatfs: unsafe.Sizeof(fuse.InHeader{}), opRelease: unsafe.Sizeof(fuse.ReleaseIn{}), opFsync: unsafe.Sizeof(fuse.FsyncIn{}),
	opSetxattr: unsafe.Sizeof(setxattr{}), opGetxattr: unsafe.Sizeof(fuse.GetXAttrIn{}), opListxattr: unsafe.Sizeof(fuse.GetXAttrIn{}),
	opRemovexattr: unsafe.Sizeof(fuse.InHeader{}), opFlush: unsafe.Sizeof(fuse.FlushIn{}), opOpendir: unsafe.Sizeof(fuse.OpenIn{}),
	opReaddir: unsafe.Sizeof(fuse.ReadIn{}), opReleasedir: unsafe.Sizeof(fuse.ReleaseIn{}), opFsyncdir: unsafe.Sizeof(fuse.FsyncIn{}),
	opGetlk: unsafe.Sizeof(fuse.LkIn{}), opSetlk: unsafe.Sizeof(fuse.LkIn{}), opSetlkw: unsafe.Sizeof(fuse.LkIn{}),
	opCreate: unsafe.Sizeof(fuse.CreateIn{}), opInterrupt: unsafe.Sizeof(fuse.InterruptIn{}), opDestroy: unsafe.Sizeof(fuse.InHeader{}),
	opBatchForget: unsafe.Sizeof(batchForget{}), opFallocate: unsafe.Sizeof(fuse.FallocateIn{}),
	opReaddirplus: unsafe.Sizeof(fuse.ReadIn{}), opRename2: unsafe.Sizeof(fuse.RenameIn{}), opLseek: unsafe.Sizeof(fuse.LseekIn{}), opCopyFileRange: unsafe.Sizeof(fuse.CopyFileRangeIn{}),
}
