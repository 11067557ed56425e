package srv_test

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"ninespace/srv/p9"
)

// An input gives the choices of a run, byte by byte, and zeros at its end.
type input []byte

func (in *input) byte() byte {
	if len(*in) == 0 {
		return 0
	}
	b := (*in)[0]
	*in = (*in)[1:]
	return b
}

func choose[T any](in *input, l []T) T { return l[int(in.byte())%len(l)] }

const someFids = 10

var (
	someNames = []string{"a", "b", "c", "a", "b", "c", "a", "b", "c", "a", "b", "text", "d", "m", "", ".", "..", "x/y", "n\x00", strings.Repeat("l", 300)}
	goodPaths = []string{"", "m", "m", "m", "m/a", "m/b", "m/c", "m/a/a", "d", "d/text", "w", "text", "sink", "wread", "wwrite", "wopen", "deaf", "w/wwalk", "odd", "none", "clone", "lock", "queue",
		"d/e/self", "m/a", "m/b", "m/a/b", "closed", "closed/x", "d/..", "d/e/../..", "../..", "text/..", "m/..", "text/x", "none/x", "d/none/x"}
	someModes = []p9.Mode{p9.OREAD, p9.OREAD, p9.ORDWR, p9.ORDWR, p9.OWRITE, p9.OEXEC, p9.ORCLOSE, p9.OTRUNC | p9.OWRITE, p9.ORCLOSE | p9.ORDWR}
	someFlags = []uint32{0, 0, 2, 2, 1, 3, 0o1001, 0o200000, 0o201, 0o2001}
	somePlace = []uint64{0, 0, 1, 2, 3, 4, 7, 100, math.MaxInt64 - 1, math.MaxInt64, math.MaxUint64}
	someCount = []uint32{100, 100, 4096, 1, 0, 30, math.MaxInt32, math.MaxUint32}
	someAttrs = []string{"user.a", "user.a", "user.b", "", strings.Repeat("n", 300)}
	someSizes = []uint64{0, 1, 3, 3, 64<<10 + 1, math.MaxUint64}

	ops9 = "wwwwwwwwwwwwwwooooooooOOrrrrrrrrrrWWWWWWWWccccccffffffttssssxxvam"
	opsL = ops9 + "ggllLddddkkuunnNNNSiiieee"
)

// request makes up a request, without a tag. Most fids are those that are there.
func (m *model) request(in *input) *p9.Fcall {
	ops, dotl := ops9, m.dotl
	if dotl {
		ops = opsL
	}
	have := slices.Sorted(maps.Keys(m.fids))
	fid := func() uint32 {
		switch b := in.byte(); {
		case b == 255:
			return p9.NoFid
		case b < 240 && len(have) > 0:
			return have[int(b)%len(have)]
		default:
			return uint32(b) % someFids
		}
	}
	newfid := func() uint32 {
		b := in.byte()
		for n := range uint32(someFids) {
			if n = (uint32(b) + n) % someFids; b < 220 && !slices.Contains(have, n) {
				return n
			}
		}
		return fid()
	}
	// like is most often a fid for which is holds.
	like := func(is func(f *mfid) bool) uint32 {
		b := int(in.byte())
		if b >= 220 {
			return fid()
		}
		for i := range have {
			if n := have[(i+b)%len(have)]; !m.fids[n].wild && m.fids[n].f != nil && is(m.fids[n]) {
				return n
			}
		}
		return fid()
	}
	walkable := func(f *mfid) bool { return !f.open && f.f.kind == kDir }
	openable := func(f *mfid) bool { return !f.open && f.f.kind != kDir }
	readable := func(f *mfid) bool { return f.open && f.mode.Readable() || f.xr != nil }
	writable := func(f *mfid) bool { return f.open && f.mode.Writable() || f.xw != nil }
	opendir := func(f *mfid) bool { return f.open && f.f.kind == kDir }
	yard := func(f *mfid) bool { return walkable(f) && f.f.mutable() == nil }
	produce := func(f *mfid) bool { return f.f.path >= firstPath && f.f.kind == kData }
	lockable := func(f *mfid) bool { return f.open && f.f.kind == kLock }
	name := func() string { return choose(in, someNames) }
	t := &p9.Fcall{Fid: fid(), Afid: p9.NoFid, Uname: "glenda", Nuname: p9.NoUid}
	both := func(nine, l p9.Type) {
		if t.Type = nine; dotl {
			t.Type = l
		}
	}
	switch ops[int(in.byte())%len(ops)] {
	case 'w':
		t.Type, t.Fid, t.Newfid = p9.Twalk, like(walkable), newfid()
		b := in.byte()
		if p := goodPaths[int(b)%len(goodPaths)]; b < 220 && p != "" {
			t.Wname = strings.Split(p, "/")
		} else if b >= 220 {
			size := 0
			for range b % 18 {
				n := name()
				if size += len(n); size > runMsize-200 { // a longer message ends the connection
					n = "a"
				}
				t.Wname = append(t.Wname, n)
			}
		}
		if in.byte()%8 == 0 {
			t.Newfid = t.Fid
		}
	case 'o':
		t.Fid, t.Mode, t.Flags = like(openable), choose(in, someModes).Plan9(), choose(in, someFlags)
		both(p9.Topen, p9.Tlopen)
	case 'O':
		t.Fid = like(walkable)
		both(p9.Topen, p9.Tlopen)
	case 'c':
		t.Fid, t.Name, t.Mode, t.Flags, t.Perm = like(yard), name(), choose(in, someModes).Plan9(), choose(in, someFlags), 0o777
		if both(p9.Tcreate, p9.Tlcreate); !dotl && in.byte()%4 == 0 {
			t.Perm = choose(in, []uint32{p9.DMDIR | 0o777, p9.DMDIR | 0o777, p9.DMAPPEND | 0o777, p9.DMSYMLINK | 0o777})
		}
	case 'r':
		t.Type, t.Fid, t.Offset, t.Count = p9.Tread, like(readable), choose(in, somePlace), choose(in, someCount)
		if f := m.fids[t.Fid]; f != nil && f.off != 0 && !dotl && t.Offset < 4 { // go on in a directory
			t.Offset = f.off
		}
	case 'W':
		t.Type, t.Fid, t.Offset, t.Data = p9.Twrite, like(writable), choose(in, somePlace), []byte("write")[:in.byte()%6]
		if f := m.fids[t.Fid]; f != nil && f.xw != nil && t.Offset < 4 {
			t.Offset = uint64(len(f.xw.got))
		}
	case 'f':
		t.Type = p9.Tclunk
	case 't':
		both(p9.Tstat, p9.Tgetattr)
	case 's':
		both(p9.Twstat, p9.Tsetattr)
		t.Fid = like(produce)
		in.change(t)
	case 'x':
		t.Type, t.Fid = p9.Tremove, like(produce)
	case 'v':
		t.Type, t.Afid, t.Uname = p9.Tauth, newfid(), choose(in, []string{"glenda", "eve"})
	case 'a':
		t.Type, t.Fid = p9.Tattach, newfid()
		t.Aname = choose(in, []string{"", "", "quick", "dirs", "files", "again", "slow", "none"})
		if b := in.byte(); b%2 == 1 {
			t.Afid = fid()
			for _, n := range have {
				if m.fids[n].auth && b%4 == 1 {
					t.Afid = n
				}
			}
			t.Uname = choose(in, []string{"glenda", "glenda", "eve"})
		}
	case 'm': // one that is no request
		t.Type = choose(in, []p9.Type{p9.Rclunk, p9.Rflush, p9.Rremove})
	case 'g':
		t.Type = p9.Tgetattr
	case 'l':
		t.Type, t.Fid = p9.Tlock, like(lockable)
		t.Lock = p9.Flock{Flags: uint32(in.byte() % 2), ClientID: "me"}
	case 'L':
		t.Type, t.Fid = p9.Tgetlock, like(lockable)
	case 'd':
		t.Type, t.Fid, t.Offset, t.Count = p9.Treaddir, like(opendir), uint64(in.byte()%30), choose(in, someCount)
	case 'k':
		t.Type, t.Fid, t.Name, t.Perm = p9.Tmkdir, like(yard), name(), 0o777
	case 'u':
		t.Type, t.Fid, t.Name, t.Flags = p9.Tunlinkat, like(yard), name(), uint32(in.byte()%2)*0x200
	case 'n':
		t.Type, t.Fid, t.Newfid, t.Name = p9.Trename, like(produce), like(yard), name()
	case 'N':
		t.Type, t.Fid, t.Newfid, t.Name, t.Name2 = p9.Trenameat, like(yard), like(yard), name(), name()
	case 'S':
		t.Type, t.Name, t.Name2, t.Newfid = choose(in, []p9.Type{p9.Tsymlink, p9.Tmknod, p9.Tlink, p9.Treadlink, p9.Tstatfs, p9.Tfsync}), name(), "target", fid()
	case 'i':
		t.Type, t.Newfid, t.Name = p9.Txattrwalk, newfid(), choose(in, someAttrs)
	case 'e':
		t.Type, t.Fid, t.Name, t.Size, t.Flags = p9.Txattrcreate, like(openable), choose(in, someAttrs), choose(in, someSizes), uint32(in.byte()%3)
	}
	return t
}

// change makes up what a Twstat or Tsetattr changes.
func (in *input) change(t *p9.Fcall) {
	w := p9.Wstat{}
	switch in.byte() % 8 {
	case 0, 1, 2:
		w = p9.Wstat{Valid: p9.WName, Name: choose(in, someNames)}
	case 3, 4:
		w = p9.Wstat{Valid: p9.WLength, Length: uint64(in.byte() % 16)}
	case 5:
		w = p9.Wstat{Valid: p9.WMtime, Mtime: time.Unix(1, 0)}
	case 6:
		w = p9.Wstat{Valid: p9.WMode, Mode: p9.FileMode(choose(in, []uint32{0o700, p9.DMDIR | 0o700}))}
	}
	if t.Type == p9.Twstat {
		t.Stat, _ = p9.AppendWstat(nil, &w)
		if in.byte()%16 == 15 {
			t.Stat = t.Stat[:len(t.Stat)/2]
		}
		return
	}
	if w.Valid == p9.WName || w.Valid == p9.WMode {
		w = p9.Wstat{}
	}
	t.Setattr = p9.SetattrOf(&w)
}

// mutates reports whether a request may change what others see, so that it has
// to be alone.
func (m *model) mutates(t *p9.Fcall) bool {
	f := m.fids[t.Fid]
	switch t.Type {
	case p9.Tcreate, p9.Tlcreate, p9.Tmkdir, p9.Tremove, p9.Twstat, p9.Tsetattr, p9.Trename, p9.Trenameat, p9.Tunlinkat, p9.Txattrcreate:
		return true
	case p9.Topen:
		return p9.Mode(t.Mode)&(p9.OTRUNC|p9.ORCLOSE) != 0
	case p9.Tlopen:
		return p9.ModeOfLinux(t.Flags)&p9.OTRUNC != 0
	case p9.Twrite:
		return f != nil && (f.wild || f.xw != nil || f.f != nil && f.f.kind == kData)
	case p9.Tclunk:
		return f != nil && (f.xw != nil || f.open && f.mode&p9.ORCLOSE != 0)
	}
	return false
}
