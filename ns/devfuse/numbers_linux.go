package devfuse

// RootId is the node of a file system's root.
const RootId = 1

// What a connection can be asked to do, or may be asked by the kernel.
const (
	CapAsyncRead       = 1 << 0  // reads of a file come several at a time
	CapPosixLocks      = 1 << 1  // GetLk, SetLk and SetLkw
	CapFileOps         = 1 << 2  // GetAttr tells by which open file it is asked
	CapAtomicTrunc     = 1 << 3  // Open and Create truncate
	CapBigWrites       = 1 << 5  // writes are longer than a page
	CapFlockLocks      = 1 << 10 // flock(2) too
	CapAutoInvalData   = 1 << 12 // data are dropped when the time of a change is another
	CapReaddirplus     = 1 << 13
	CapReaddirplusAuto = 1 << 14 // only where attributes are asked for
	CapAsyncDio        = 1 << 15 // direct reads and writes come several at a time
	CapParallelDirops  = 1 << 18 // so do Lookup and ReadDir
	CapMaxPages        = 1 << 22 // requests are as long as MaxWrite says
	CapCacheSymlinks   = 1 << 23
	CapKillPriv        = 1 << 28 // set-id bits are taken off at the kernel's word
	CapExpireOnly      = 1 << 35 // ExpireOnly is known
	CapDirectMmap      = 1 << 36 // files opened by FopenDirectIO can be mapped shared
	CapPassthrough     = 1 << 37 // Lend

	capInitExt = 1 << 30 // there are Flags2
)

// OpenOut.OpenFlags
const (
	FopenDirectIO    = 1 << 0 // reads and writes are passed on as they are
	FopenKeepCache   = 1 << 1 // data that the kernel has are good
	FopenNonseekable = 1 << 2
	FopenStream      = 1 << 4 // there is no place in the file
	FopenNoflush     = 1 << 5 // Flush is not asked
	FopenPassthrough = 1 << 7 // BackingId is the file that is meant
)

// OpenIn.OpenFlags, CreateIn.OpenFlags, ReadIn.ReadFlags and WriteIn.WriteFlags
const (
	OpenKillSuidgid  = 1 << 0
	ReadLockOwner    = 1 << 1 // LockOwner is who reads; the page cache says none
	WriteCache       = 1 << 0 // from the page cache: what was changed in memory
	WriteKillSuidgid = 1 << 2
)

// SetAttrIn.Valid
const (
	FattrMode        = 1 << 0
	FattrUid         = 1 << 1
	FattrGid         = 1 << 2
	FattrSize        = 1 << 3
	FattrAtime       = 1 << 4
	FattrMtime       = 1 << 5
	FattrFh          = 1 << 6
	FattrAtimeNow    = 1 << 7
	FattrMtimeNow    = 1 << 8
	FattrLockowner   = 1 << 9
	FattrCtime       = 1 << 10
	FattrKillSuidgid = 1 << 11
)

const (
	LkFlock   = 1 << 0 // LkIn.LkFlags: it is flock(2)'s
	getattrFh = 1 << 0 // GetAttrIn.GetattrFlags: there is an Fh
)

// What the kernel is told.
const (
	notifyInvalInode = 2
	notifyInvalEntry = 3
	notifyPrune      = 9

	expireOnly = 1 // notifyInvalEntryOut.Flags
)

type opcode uint32

// The requests.
const (
	opLookup          opcode = 1
	opForget          opcode = 2
	opGetattr         opcode = 3
	opSetattr         opcode = 4
	opReadlink        opcode = 5
	opSymlink         opcode = 6
	opMknod           opcode = 8
	opMkdir           opcode = 9
	opUnlink          opcode = 10
	opRmdir           opcode = 11
	opRename          opcode = 12
	opLink            opcode = 13
	opOpen            opcode = 14
	opRead            opcode = 15
	opWrite           opcode = 16
	opStatfs          opcode = 17
	opRelease         opcode = 18
	opFsync           opcode = 20
	opSetxattr        opcode = 21
	opGetxattr        opcode = 22
	opListxattr       opcode = 23
	opRemovexattr     opcode = 24
	opFlush           opcode = 25
	opInit            opcode = 26
	opOpendir         opcode = 27
	opReaddir         opcode = 28
	opReleasedir      opcode = 29
	opFsyncdir        opcode = 30
	opGetlk           opcode = 31
	opSetlk           opcode = 32
	opSetlkw          opcode = 33
	opCreate          opcode = 35
	opInterrupt       opcode = 36
	opDestroy         opcode = 38
	opBatchForget     opcode = 42
	opFallocate       opcode = 43
	opReaddirplus     opcode = 44
	opRename2         opcode = 45
	opLseek           opcode = 46
	opCopyFileRange   opcode = 47
	opTmpfile         opcode = 51
	opStatx           opcode = 52
	opCopyFileRange64 opcode = 53
)
