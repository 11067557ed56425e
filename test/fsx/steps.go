package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// step does one operation.
func (t *tester) step() {
	switch k := t.r.IntN(100); {
	case k < 25:
		t.read()
	case k < 45:
		t.write()
	case k < 55:
		t.mapRead()
	case k < 65:
		t.mapWrite()
	case k < 72:
		t.truncate()
	case k < 76:
		t.size()
	case k < 82 && len(t.fds) < 6:
		t.open([...]int{unix.O_RDWR, unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR | unix.O_APPEND, unix.O_RDWR | unix.O_SYNC, unix.O_WRONLY | unix.O_TRUNC}[t.r.IntN(6)])
	case k < 86 && len(t.fds) > 1:
		t.close(t.r.IntN(len(t.fds)))
	case k < 88:
		t.unmap()
	case k < 90:
		t.did("fsync")
		ok(t.pick(false).f.Sync())
	case k < 93:
		t.allocate()
	case k < 95:
		t.copyRange()
	case k < 97:
		t.names()
	case k < 99:
		t.did("check")
		t.check(t.name)
	default:
		t.elsewhere()
	}
}

func (t *tester) read() {
	h := t.pick(false)
	off, n := t.span(len(t.want) + 100)
	t.did("read %d at %d", n, off)
	b := make([]byte, n)
	m, _ := h.f.ReadAt(b, int64(off))
	if end := min(off+n, len(t.want)); m != max(0, end-off) {
		fail("read of %d at %d of %d gives %d", n, off, len(t.want), m)
	}
	t.same("read", b[:m], off)
}

func (t *tester) write() {
	h := t.pick(true)
	off, n := t.span(most)
	if h.append {
		off = len(t.want)
		if off+n > most {
			return
		}
	}
	b := t.bytes(n)
	t.did("write %d at %d append %v", n, off, h.append)
	m, err := unix.Pwrite(int(h.f.Fd()), b, int64(off))
	ok(err)
	if m != n {
		fail("write of %d gives %d", n, m)
	}
	t.grow(off + n)
	copy(t.want[off:], b)
}

func (t *tester) mapped() bool {
	if t.mem == nil {
		t.did("mmap")
		h := t.pick(true)
		if h.flags&unix.O_ACCMODE != unix.O_RDWR {
			return false
		}
		var err error
		t.mem, err = unix.Mmap(int(h.f.Fd()), 0, (most+2*page)/page*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		ok(err)
	}
	return len(t.want) > 0
}

func (t *tester) mapRead() {
	if !t.mapped() {
		return
	}
	off, n := t.span(len(t.want))
	t.did("map read %d at %d", n, off)
	t.same("map read", t.mem[off:off+n], off)
}

func (t *tester) mapWrite() {
	if !t.mapped() {
		return
	}
	off, n := t.span(len(t.want))
	b := t.bytes(n)
	t.did("map write %d at %d", n, off)
	copy(t.mem[off:], b)
	copy(t.want[off:], b)
	if t.r.IntN(8) == 0 {
		t.did("msync")
		ok(unix.Msync(t.mem, unix.MS_SYNC))
	}
}

func (t *tester) truncate() {
	n := t.r.IntN(most)
	if t.r.IntN(2) == 0 {
		n = t.r.IntN(len(t.want) + 1)
	}
	t.did("truncate %d", n)
	if t.r.IntN(2) == 0 {
		ok(unix.Truncate(t.name, int64(n)))
	} else {
		ok(unix.Ftruncate(int(t.pick(true).f.Fd()), int64(n)))
	}
	if n < len(t.want) {
		t.want = t.want[:n]
	}
	t.grow(n)
}

func (t *tester) allocate() {
	if t.noAlloc {
		return
	}
	h := t.pick(true)
	off, n := t.span(most)
	mode := [...]uint32{0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_ZERO_RANGE}[t.r.IntN(4)]
	t.did("fallocate %#x %d at %d", mode, n, off)
	switch err := unix.Fallocate(int(h.f.Fd()), mode, int64(off), int64(n)); err {
	case nil:
	case unix.EOPNOTSUPP:
		t.noAlloc = true
		return
	default:
		ok(err)
	}
	if mode&unix.FALLOC_FL_KEEP_SIZE == 0 {
		t.grow(off + n)
	}
	if mode&^unix.FALLOC_FL_KEEP_SIZE != 0 {
		for i := off; i < min(off+n, len(t.want)); i++ {
			t.want[i] = 0
		}
	}
}

func (t *tester) copyRange() {
	if len(t.want) < 2 {
		return
	}
	from, n := t.span(len(t.want) / 2)
	to := len(t.want)/2 + t.r.IntN(len(t.want)/2+1)
	h, g := t.pick(false), t.pick(true)
	if g.append || to+n > most || h == g && h.flags&unix.O_ACCMODE != unix.O_RDWR {
		return
	}
	src, dst := int64(from), int64(to)
	t.did("copy %d from %d to %d", n, from, to)
	m, err := unix.CopyFileRange(int(h.f.Fd()), &src, int(g.f.Fd()), &dst, n, 0)
	if err == unix.EXDEV || err == unix.EOPNOTSUPP {
		return
	}
	ok(err)
	t.grow(to + m)
	copy(t.want[to:to+m], t.want[from:from+m])
}

// names gives the file another name for a while.
func (t *tester) names() {
	t.did("link, unlink, rename")
	os.Remove(t.name + ".l")
	ok(os.Link(t.name, t.name+".l"))
	ok(os.Remove(t.name))
	t.check(t.name + ".l")
	ok(os.Rename(t.name+".l", t.name))
}

// elsewhere looks at the file the other way, and changes it there.
func (t *tester) elsewhere() {
	if t.other == "" {
		return
	}
	t.closeAll()
	t.did("elsewhere")
	t.check(t.other)
	if t.r.IntN(2) == 0 {
		f, err := os.OpenFile(t.other, os.O_RDWR, 0)
		ok(err)
		off, n := t.span(most)
		b := t.bytes(n)
		t.did("elsewhere: write %d at %d", n, off)
		_, err = f.WriteAt(b, int64(off))
		ok(err)
		t.grow(off + n)
		copy(t.want[off:], b)
		if t.r.IntN(2) == 0 {
			n := t.r.IntN(most)
			t.did("elsewhere: truncate %d", n)
			ok(f.Truncate(int64(n)))
			t.want = t.want[:min(n, len(t.want))]
			t.grow(n)
		}
		ok(f.Close())
	}
	t.open(unix.O_RDWR)
	t.size() // which mmap(2) does not ask a FUSE server for
}
