package p9

import (
	"io/fs"
	"math"
	"time"
)

// The wire forms of Stat and Wstat: stat(5) for 9P2000, Rgetattr and Tsetattr
// for 9P2000.L.

const statFixed = 2 + 4 + 13 + 4 + 4 + 4 + 8 // type to length, after size[2]

// AppendStat encodes a 9P2000 stat, size[2] and all. Times are cut to seconds.
func AppendStat(b []byte, s *Stat) ([]byte, error) {
	return appendStat(b, s, s.Qid, Perm(s.Mode), sec32(s.Atime), sec32(s.Mtime), s.Length)
}

func appendStat(b []byte, s *Stat, q Qid, perm, atime, mtime uint32, length uint64) ([]byte, error) {
	start := len(b)
	b = append(b, make([]byte, 2+2+4)...) // type and dev are the kernel's
	b = appendQid(b, q)
	b = le.AppendUint32(b, perm)
	b = le.AppendUint32(b, atime)
	b = le.AppendUint32(b, mtime)
	b = le.AppendUint64(b, length)
	var err error
	for _, v := range [...]string{s.Name, s.Uid, s.Gid, s.Muid} {
		if b, err = appendString(b, v); err != nil {
			return b[:start], err
		}
	}
	if len(b)-start-2 > 0xFFFF {
		return b[:start], errTooLong
	}
	le.PutUint16(b[start:], uint16(len(b)-start-2))
	return b, nil
}

// sec32 clips a time to what 9P2000 can say, in seconds of 1970.
func sec32(t time.Time) uint32 {
	if t.IsZero() {
		return 0
	}
	return uint32(max(0, min(t.Unix(), math.MaxUint32-1)))
}

func fromSec32(s uint32) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0)
}

// rawStat is a 9P2000 stat before "don't touch" values are given their meaning.
type rawStat struct {
	typ      uint16
	dev      uint32
	qid      Qid
	perm     uint32
	atime    uint32
	mtime    uint32
	length   uint64
	name     string
	uid, gid string
	muid     string
}

func parseStat(b []byte) (r rawStat, rest []byte, err error) {
	d := decoder{b: b}
	body := decoder{b: d.take(int(d.u16()))}
	if d.short || len(body.b) < statFixed {
		return r, nil, ErrBadStat
	}
	r.typ, r.dev, r.qid = body.u16(), body.u32(), body.qid()
	r.perm, r.atime, r.mtime, r.length = body.u32(), body.u32(), body.u32(), body.u64()
	r.name, r.uid, r.gid, r.muid = body.str(), body.str(), body.str(), body.str()
	if body.short {
		return r, nil, ErrBadStat
	}
	return r, d.b, nil // what 9P2000.u adds at the end of body is passed over
}

// ParseStat decodes the 9P2000 stat at the start of b and returns what follows.
func ParseStat(b []byte) (s Stat, rest []byte, err error) {
	r, rest, err := parseStat(b)
	if err != nil {
		return s, nil, err
	}
	return Stat{Qid: r.qid, Name: r.name, Mode: FileMode(r.perm), Length: r.length, Uid: r.uid, Gid: r.gid,
		Muid: r.muid, Atime: fromSec32(r.atime), Mtime: fromSec32(r.mtime)}, rest, nil
}

// AppendWstat encodes a Wstat as 9P2000's stat, with what Valid lacks as "don't
// touch" (stat(5)).
func AppendWstat(b []byte, w *Wstat) ([]byte, error) {
	const no32, no64 = math.MaxUint32, math.MaxUint64
	perm, atime, mtime, length := uint32(no32), uint32(no32), uint32(no32), uint64(no64)
	var s Stat
	if w.Valid&WMode != 0 {
		perm = Perm(w.Mode)
	}
	if w.Valid&WAtime != 0 {
		atime = sec32(w.Atime)
	}
	if w.Valid&WAtimeNow != 0 {
		atime = sec32(time.Now())
	}
	if w.Valid&WMtime != 0 {
		mtime = sec32(w.Mtime)
	}
	if w.Valid&WMtimeNow != 0 {
		mtime = sec32(time.Now())
	}
	if w.Valid&WLength != 0 {
		length = w.Length
	}
	if w.Valid&WName != 0 {
		s.Name = w.Name
	}
	if w.Valid&WUid != 0 {
		s.Uid = w.Uid
	}
	if w.Valid&WGid != 0 {
		s.Gid = w.Gid
	}
	start := len(b)
	b, err := appendStat(b, &s, Qid{QidType(0xFF), no32, no64}, perm, atime, mtime, length)
	if err == nil {
		for i := 2; i < 8; i++ { // type, dev
			b[start+i] = 0xFF
		}
	}
	return b, err
}

// ParseWstat decodes the stat of a Twstat. Its qid, type, dev and muid are not for a
// client to change and are passed over.
func ParseWstat(b []byte) (Wstat, error) {
	var w Wstat
	r, rest, err := parseStat(b)
	if err != nil {
		return w, err
	}
	if len(rest) > 0 {
		return w, ErrBadStat
	}
	if r.perm != math.MaxUint32 {
		w.Valid |= WMode
		w.Mode = FileMode(r.perm)
	}
	if r.atime != math.MaxUint32 {
		w.Valid |= WAtime
		w.Atime = time.Unix(int64(r.atime), 0)
	}
	if r.mtime != math.MaxUint32 {
		w.Valid |= WMtime
		w.Mtime = time.Unix(int64(r.mtime), 0)
	}
	if r.length != math.MaxUint64 {
		w.Valid |= WLength
		w.Length = r.length
	}
	if r.name != "" {
		w.Valid |= WName
		w.Name = r.name
	}
	if r.uid != "" {
		w.Valid |= WUid
		w.Uid = r.uid
	}
	if r.gid != "" {
		w.Valid |= WGid
		w.Gid = r.gid
	}
	return w, nil
}

func secNsec(t time.Time) (uint64, uint64) {
	if t.IsZero() {
		return 0, 0
	}
	return uint64(t.Unix()), uint64(t.Nanosecond())
}

func fromSecNsec(s, ns uint64) time.Time {
	if s == 0 && ns == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), int64(ns%1e9))
}

// AttrOf gives the 9P2000.L form of a Stat whose Nuid and Ngid are set.
func AttrOf(s *Stat) Attr {
	a := Attr{Valid: GetattrBasic, Qid: s.Qid, Mode: UnixMode(s.Mode), Uid: s.Nuid, Gid: s.Ngid,
		Nlink: s.Nlink, Rdev: s.Rdev, Size: s.Length, Blksize: s.Blksize, Blocks: s.Blocks}
	if a.Nlink == 0 && !s.Unlinked {
		a.Nlink = 1
	}
	a.AtimeSec, a.AtimeNsec = secNsec(s.Atime)
	a.MtimeSec, a.MtimeNsec = secNsec(s.Mtime)
	a.CtimeSec, a.CtimeNsec = secNsec(s.Ctime)
	if !s.Btime.IsZero() {
		a.Valid |= GetattrBtime
		a.BtimeSec, a.BtimeNsec = secNsec(s.Btime)
	}
	if s.Snapshot {
		a.Valid |= GetattrData
		a.DataVn = ^uint64(0)
	}
	return a
}

// Stat gives the Stat that an Rgetattr says. It has no Name.
func (a *Attr) Stat() Stat {
	s := Stat{Qid: a.Qid, Mode: ModeOfUnix(a.Mode), Nuid: a.Uid, Ngid: a.Gid, Nlink: a.Nlink, Unlinked: a.Nlink == 0, Rdev: a.Rdev,
		Length: a.Size, Blksize: a.Blksize, Blocks: a.Blocks,
		Atime: fromSecNsec(a.AtimeSec, a.AtimeNsec), Mtime: fromSecNsec(a.MtimeSec, a.MtimeNsec),
		Ctime: fromSecNsec(a.CtimeSec, a.CtimeNsec)}
	// Append-only, exclusive and temporary have no place in a Unix mode.
	for _, b := range [...]struct {
		q QidType
		m fs.FileMode
	}{{QTAPPEND, fs.ModeAppend}, {QTEXCL, fs.ModeExclusive}, {QTTMP, fs.ModeTemporary}} {
		if a.Qid.Type&b.q != 0 {
			s.Mode |= b.m
		}
	}
	if a.Valid&GetattrBtime != 0 {
		s.Btime = fromSecNsec(a.BtimeSec, a.BtimeNsec)
	}
	s.Snapshot = a.Valid&GetattrData != 0 && a.DataVn == ^uint64(0)
	return s
}

// Wstat gives the change that a Tsetattr asks for. A bare ctime is no change.
func (a *Setattr) Wstat() Wstat {
	w := Wstat{Mode: ModeOfUnix(a.Mode), Nuid: a.Uid, Ngid: a.Gid, Length: a.Size,
		Atime: time.Unix(int64(a.AtimeSec), int64(a.AtimeNsec)), Mtime: time.Unix(int64(a.MtimeSec), int64(a.MtimeNsec))}
	for _, v := range [...]struct {
		bit uint32
		w   WstatMask
	}{{SetattrMode, WMode}, {SetattrUid, WUid}, {SetattrGid, WGid}, {SetattrSize, WLength}} {
		if a.Valid&v.bit != 0 {
			w.Valid |= v.w
		}
	}
	if a.Valid&SetattrAtime != 0 {
		w.Valid |= WAtimeNow
		if a.Valid&SetattrAtimeSet != 0 {
			w.Valid ^= WAtimeNow | WAtime
		}
	}
	if a.Valid&SetattrMtime != 0 {
		w.Valid |= WMtimeNow
		if a.Valid&SetattrMtimeSet != 0 {
			w.Valid ^= WMtimeNow | WMtime
		}
	}
	return w
}

// SetattrOf gives the 9P2000.L form of a Wstat without a Name.
func SetattrOf(w *Wstat) Setattr {
	a := Setattr{Mode: UnixMode(w.Mode) & 0o7777, Uid: w.Nuid, Gid: w.Ngid, Size: w.Length}
	for _, v := range [...]struct {
		w   WstatMask
		bit uint32
	}{{WMode, SetattrMode}, {WUid, SetattrUid}, {WGid, SetattrGid}, {WLength, SetattrSize},
		{WAtime, SetattrAtime | SetattrAtimeSet}, {WMtime, SetattrMtime | SetattrMtimeSet},
		{WAtimeNow, SetattrAtime}, {WMtimeNow, SetattrMtime}} {
		if w.Valid&v.w != 0 {
			a.Valid |= v.bit
		}
	}
	a.AtimeSec, a.AtimeNsec = secNsec(w.Atime)
	a.MtimeSec, a.MtimeNsec = secNsec(w.Mtime)
	return a
}
