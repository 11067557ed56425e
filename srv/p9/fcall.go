package p9

// Type is a message's type.
type Type uint8

// Message types of 9P2000, intro(5).
const (
	Tversion Type = 100 + iota
	Rversion
	Tauth
	Rauth
	Tattach
	Rattach
	_ // Terror is illegal
	Rerror
	Tflush
	Rflush
	Twalk
	Rwalk
	Topen
	Ropen
	Tcreate
	Rcreate
	Tread
	Rread
	Twrite
	Rwrite
	Tclunk
	Rclunk
	Tremove
	Rremove
	Tstat
	Rstat
	Twstat
	Rwstat
)

// Message types of 9P2000.L, Linux's include/net/9p/9p.h.
const (
	Rlerror      Type = 7
	Tstatfs      Type = 8
	Rstatfs      Type = 9
	Tlopen       Type = 12
	Rlopen       Type = 13
	Tlcreate     Type = 14
	Rlcreate     Type = 15
	Tsymlink     Type = 16
	Rsymlink     Type = 17
	Tmknod       Type = 18
	Rmknod       Type = 19
	Trename      Type = 20
	Rrename      Type = 21
	Treadlink    Type = 22
	Rreadlink    Type = 23
	Tgetattr     Type = 24
	Rgetattr     Type = 25
	Tsetattr     Type = 26
	Rsetattr     Type = 27
	Txattrwalk   Type = 30
	Rxattrwalk   Type = 31
	Txattrcreate Type = 32
	Rxattrcreate Type = 33
	Treaddir     Type = 40
	Rreaddir     Type = 41
	Tfsync       Type = 50
	Rfsync       Type = 51
	Tlock        Type = 52
	Rlock        Type = 53
	Tgetlock     Type = 54
	Rgetlock     Type = 55
	Tlink        Type = 70
	Rlink        Type = 71
	Tmkdir       Type = 72
	Rmkdir       Type = 73
	Trenameat    Type = 74
	Rrenameat    Type = 75
	Tunlinkat    Type = 76
	Runlinkat    Type = 77
)

// An Fcall is one message of either dialect, fcall(3). Which fields count
// depends on Type; the table in layout.go says it. Strings and slices that come
// out of Decode may share the buffer only where said.
type Fcall struct {
	Type Type
	Tag  uint16

	Fid    uint32
	Newfid uint32 // also dfid of Trename, newdirfid of Trenameat
	Afid   uint32

	Msize   uint32
	Version string
	Uname   string
	Aname   string
	Nuname  uint32 // n_uname of 9P2000.L

	Oldtag uint16
	Ename  string
	Errno  uint32

	Qid    Qid
	Iounit uint32
	Wname  []string
	Wqid   []Qid

	Mode   uint8  // Topen, Tcreate
	Perm   uint32 // permissions of Tcreate; mode of Tlcreate, Tmkdir, Tmknod
	Flags  uint32
	Name   string
	Name2  string // target of Tsymlink and Rreadlink, new name of Trenameat
	Gid    uint32
	Major  uint32
	Minor  uint32
	Offset uint64
	Count  uint32
	Data   []byte // shares the buffer that was decoded
	Stat   []byte // one 9P2000 stat with its size; shares the buffer

	Mask    uint64 // request mask of Tgetattr
	Attr    Attr
	Setattr Setattr
	Statfs  Statfs
	Lock    Flock
	Status  uint8
	Size    uint64 // attr_size
	Sync    uint32 // datasync
}

// An Attr is what Rgetattr carries.
type Attr struct {
	Valid                            uint64
	Qid                              Qid
	Mode, Uid, Gid                   uint32
	Nlink, Rdev, Size, Blksize       uint64
	Blocks                           uint64
	AtimeSec, AtimeNsec              uint64
	MtimeSec, MtimeNsec              uint64
	CtimeSec, CtimeNsec              uint64
	BtimeSec, BtimeNsec, Gen, DataVn uint64
}

// A Setattr is what Tsetattr carries.
type Setattr struct {
	Valid               uint32
	Mode, Uid, Gid      uint32
	Size                uint64
	AtimeSec, AtimeNsec uint64
	MtimeSec, MtimeNsec uint64
}

// Bits of Tgetattr's request mask and Rgetattr's valid.
const (
	GetattrBasic = 0x000007ff
	GetattrBtime = 0x00000800
	GetattrData  = 0x00002000 // DataVn
	GetattrAll   = 0x00003fff
)

// Bits of Tsetattr's valid.
const (
	SetattrMode = 1 << iota
	SetattrUid
	SetattrGid
	SetattrSize
	SetattrAtime
	SetattrMtime
	SetattrCtime
	SetattrAtimeSet
	SetattrMtimeSet
)
