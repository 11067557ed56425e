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

const someFids = 6

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

	ops9 = "wwwwwwwwwwwooooooooorrrrrrrrrrrWWWWWWWWccccccfffffffffffttssxxvaaAm"
	opsL = ops9 + "ggllLLddkkuunnNNSiiiieeEE"
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
		case b < 200 && len(have) > 0:
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
	// yard is a directory in which things can be made, produce what was made.
	like := func(is func(f *mfid) bool) uint32 {
		first := fid()
		if b := in.byte(); b%4 != 0 {
			for i := range have {
				if n := have[(i+int(b))%len(have)]; !m.fids[n].wild && m.fids[n].f != nil && is(m.fids[n]) {
					return n
				}
			}
		}
		return first
	}
	yard := func() uint32 {
		return like(func(f *mfid) bool { return f.f.kind == kDir && !f.open && f.f.mutable() == nil })
	}
	produce := func() uint32 { return like(func(f *mfid) bool { return f.f.path >= firstPath }) }
	name := func() string { return choose(in, someNames) }
	t := &p9.Fcall{Fid: fid(), Afid: p9.NoFid, Uname: "glenda", Nuname: p9.NoUid}
	both := func(nine, l p9.Type) {
		if t.Type = nine; dotl {
			t.Type = l
		}
	}
	switch ops[int(in.byte())%len(ops)] {
	case 'w':
		t.Type, t.Newfid = p9.Twalk, newfid()
		b := in.byte()
		if p := goodPaths[int(b)%len(goodPaths)]; b < 200 && p != "" {
			t.Wname = strings.Split(p, "/")
		} else if b >= 200 {
			for range b % 18 {
				t.Wname = append(t.Wname, name())
			}
		}
	case 'o':
		t.Mode, t.Flags = choose(in, someModes).Plan9(), choose(in, someFlags)
		both(p9.Topen, p9.Tlopen)
	case 'c':
		t.Fid = yard()
		t.Name, t.Mode, t.Flags, t.Perm = name(), choose(in, someModes).Plan9(), choose(in, someFlags), 0o777
		if both(p9.Tcreate, p9.Tlcreate); !dotl && in.byte()%4 == 0 {
			t.Perm = choose(in, []uint32{p9.DMDIR | 0o777, p9.DMDIR | 0o777, p9.DMAPPEND | 0o777, p9.DMSYMLINK | 0o777})
		}
	case 'r':
		t.Type, t.Offset, t.Count = p9.Tread, choose(in, somePlace), choose(in, someCount)
	case 'W':
		t.Type, t.Offset, t.Data = p9.Twrite, choose(in, somePlace), []byte("write")[:in.byte()%6]
	case 'f':
		t.Type = p9.Tclunk
	case 't':
		both(p9.Tstat, p9.Tgetattr)
	case 's':
		both(p9.Twstat, p9.Tsetattr)
		t.Fid = produce()
		in.change(t)
	case 'x':
		t.Type, t.Fid = p9.Tremove, produce()
	case 'v':
		t.Type, t.Afid, t.Uname = p9.Tauth, newfid(), choose(in, []string{"glenda", "eve"})
	case 'a', 'A':
		t.Type, t.Fid = p9.Tattach, newfid()
		t.Aname = choose(in, []string{"", "", "quick", "dirs", "files", "again", "slow", "none"})
		if b := in.byte(); b%2 == 1 {
			t.Afid = fid()
			t.Uname = choose(in, []string{"glenda", "glenda", "eve"})
		}
	case 'm': // one that is no request
		t.Type = choose(in, []p9.Type{p9.Rclunk, p9.Rflush, p9.Rremove})
	case 'g':
		t.Type = p9.Tgetattr
	case 'l':
		t.Type = p9.Tlock
		t.Lock = p9.Flock{Flags: uint32(in.byte() % 2), ClientID: "me"}
	case 'L':
		t.Type = p9.Tgetlock
	case 'd':
		t.Type, t.Offset, t.Count = p9.Treaddir, uint64(in.byte()%30), choose(in, someCount)
	case 'k':
		t.Type, t.Fid, t.Name, t.Perm = p9.Tmkdir, yard(), name(), 0o777
	case 'u':
		t.Type, t.Fid, t.Name, t.Flags = p9.Tunlinkat, yard(), name(), uint32(in.byte()%2)*0x200
	case 'n':
		t.Type, t.Fid, t.Newfid, t.Name = p9.Trename, produce(), yard(), name()
	case 'N':
		t.Type, t.Fid, t.Newfid, t.Name, t.Name2 = p9.Trenameat, yard(), yard(), name(), name()
	case 'S':
		t.Type, t.Name, t.Name2, t.Newfid = choose(in, []p9.Type{p9.Tsymlink, p9.Tmknod, p9.Tlink, p9.Treadlink, p9.Tstatfs, p9.Tfsync}), name(), "target", fid()
	case 'i':
		t.Type, t.Newfid, t.Name = p9.Txattrwalk, newfid(), choose(in, someAttrs)
	case 'e', 'E':
		t.Type, t.Name, t.Size, t.Flags = p9.Txattrcreate, choose(in, someAttrs), choose(in, someSizes), uint32(in.byte()%3)
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
		return f != nil && !f.wild && (f.xw != nil || f.f != nil && f.f.kind == kData)
	case p9.Tclunk:
		return f != nil && (f.xw != nil || f.open && f.mode&p9.ORCLOSE != 0)
	}
	return false
}
