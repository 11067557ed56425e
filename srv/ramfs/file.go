package ramfs

import (
	"context"
	"io"
	"io/fs"
	"math"
	"math/bits"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// blockSize is how many bytes lie together in memory.
const blockSize = 64 << 10

// A file holds its bytes in blocks by number. A block that is not there, or is
// shorter, reads as zeroes; what a block has past the file's end is zero.
type file struct {
	node
	blocks  map[int64][]byte
	openers int
	locks   srv.Locks
}

// A handle is an open file. It is the File of its fid, too, as it may do more:
// cut a file that was opened for writing, whatever its mode says.
type handle struct {
	*file
	mode   p9.Mode
	closed bool
}

// Open opens the file. One for exclusive use is open once at a time.
func (f *file) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	h, err := f.open(ctx, mode, false)
	if err != nil {
		return nil, err
	}
	return h, nil
}

func (f *file) open(ctx context.Context, mode p9.Mode, check bool) (*handle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if u := srv.UserOf(ctx); check && u != nil {
		var want fs.FileMode
		if mode.Readable() {
			want |= 4
		}
		if mode.Writable() || mode&p9.OTRUNC != 0 {
			want |= 2
		}
		if !f.allowed(u, want) {
			return nil, p9.ErrPerm
		}
	}
	if f.mode&fs.ModeExclusive != 0 && f.openers > 0 {
		return nil, p9.ErrExclOpen
	}
	f.refs++
	f.openers++
	if mode&p9.OTRUNC != 0 && f.mode&fs.ModeAppend == 0 { // open(5): an append-only file stays whole
		f.truncate(0)
		f.modified(ctx)
	}
	return &handle{file: f, mode: mode}, nil
}

// Clunk closes the file and gives up the locks taken through it.
func (h *handle) Clunk() {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return
	}
	h.closed = true
	h.openers--
	h.refs--
	h.free()
	h.mu.Unlock()
	h.locks.Release(h)
}

// Read gives the bytes at an offset.
func (h *handle) Read(_ context.Context, p []byte, off int64) (int, error) {
	f := h.file
	f.mu.RLock()
	defer f.mu.RUnlock()
	f.accessed()
	if off < 0 || uint64(off) >= f.size {
		return 0, io.EOF
	}
	p = p[:min(uint64(len(p)), f.size-uint64(off))]
	for done := 0; done < len(p); {
		at := off + int64(done)
		b, o := f.blocks[at/blockSize], int(at%blockSize)
		q := p[done:min(len(p), done+blockSize-o)]
		n := 0
		if o < len(b) {
			n = copy(q, b[o:])
		}
		clear(q[n:])
		done += len(q)
	}
	return len(p), nil
}

// Write puts bytes at an offset, or at the end of a file that is only appended
// to. When the limit is reached it may take a part.
func (h *handle) Write(ctx context.Context, p []byte, off int64) (int, error) {
	f := h.file
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mode&fs.ModeAppend != 0 || h.mode&p9.OAPPEND != 0 {
		off = int64(f.size)
	}
	if off < 0 || off > math.MaxInt64-int64(len(p)) {
		return 0, syscall.EFBIG
	}
	var err error
	done := 0
	for done < len(p) {
		at := off + int64(done)
		i, o := at/blockSize, int(at%blockSize)
		q := p[done:min(len(p), done+blockSize-o)]
		b := f.blocks[i]
		if o+len(q) > len(b) {
			if b, err = f.grow(i, b, o+len(q)); err != nil {
				break
			}
		}
		done += copy(b[o:], q)
	}
	if done > 0 {
		f.size = max(f.size, uint64(off)+uint64(done))
		f.modified(ctx)
	}
	return done, err
}

// grow makes block i, which is b, at least size bytes long: a power of two, so
// that a file which grows by small writes is not copied at each.
func (f *file) grow(i int64, b []byte, size int) ([]byte, error) {
	size = max(512, 1<<bits.Len(uint(size-1)))
	if err := f.t.charge(int64(size - len(b))); err != nil {
		return nil, err
	}
	f.held += int64(size - len(b))
	bigger := make([]byte, size)
	copy(bigger, b)
	if f.blocks == nil {
		f.blocks = map[int64][]byte{}
	}
	f.blocks[i] = bigger
	return bigger, nil
}

// truncate sets the length. What is cut off is zero if the file grows again.
func (f *file) truncate(size int64) {
	whole, part := size/blockSize, int(size%blockSize)
	cut := func(i int64) {
		n := int64(len(f.blocks[i]))
		f.t.charge(-n)
		f.held -= n
		delete(f.blocks, i)
	}
	if uint64(size) < f.size {
		for i := range f.blocks {
			if i > whole || i == whole && part == 0 {
				cut(i)
			}
		}
		if len(f.blocks) == 0 {
			f.blocks = nil // a map keeps the room it once needed
		}
		if b := f.blocks[whole]; part < len(b) {
			clear(b[part:])
		}
	}
	f.size = uint64(size)
}

// Wstat changes attributes, the length included.
func (f *file) Wstat(ctx context.Context, w p9.Wstat) error {
	return f.wstat(ctx, w, false, f.truncate)
}

// Wstat can cut the file if it was opened for writing.
func (h *handle) Wstat(ctx context.Context, w p9.Wstat) error {
	return h.wstat(ctx, w, h.mode.Writable(), h.truncate)
}

// Sync has nothing to do: there is no more stable place.
func (h *handle) Sync(context.Context, bool) error { return nil }

// A symlink is a symbolic link, for the client to follow.
type symlink struct {
	node
	target string
}

// Readlink gives the target.
func (l *symlink) Readlink(context.Context) (string, error) {
	l.accessed()
	return l.target, nil
}

// Open refuses, as open(2) with O_NOFOLLOW does.
func (l *symlink) Open(context.Context, p9.Mode) (srv.Handle, error) {
	return nil, p9.ErrorOfErrno(syscall.ELOOP)
}

// A special is a device node, pipe or socket: what it does is up to the kernel
// that mounts the tree.
type special struct{ node }

// Open refuses: there is nothing behind it here.
func (s *special) Open(context.Context, p9.Mode) (srv.Handle, error) {
	return nil, p9.ErrorOfErrno(syscall.ENXIO)
}
