package srv_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// What other implementations get wrong, message by message in both dialects. The
// transcripts of testdata tell the stories of the same.

// asks gives one request of each type that a dialect has and that goes to a fid:
// to f, and to g where it has two.
func asks(dotl bool, f, g uint32) []*p9.Fcall {
	wstat, err := p9.AppendWstat(nil, &p9.Wstat{Valid: p9.WLength, Length: 1})
	if err != nil {
		panic(err)
	}
	if !dotl {
		return []*p9.Fcall{{Type: p9.Tattach, Fid: 100, Afid: f}, {Type: p9.Twalk, Fid: f, Newfid: 100, Wname: []string{"x"}},
			{Type: p9.Topen, Fid: f}, {Type: p9.Tcreate, Fid: f, Name: "x", Perm: 0o644}, {Type: p9.Tread, Fid: f, Count: 1},
			{Type: p9.Twrite, Fid: f, Data: []byte("x")}, {Type: p9.Tclunk, Fid: f}, {Type: p9.Tremove, Fid: f},
			{Type: p9.Tstat, Fid: f}, {Type: p9.Twstat, Fid: f, Stat: wstat}}
	}
	return []*p9.Fcall{{Type: p9.Tattach, Fid: 100, Afid: f}, {Type: p9.Twalk, Fid: f, Newfid: 100, Wname: []string{"x"}},
		{Type: p9.Tread, Fid: f, Count: 1}, {Type: p9.Twrite, Fid: f, Data: []byte("x")}, {Type: p9.Tclunk, Fid: f},
		{Type: p9.Tremove, Fid: f}, {Type: p9.Tstatfs, Fid: f}, {Type: p9.Tlopen, Fid: f}, {Type: p9.Tlcreate, Fid: f, Name: "x", Perm: 0o644},
		{Type: p9.Tsymlink, Fid: f, Name: "x", Name2: "y"}, {Type: p9.Tmknod, Fid: f, Name: "x", Perm: 0o010644},
		{Type: p9.Trename, Fid: f, Newfid: g, Name: "x"}, {Type: p9.Treadlink, Fid: f}, {Type: p9.Tgetattr, Fid: f, Mask: p9.GetattrBasic},
		{Type: p9.Tsetattr, Fid: f, Setattr: p9.Setattr{Valid: p9.SetattrSize}}, {Type: p9.Txattrwalk, Fid: f, Newfid: 100, Name: "user.a"},
		{Type: p9.Txattrcreate, Fid: f, Name: "user.x", Size: 1}, {Type: p9.Treaddir, Fid: f, Count: 100}, {Type: p9.Tfsync, Fid: f},
		{Type: p9.Tlock, Fid: f, Lock: p9.Flock{ClientID: "x"}}, {Type: p9.Tgetlock, Fid: f, Lock: p9.Flock{ClientID: "x"}},
		{Type: p9.Tlink, Fid: f, Newfid: g, Name: "x"}, {Type: p9.Tmkdir, Fid: f, Name: "x", Perm: 0o755},
		{Type: p9.Trenameat, Fid: f, Name: "x", Newfid: g, Name2: "y"}, {Type: p9.Tunlinkat, Fid: f, Name: "x"}}
}

// denied sends a request that must be answered by an error: this one, if any.
func (w *wire) denied(f *p9.Fcall, want ...*p9.Error) {
	w.Helper()
	w.send(f)
	w.isError(w.recv(), f.Tag, f.Text(w.dotl), want...)
}

func (w *wire) isError(r *p9.Fcall, tag uint16, what string, want ...*p9.Error) {
	w.Helper()
	ok := r.Tag == tag && (r.Type == p9.Rerror && !w.dotl || r.Type == p9.Rlerror && w.dotl)
	if ok && len(want) > 0 {
		ok = w.dotl && r.Errno == uint32(want[0].Errno) || !w.dotl && r.Ename == want[0].Ename
	}
	if !ok {
		w.Errorf("%s\nis answered by %s", what, r.Text(w.dotl))
	}
}

func (w *wire) raw(b []byte) {
	w.Helper()
	if _, err := w.c.Write(b); err != nil {
		w.Fatal(err)
	}
}

// alive sees that the connection goes on.
func (w *wire) alive() {
	w.Helper()
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 200})
	w.rpc(&p9.Fcall{Type: p9.Tclunk, Fid: 200})
}

// TestBadFids uses numbers that have no fid, and others that have one already.
func TestBadFids(t *testing.T) {
	both(t, func(t *testing.T, dotl bool) {
		w := dial(t, transcriptTree(t), dotl)
		w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"box"}})
		for _, fids := range [][2]uint32{{9, 9}, {p9.NoFid, 9}, {1, 9}, {9, 1}} {
			for _, f := range asks(dotl, fids[0], fids[1]) {
				two := f.Newfid == fids[1]
				if f.Type == p9.Tattach && fids[0] == p9.NoFid || fids[0] == 1 && !two {
					continue
				}
				w.denied(f, p9.ErrUnknownFid)
			}
		}
		w.denied(&p9.Fcall{Type: p9.Tattach, Fid: 1, Afid: p9.NoFid}, p9.ErrFidInUse)
		w.denied(&p9.Fcall{Type: p9.Tattach, Fid: p9.NoFid, Afid: p9.NoFid}, p9.ErrFidInUse)
		w.denied(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"d"}}, p9.ErrFidInUse)
		w.denied(&p9.Fcall{Type: p9.Twalk, Newfid: p9.NoFid}, p9.ErrFidInUse)
		if dotl {
			w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 2, Wname: []string{"box", "f"}})
			w.denied(&p9.Fcall{Type: p9.Txattrwalk, Fid: 2, Newfid: 1, Name: "user.a"}, p9.ErrFidInUse)
			w.denied(&p9.Fcall{Type: p9.Txattrwalk, Fid: 2, Newfid: 2, Name: "user.a"}, p9.ErrFidInUse)
		}
		w.alive()
	})
}

// TestBadNames gives names that no file can have to each message that walks,
// makes, renames or removes. The box says so if one comes through.
func TestBadNames(t *testing.T) {
	both(t, func(t *testing.T, dotl bool) {
		w := dial(t, transcriptTree(t), dotl)
		w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"box"}})
		w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 2, Wname: []string{"box", "f"}})
		const dir, file = 1, 2
		long := strings.Repeat("n", 256)
		for _, name := range []string{"", ".", "..", "/", "a/b", "/a", "a/", "../a", "\x00", "a\x00", "a\x00b", long, strings.Repeat("/", 300)} {
			want := p9.ErrBadName
			if name == long {
				want = p9.ErrNameTooLong
			}
			if name != ".." {
				w.denied(&p9.Fcall{Type: p9.Twalk, Fid: dir, Newfid: 3, Wname: []string{name}}, want)
			}
			if !dotl {
				w.denied(&p9.Fcall{Type: p9.Tcreate, Fid: dir, Name: name, Perm: 0o644}, want)
				w.denied(&p9.Fcall{Type: p9.Tcreate, Fid: dir, Name: name, Perm: uint32(p9.DMDIR | 0o755)}, want)
				if name == "" { // says that the name stays
					continue
				}
				stat, err := p9.AppendWstat(nil, &p9.Wstat{Valid: p9.WName, Name: name})
				if err != nil {
					t.Fatal(err)
				}
				w.denied(&p9.Fcall{Type: p9.Twstat, Fid: file, Stat: stat}, want)
				continue
			}
			for _, f := range []*p9.Fcall{{Type: p9.Tlcreate, Fid: dir, Name: name}, {Type: p9.Tmkdir, Fid: dir, Name: name},
				{Type: p9.Tsymlink, Fid: dir, Name: name, Name2: "x"}, {Type: p9.Tmknod, Fid: dir, Name: name, Perm: 0o010644},
				{Type: p9.Tlink, Fid: file, Newfid: dir, Name: name}, {Type: p9.Trename, Fid: file, Newfid: dir, Name: name},
				{Type: p9.Trenameat, Fid: dir, Name: "f", Newfid: dir, Name2: name}, {Type: p9.Trenameat, Fid: dir, Name: name, Newfid: dir, Name2: "g"},
				{Type: p9.Tunlinkat, Fid: dir, Name: name}, {Type: p9.Tunlinkat, Fid: dir, Name: name, Flags: 0x200}} {
				w.denied(f, want)
			}
		}
		// The longest name there can be comes through.
		f := &p9.Fcall{Type: p9.Tcreate, Fid: dir, Name: long[1:], Perm: 0o644}
		if dotl {
			f.Type = p9.Tlcreate
		}
		w.denied(f, p9.ErrIO)
		w.alive()
	})
}

// TestBadFrames cuts each request short at each byte, and adds one to it; and
// sends each type that is no request. Each is an error, and the next is heard.
func TestBadFrames(t *testing.T) {
	both(t, func(t *testing.T, dotl bool) {
		w := dial(t, transcriptTree(t), dotl)
		all := append(asks(dotl, 9, 9), &p9.Fcall{Type: p9.Tversion, Version: p9.Version9P2000}, &p9.Fcall{Type: p9.Tflush},
			&p9.Fcall{Type: p9.Tauth, Afid: 9, Uname: "glenda", Aname: "x"})
		for _, f := range all {
			f.Tag = 7
			whole, err := f.Append(nil, dotl)
			if err != nil {
				t.Fatal(err)
			}
			for n := p9.HdrSz; n <= len(whole)+1; n++ {
				if n == len(whole) || f.Type == p9.Tfsync && n == len(whole)-4 { // an early client's
					continue
				}
				b := append(whole[:len(whole):len(whole)], 0)[:n]
				b = bytes.Clone(b)
				binary.LittleEndian.PutUint32(b, uint32(n))
				w.raw(b)
				w.isError(w.recv(), 7, fmt.Sprintf("%s, %d bytes of %d", f.Type, n, len(whole)))
			}
		}
		for typ := range 256 {
			if p9.Type(typ).Known(dotl) && typ%2 == 0 {
				continue
			}
			w.raw([]byte{7, 0, 0, 0, byte(typ), 7, 0})
			w.isError(w.recv(), 7, fmt.Sprintf("type %d", typ))
		}
		w.alive()
	})
}

// TestBadSizes sends sizes that no message can have: the connection ends, and
// other ones go on.
func TestBadSizes(t *testing.T) {
	srvtest.CheckGoroutines(t)
	both(t, func(t *testing.T, dotl bool) {
		root := transcriptTree(t)
		other := dial(t, root, dotl)
		for _, size := range []uint32{0, 1, 4, 5, 6, 64<<10 + 1, 1 << 24, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32} {
			w := dial(t, root, dotl)
			b := binary.LittleEndian.AppendUint32(nil, size)
			w.raw(append(b, byte(p9.Tclunk), 1, 0)[:max(4, min(7, size))])
			if _, err := srvtest.Recv(w.c, dotl); err != io.EOF && !strings.Contains(fmt.Sprint(err), syscall.ECONNRESET.Error()) {
				t.Errorf("size %d: %v", size, err)
			}
		}
		other.alive()
	})
}

// TestBadOffsets reads, writes and lists at offsets and with counts that overflow.
func TestBadOffsets(t *testing.T) {
	root := srv.NewDir().Add("big", srv.Const(strings.Repeat("x", 1<<20))).Add("box", newBox(t))
	both(t, func(t *testing.T, dotl bool) {
		w := dial(t, root, dotl)
		open := func(fid uint32, mode p9.Mode, names ...string) {
			t.Helper()
			w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: fid, Wname: names})
			f := &p9.Fcall{Type: p9.Topen, Fid: fid, Mode: mode.Plan9()}
			if dotl {
				f = &p9.Fcall{Type: p9.Tlopen, Fid: fid, Flags: mode.Linux()}
			}
			w.rpc(f)
		}
		open(1, p9.OREAD, "big")
		open(2, p9.OWRITE, "box", "f")
		open(3, p9.OREAD)
		for _, off := range []uint64{math.MaxInt64 - 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64 - 1, math.MaxUint64} {
			w.denied(&p9.Fcall{Type: p9.Tread, Fid: 1, Offset: off, Count: 100}, p9.ErrBadOffset)
			w.denied(&p9.Fcall{Type: p9.Twrite, Fid: 2, Offset: off, Data: []byte("xyz")}, p9.ErrBadOffset)
			if dotl { // past the last cookie there is nothing
				if r := w.rpc(&p9.Fcall{Type: p9.Treaddir, Fid: 3, Offset: off, Count: 100}); len(r.Data) != 0 {
					t.Errorf("readdir at %d: %s", off, r.Text(dotl))
				}
			} else {
				w.denied(&p9.Fcall{Type: p9.Tread, Fid: 3, Offset: off, Count: 100}, p9.ErrDirOffset)
			}
		}
		const most = 64<<10 - p9.HdrSz - 4
		for _, count := range []uint32{0, 1, most - 1, most, most + 1, 64 << 10, 1 << 20, math.MaxInt32} {
			if r := w.rpc(&p9.Fcall{Type: p9.Tread, Fid: 1, Count: count}); len(r.Data) != int(min(count, most)) {
				t.Errorf("count %d: %d bytes", count, len(r.Data))
			}
		}
		w.denied(&p9.Fcall{Type: p9.Tread, Fid: 1, Count: math.MaxInt32 + 1}, p9.ErrBadCount)
		w.denied(&p9.Fcall{Type: p9.Tread, Fid: 1, Count: math.MaxUint32}, p9.ErrBadCount)
		typ := p9.Tread
		if dotl {
			typ = p9.Treaddir
			w.rpc(&p9.Fcall{Type: p9.Txattrwalk, Fid: 2, Newfid: 4, Name: "user.a"})
			if r := w.rpc(&p9.Fcall{Type: p9.Tread, Fid: 4, Offset: math.MaxUint64, Count: math.MaxUint32}); len(r.Data) != 0 {
				t.Errorf("attribute: %s", r.Text(dotl))
			}
		}
		for _, count := range []uint32{64 << 10, math.MaxInt32} {
			if r := w.rpc(&p9.Fcall{Type: typ, Fid: 3, Count: count}); len(r.Data) == 0 {
				t.Errorf("a list with count %d: %s", count, r.Text(dotl))
			}
		}
		w.alive()
	})
}

// TestSecondVersion agrees anew with fids open and reads blocked, from each
// dialect to each: the reads have ended, the fids are gone, clunked once.
func TestSecondVersion(t *testing.T) {
	srvtest.CheckGoroutines(t)
	both(t, func(t *testing.T, dotl bool) {
		for _, then := range []bool{false, true} {
			f := &waiter{Node: srv.NewNode(0o444)}
			w := dial(t, newHall(map[string]srv.File{"f": f}), dotl)
			w.open("f", p9.OREAD)
			w.block(f, 10)
			version := p9.Version9P2000
			if then {
				version = p9.Version9P2000L
			}
			w.send(&p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: 64 << 10, Version: version})
			for r := w.recv(); r.Type != p9.Rversion; r = w.recv() {
				w.isError(r, r.Tag, "a blocked read")
			}
			if n, m := f.blocked.Load(), f.clunked.Load(); n != 0 || m != 1 {
				t.Errorf("%d reads block, %d clunks", n, m)
			}
			w.dotl = then
			w.denied(&p9.Fcall{Type: p9.Tclunk, Fid: 1}, p9.ErrUnknownFid)
			w.denied(&p9.Fcall{Type: p9.Tclunk, Fid: 0}, p9.ErrUnknownFid)
			w.hello(then)
		}
	})
}

// TestEveryCount lists with each count from 64 up: each entry comes once and in
// order, or the count is too small for it, which is an error and never the end.
// In full it is 10,000 entries, by each count up to 1 KiB.
func TestEveryCount(t *testing.T) {
	n, most := 100, uint32(400)
	if long {
		n, most = 10_000, 1<<10
	}
	root := srv.NewDir().Add("d", &listing{srv.NewNode(fs.ModeDir | 0o555), n, srv.Const("")})
	both(t, func(t *testing.T, dotl bool) {
		w := dial(t, root, dotl)
		w.open("d", p9.OREAD)
		for count := uint32(64); count < most; count++ {
			next, small := w.list(count)
			if !small && next != n || small && count >= 100 {
				t.Errorf("count %d: %d entries of %d, too small: %v", count, next, n, small)
			}
		}
	})
}
