package p9

import (
	"errors"
	"io/fs"
	"math"
	"testing"
	"time"
)

func TestStat(t *testing.T) {
	at, mt := time.Unix(1000000000, 0), time.Unix(math.MaxUint32-1, 0)
	for _, s := range []Stat{
		{},
		{Qid: Qid{QTDIR, 7, 1 << 60}, Name: "d", Mode: fs.ModeDir | 0o755, Uid: "glenda", Gid: "sys", Muid: "bob", Atime: at, Mtime: mt},
		{Qid: Qid{QTAPPEND | QTEXCL, 7, 1}, Name: "a b", Mode: fs.ModeAppend | fs.ModeExclusive | 0o200, Length: math.MaxUint64},
	} {
		b, err := AppendStat([]byte("x"), &s)
		if err != nil {
			t.Fatal(err)
		}
		got, rest, err := ParseStat(append(b[1:], "rest"...))
		if err != nil || string(rest) != "rest" || got != s {
			t.Errorf("%v %q\n%+v\n%+v", err, rest, got, s)
		}
		for n := range len(b) - 1 {
			if _, _, err := ParseStat(b[1 : 1+n]); !errors.Is(err, ErrBadStat) {
				t.Errorf("cut to %d: %v", n, err)
			}
		}
	}
	// What 9P2000.u has at the end is passed over; a time outside of 32 bits is clipped.
	s := Stat{Atime: time.Unix(-5, 0), Mtime: time.Unix(1<<40, 0)}
	b, _ := AppendStat(nil, &s)
	le.PutUint16(b, uint16(len(b)-2+3))
	got, rest, err := ParseStat(append(b, "ext"...))
	if err != nil || len(rest) != 0 || !got.Atime.IsZero() || got.Mtime.Unix() != math.MaxUint32-1 {
		t.Errorf("%+v %q %v", got, rest, err)
	}
}

func TestWstat(t *testing.T) {
	at := time.Unix(1000000000, 0)
	for _, w := range []Wstat{
		{},
		{Valid: WName, Name: "new"},
		{Valid: WMode, Mode: fs.ModeDir | 0o700},
		{Valid: WLength},
		{Valid: WLength, Length: 1 << 40},
		{Valid: WUid | WGid, Uid: "glenda", Gid: "sys"},
		{Valid: WAtime | WMtime, Atime: at, Mtime: at.Add(time.Second)},
	} {
		b, err := AppendWstat(nil, &w)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseWstat(b); err != nil || got != w {
			t.Errorf("%v\n%+v\n%+v", err, got, w)
		}
		if _, err := ParseWstat(append(b, 0)); !errors.Is(err, ErrBadStat) {
			t.Errorf("with a byte after it: %v", err)
		}
	}
	b, _ := AppendWstat(nil, &Wstat{Valid: WMtimeNow | WAtimeNow})
	if w, err := ParseWstat(b); err != nil || w.Valid != WMtime|WAtime || time.Since(w.Mtime).Abs() > time.Hour {
		t.Errorf("now: %+v, %v", w, err)
	}
}

func TestAttr(t *testing.T) {
	at := time.Unix(1000000000, 123456789)
	s := Stat{Qid: Qid{QTAPPEND, 1, 2}, Mode: fs.ModeAppend | fs.ModeSetuid | 0o644, Length: 1025, Nuid: 1, Ngid: 2, Nlink: 3,
		Rdev: 4, Blksize: 512, Blocks: 8, Atime: at, Mtime: at, Ctime: at, Btime: at}
	a := AttrOf(&s)
	if got := a.Stat(); got != s {
		t.Errorf("\n%+v\n%+v", got, s)
	}
	a = AttrOf(&Stat{Length: 1025})
	if a.Nlink != 1 || a.Blocks != 0 || a.Valid != GetattrBasic || a.Mode != 0o100000 {
		t.Errorf("%+v", a)
	}
	if a = AttrOf(&Stat{Unlinked: true}); a.Nlink != 0 || !new(Attr).Stat().Unlinked {
		t.Errorf("of what has no name left: %+v", a)
	}
	a.AtimeNsec = math.MaxUint64 // a peer may say anything
	a.Stat()
}

func TestSetattr(t *testing.T) {
	at := time.Unix(1000000000, 5)
	for _, w := range []Wstat{
		{Valid: WMode, Mode: fs.ModeSetgid | 0o750},
		{Valid: WUid | WGid, Nuid: 5, Ngid: NoUid},
		{Valid: WLength, Length: 1 << 50},
		{Valid: WAtime | WMtime, Atime: at, Mtime: at},
		{Valid: WAtimeNow | WMtimeNow},
		{Valid: WAtimeNow | WMtime, Mtime: at},
	} {
		a := SetattrOf(&w)
		got := a.Wstat()
		if got.Valid != w.Valid || got.Mode != w.Mode || got.Nuid != w.Nuid || got.Ngid != w.Ngid || got.Length != w.Length ||
			w.Valid&WAtime != 0 && !got.Atime.Equal(w.Atime) || w.Valid&WMtime != 0 && !got.Mtime.Equal(w.Mtime) {
			t.Errorf("\n%+v\n%+v", got, w)
		}
	}
	a := Setattr{Valid: SetattrCtime}
	if w := a.Wstat(); w.Valid != 0 {
		t.Errorf("a bare ctime is a change: %+v", w)
	}
}

func TestModes(t *testing.T) {
	for _, c := range []struct {
		m    fs.FileMode
		perm uint32
		unix uint32
	}{
		{0o644, 0o644, 0o100644},
		{fs.ModeDir | 0o755, DMDIR | 0o755, 0o40755},
		{fs.ModeSymlink | 0o777, DMSYMLINK | 0o777, 0o120777},
		{fs.ModeNamedPipe | 0o600, DMNAMEDPIPE | 0o600, 0o10600},
		{fs.ModeSocket | 0o600, DMSOCKET | 0o600, 0o140600},
		{fs.ModeDevice | 0o600, DMDEVICE | 0o600, 0o60600},
		{fs.ModeSetuid | fs.ModeSetgid | 0o755, DMSETUID | DMSETGID | 0o755, 0o106755},
	} {
		if got := Perm(c.m); got != c.perm {
			t.Errorf("Perm(%v) = %#x, want %#x", c.m, got, c.perm)
		}
		if got := FileMode(c.perm); got != c.m {
			t.Errorf("FileMode(%#x) = %v, want %v", c.perm, got, c.m)
		}
		if got := UnixMode(c.m); got != c.unix {
			t.Errorf("UnixMode(%v) = %#o, want %#o", c.m, got, c.unix)
		}
		if got := ModeOfUnix(c.unix); got != c.m {
			t.Errorf("ModeOfUnix(%#o) = %v, want %v", c.unix, got, c.m)
		}
		if got := ModeOfDtype(Dtype(c.m)); got != c.m.Type() {
			t.Errorf("d_type of %v: %v", c.m, got)
		}
	}
	if m := ModeOfUnix(0o21666); m != fs.ModeDevice|fs.ModeCharDevice|fs.ModeSticky|0o666 || UnixMode(m) != 0o21666 {
		t.Errorf("%v, %#o", m, UnixMode(m))
	}
	for _, m := range []Mode{OREAD, OWRITE, ORDWR, ORDWR | OTRUNC | OAPPEND | OEXCL, OREAD | ODIRECTORY | ONOFOLLOW, OWRITE | OSYNC | ODSYNC | ODIRECT | ONONBLOCK | OCREATE} {
		if got := ModeOfLinux(m.Linux()); got != m {
			t.Errorf("%#x by way of Linux is %#x", m, got)
		}
	}
	for _, c := range []struct {
		m    Mode
		r, w bool
	}{{OREAD, true, false}, {OWRITE | OTRUNC, false, true}, {ORDWR, true, true}, {OEXEC, true, false}} {
		if c.m.Readable() != c.r || c.m.Writable() != c.w {
			t.Errorf("%#x: %v, %v", c.m, c.m.Readable(), c.m.Writable())
		}
	}
	if (OEXEC|OTRUNC|OEXCL).Plan9() != 0x13 || OEXEC.Linux() != 0 {
		t.Error("mode byte")
	}
}

func TestQid(t *testing.T) {
	for _, m := range []fs.FileMode{0, fs.ModeDir, fs.ModeAppend, fs.ModeExclusive, fs.ModeTemporary, fs.ModeSymlink} {
		if q := QidTypeOf(m); uint32(q)<<24 != Perm(m) {
			t.Errorf("%v: %#x", m, q)
		}
	}
	if s := (Qid{QTDIR | QTAPPEND, 7, 0x1f}).String(); s != "(000000000000001f 7 da)" {
		t.Error(s)
	}
}
