package p9file

import (
	"io/fs"

	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv/p9"
)

// special has the types of which neither their contents nor their qids tell.
const special = fs.ModeNamedPipe | fs.ModeSocket | fs.ModeDevice | fs.ModeCharDevice | fs.ModeIrregular

// onlyQid has what a qid says of a file and a Unix mode does not.
const onlyQid = fs.ModeAppend | fs.ModeExclusive | fs.ModeTemporary

func theirQid(q p9.Qid) hp9.QID {
	return hp9.QID{Type: hp9.QIDType(q.Type), Version: q.Vers, Path: q.Path}
}

// qidOf gives a qid whose type fits the mode: theirs call pipes append-only.
func qidOf(q hp9.QID, mode fs.FileMode) p9.Qid {
	return p9.Qid{Type: p9.QidTypeOf(mode), Vers: q.Version, Path: q.Path}
}

// modeOf gives the mode that a p9.FileMode and a qid say together.
func modeOf(m hp9.FileMode, q hp9.QID) fs.FileMode {
	mode := p9.ModeOfUnix(uint32(m))
	if mode&special == 0 {
		mode |= p9.FileMode(uint32(q.Type)<<24) & onlyQid
	}
	return mode
}

// statOf gives what a GetAttr said.
func statOf(q hp9.QID, valid hp9.AttrMask, a *hp9.Attr) p9.Stat {
	w := p9.Attr{Mode: uint32(a.Mode), Uid: uint32(a.UID), Gid: uint32(a.GID), Nlink: uint64(a.NLink), Rdev: uint64(a.RDev),
		Size: a.Size, Blksize: a.BlockSize, Blocks: a.Blocks, AtimeSec: a.ATimeSeconds, AtimeNsec: a.ATimeNanoSeconds,
		MtimeSec: a.MTimeSeconds, MtimeNsec: a.MTimeNanoSeconds, CtimeSec: a.CTimeSeconds, CtimeNsec: a.CTimeNanoSeconds,
		BtimeSec: a.BTimeSeconds, BtimeNsec: a.BTimeNanoSeconds}
	if valid.BTime {
		w.Valid = p9.GetattrBtime
	}
	st := w.Stat()
	st.Unlinked = false // many trees don't count
	st.Mode = modeOf(a.Mode, q)
	st.Qid = qidOf(q, st.Mode)
	const nobody = 65534
	for _, id := range [...]*uint32{&st.Nuid, &st.Ngid} {
		if *id == p9.NoUid {
			*id = nobody
		}
	}
	return st
}

// attrOf gives a Stat whose Nuid and Ngid are set as GetAttr does, and says what
// of it is known.
func attrOf(st *p9.Stat) (hp9.AttrMask, hp9.Attr) {
	valid := hp9.AttrMaskAll
	valid.BTime, valid.Gen, valid.DataVersion = !st.Btime.IsZero(), false, false
	a := p9.AttrOf(st)
	return valid, hp9.Attr{Mode: hp9.FileMode(a.Mode), UID: hp9.UID(a.Uid), GID: hp9.GID(a.Gid), NLink: hp9.NLink(a.Nlink),
		RDev: hp9.Dev(a.Rdev), Size: a.Size, BlockSize: a.Blksize, Blocks: a.Blocks, ATimeSeconds: a.AtimeSec,
		ATimeNanoSeconds: a.AtimeNsec, MTimeSeconds: a.MtimeSec, MTimeNanoSeconds: a.MtimeNsec, CTimeSeconds: a.CtimeSec,
		CTimeNanoSeconds: a.CtimeNsec, BTimeSeconds: a.BtimeSec, BTimeNanoSeconds: a.BtimeNsec}
}

// setattrOf gives a Wstat without a name, its owners' numbers set, as SetAttr
// takes it.
func setattrOf(w *p9.Wstat) (hp9.SetAttrMask, hp9.SetAttr) {
	a := p9.SetattrOf(w)
	has := func(bit uint32) bool { return a.Valid&bit != 0 }
	return hp9.SetAttrMask{Permissions: has(p9.SetattrMode), UID: has(p9.SetattrUid), GID: has(p9.SetattrGid),
			Size: has(p9.SetattrSize), ATime: has(p9.SetattrAtime), MTime: has(p9.SetattrMtime),
			ATimeNotSystemTime: has(p9.SetattrAtimeSet), MTimeNotSystemTime: has(p9.SetattrMtimeSet)},
		hp9.SetAttr{Permissions: hp9.FileMode(a.Mode), UID: hp9.UID(a.Uid), GID: hp9.GID(a.Gid), Size: a.Size,
			ATimeSeconds: a.AtimeSec, ATimeNanoSeconds: a.AtimeNsec, MTimeSeconds: a.MtimeSec, MTimeNanoSeconds: a.MtimeNsec}
}

// wstatOf is setattrOf's inverse. A change of the ctime alone is none.
func wstatOf(valid hp9.SetAttrMask, s *hp9.SetAttr) p9.Wstat {
	a := p9.Setattr{Mode: uint32(s.Permissions), Uid: uint32(s.UID), Gid: uint32(s.GID), Size: s.Size,
		AtimeSec: s.ATimeSeconds, AtimeNsec: s.ATimeNanoSeconds, MtimeSec: s.MTimeSeconds, MtimeNsec: s.MTimeNanoSeconds}
	for _, v := range [...]struct {
		is  bool
		bit uint32
	}{{valid.Permissions, p9.SetattrMode}, {valid.UID, p9.SetattrUid}, {valid.GID, p9.SetattrGid}, {valid.Size, p9.SetattrSize},
		{valid.ATime, p9.SetattrAtime}, {valid.MTime, p9.SetattrMtime}, {valid.ATimeNotSystemTime, p9.SetattrAtimeSet},
		{valid.MTimeNotSystemTime, p9.SetattrMtimeSet}} {
		if v.is {
			a.Valid |= v.bit
		}
	}
	w := a.Wstat()
	w.Mode &^= fs.ModeType
	return w
}

// noStatfs is what a tree that does not know its file system says.
var noStatfs = p9.Statfs{Type: 0x01021997, Bsize: 4096, Namelen: 255} // V9FS_MAGIC

func statfsOf(s hp9.FSStat) p9.Statfs {
	return p9.Statfs{Type: s.Type, Bsize: s.BlockSize, Blocks: s.Blocks, Bfree: s.BlocksFree, Bavail: s.BlocksAvailable,
		Files: s.Files, Ffree: s.FilesFree, Fsid: s.FSID, Namelen: s.NameLength}
}

func theirStatfs(s p9.Statfs) hp9.FSStat {
	return hp9.FSStat{Type: s.Type, BlockSize: s.Bsize, Blocks: s.Blocks, BlocksFree: s.Bfree, BlocksAvailable: s.Bavail,
		Files: s.Files, FilesFree: s.Ffree, FSID: s.Fsid, NameLength: s.Namelen}
}
