package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"ninespace/srv/p9"
)

// firstPiece is how much of a file is read or written along with its opening.
const firstPiece = 8 << 10

// Open opens a file. ctx is also that of the File's reads and writes.
func (s Fsys) Open(ctx context.Context, name string, mode p9.Mode) (*File, error) {
	f, err := s.open(ctx, elements(name), mode)
	if err != nil {
		return nil, named(name, err)
	}
	return &File{ctx: ctx, fid: f, fsys: s, name: name}, nil
}

func (s Fsys) open(ctx context.Context, names []string, mode p9.Mode) (*Fid, error) {
	if mode&p9.ODIRECTORY != 0 {
		f, err := s.walk(ctx, names, true)
		if err != nil {
			return nil, err
		}
		if err := f.Open(ctx, mode); err != nil {
			f.let()
			return nil, err
		}
		return f, nil
	}
	var p pipe
	defer p.release()
	k := p.addOpen(s.Root.c, mode, names)
	f, err := s.run(ctx, &p, names, true)
	if err != nil {
		return nil, err
	}
	f.opened(k, mode)
	return f, nil
}

// Create makes and opens a file, as Fid's Create does.
func (s Fsys) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (*File, error) {
	f, err := s.create(ctx, name, perm, mode)
	if err != nil {
		return nil, named(name, err)
	}
	return &File{ctx: ctx, fid: f, fsys: s, name: name}, nil
}

func (s Fsys) create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (*Fid, error) {
	dir, last, err := split(name)
	if err != nil {
		return nil, err
	}
	if perm.IsDir() {
		d, err := s.walk(ctx, dir, true)
		if err != nil {
			return nil, err
		}
		defer d.let()
		return d.WalkCreate(ctx, last, perm, mode)
	}
	var p pipe
	defer p.release()
	k := p.add(s.Root.c.createType())
	if err := k.create(s.Root.c, last, perm, mode); err != nil {
		return nil, err
	}
	f, err := s.run(ctx, &p, dir, true)
	if err == nil {
		f.opened(k, mode)
		f.name = last
		return f, nil
	}
	if !mayBeThere(err, perm, mode) {
		return nil, err
	}
	f, oerr := s.open(ctx, elements(name), mode)
	if errors.Is(oerr, fs.ErrNotExist) {
		return nil, err
	}
	return f, oerr
}

// ReadDir gives a directory's entries, in order of their names.
func (s Fsys) ReadDir(ctx context.Context, name string) ([]p9.Dirent, error) {
	ents, err := s.readDir(ctx, elements(name))
	slices.SortFunc(ents, func(a, b p9.Dirent) int { return strings.Compare(a.Name, b.Name) })
	return ents, named(name, err)
}

func (s Fsys) readDir(ctx context.Context, names []string) (ents []p9.Dirent, err error) {
	var p pipe
	defer p.release()
	c := s.Root.c
	open := p.addOpen(c, p9.OREAD, names)
	buf := dirBufs.Get().(*[dirChunk]byte)
	defer dirBufs.Put(buf)
	if c.dotl { // a Tread could meet a file that is none, and block
		p.addRead(c, p9.Treaddir, buf[:])
	}
	f, err := s.run(ctx, &p, names, true)
	if err != nil {
		return nil, err
	}
	defer f.let()
	f.opened(open, p9.OREAD)
	if c.dotl {
		b := buf[:p.ks[1].n]
		f.first.Store(&b)
	}
	for e, err := range f.List(ctx, 0) {
		if err != nil {
			return ents, err
		}
		ents = append(ents, e)
	}
	return ents, nil
}

// addRead puts a read of the first bytes into a pipe.
func (p *pipe) addRead(c *Conn, t p9.Type, b []byte) *call {
	k := p.add(t)
	k.p = b[:min(len(b), int(c.msize-p9.IOHdrSz))]
	k.Count = uint32(len(k.p))
	return k
}

// ReadFile reads a file to its end.
func (s Fsys) ReadFile(ctx context.Context, name string) ([]byte, error) {
	b, err := s.readFile(ctx, elements(name))
	return b, named(name, err)
}

var pieces = sync.Pool{New: func() any { return new([firstPiece]byte) }}

func (s Fsys) readFile(ctx context.Context, names []string) ([]byte, error) {
	buf := pieces.Get().(*[firstPiece]byte)
	defer pieces.Put(buf)
	p := pipe{may: 2}
	defer p.release()
	open := p.addOpen(s.Root.c, p9.OREAD, names)
	read := p.addRead(s.Root.c, p9.Tread, buf[:])
	stat := p.addStat(s.Root.c)
	f, err := s.run(ctx, &p, names, true)
	if err != nil {
		return nil, err
	}
	f.opened(open, p9.OREAD)
	if f.regular() {
		defer f.let()
	} else {
		defer f.Clunk(ctx) // that may mean something
	}
	switch {
	case f.qid.IsDir():
		return nil, p9.ErrIsDir
	case read.err != nil:
		return nil, read.err
	}
	size := uint64(0)
	if stat.err == nil && f.regular() {
		if st, err := f.statted(stat); err == nil {
			size = st.Length
		}
	}
	b := make([]byte, read.n, max(uint64(read.n), min(size, maxGrow)))
	copy(b, buf[:])
	if len(b) == 0 {
		return b, nil
	}
	return f.readOn(ctx, b, size)
}

// maxGrow is how many bytes a file is taken at its word to have.
const maxGrow = 64 << 20

// readOn reads on behind b, up to size or, where a file has more or does not say,
// up to the end.
func (f *Fid) readOn(ctx context.Context, b []byte, size uint64) ([]byte, error) {
	for uint64(len(b)) != size {
		want, read := firstPiece, f.Read
		if uint64(len(b)) < size {
			want, read = int(min(size-uint64(len(b)), maxGrow)), f.ReadAt
		}
		b = slices.Grow(b, want)
		n, err := read(ctx, b[len(b):len(b)+want], int64(len(b)))
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

// WriteFile makes a file, or truncates the one that is there, and writes it.
func (s Fsys) WriteFile(ctx context.Context, name string, data []byte, perm fs.FileMode) error {
	return named(name, s.writeFile(ctx, name, data, perm))
}

func (s Fsys) writeFile(ctx context.Context, name string, data []byte, perm fs.FileMode) error {
	dir, last, err := split(name)
	if err != nil {
		return err
	}
	c := s.Root.c
	const mode = p9.OWRITE | p9.OTRUNC
	made, err := s.put(ctx, dir, data, true, func(p *pipe) error {
		return p.add(c.createType()).create(c, last, perm, mode)
	})
	if made || !mayBeThere(err, perm, mode) {
		return err
	}
	names := elements(name)
	_, oerr := s.put(ctx, names, data, true, func(p *pipe) error {
		p.addOpen(c, mode, names)
		return nil
	})
	if errors.Is(oerr, fs.ErrNotExist) {
		return err
	}
	return oerr
}

// put opens a file for writing, how says in which way, and writes data: if that is
// short, and whole, in one round trip. It reports also whether the file was opened.
func (s Fsys) put(ctx context.Context, names []string, data []byte, whole bool, how func(p *pipe) error) (opened bool, err error) {
	var p pipe
	defer p.release()
	if err := how(&p); err != nil {
		return false, err
	}
	open, write := p.ks[0], p.add(p9.Twrite)
	write.Data = data[:min(len(data), firstPiece, int(s.Root.c.msize-p9.IOHdrSz))]
	if whole = whole && len(write.Data) == len(data); whole {
		p.end = p9.Tclunk
	}
	f, err := s.run(ctx, &p, names, true)
	if err != nil {
		return open.err == nil, err
	}
	f.opened(open, p9.OWRITE)
	n, err := write.written()
	cut := n < len(write.Data) && open.Iounit != 0 && len(write.Data) > int(open.Iounit)
	switch {
	case err != nil:
	case whole && cut:
		return s.put(ctx, names, data, false, how)
	case !whole && (cut || n == len(write.Data)):
		var m int
		m, err = f.Write(ctx, data[n:], int64(n))
		n += m
	}
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if !whole {
		p.err = f.Clunk(ctx)
	}
	if err == nil {
		err = p.err
	}
	return true, err
}
