package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"sync"
	"syscall"

	"ninespace/srv/p9"
)

// dirChunk is how much of a directory one message brings.
const dirChunk = 64 << 10

// dirBuf is the latest piece of a 9P2000 directory: its offsets are good only
// one after the other, read(5), but a listing may go on in the middle of a piece.
type dirBuf struct {
	base uint64 // offset of the first entry
	ents []p9.Dirent
	end  uint64 // offset of the next piece
}

// A circle has the cookies of a listing at which its pieces end.
type circle map[uint64]bool

// at notes a piece's end: where one has ended before the directory has no end.
func (c *circle) at(cookie uint64) error {
	if (*c)[cookie] {
		return fmt.Errorf("%w: directory goes in a circle", p9.ErrBotch)
	}
	if *c == nil {
		*c = circle{}
	}
	(*c)[cookie] = true
	return nil
}

// List gives the entries of the open directory after the one that has the
// cookie, from the start for 0. "." and ".." are left out. An entry whose name
// cannot be one comes as an error; the listing can go on after that.
func (f *Fid) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	piece := f.pieceL
	if !f.c.dotl {
		piece = f.piece
	}
	return func(yield func(p9.Dirent, error) bool) {
		var been circle
		been.at(cookie)
		for {
			ents, err := piece(ctx, cookie)
			if err != nil {
				yield(p9.Dirent{}, err)
				return
			}
			if len(ents) == 0 {
				return
			}
			cookie = ents[len(ents)-1].Cookie
			if err := been.at(cookie); err != nil {
				yield(p9.Dirent{}, err)
				return
			}
			for _, e := range ents {
				if e.Name == "." || e.Name == ".." {
					continue
				}
				err := badName(e.Name)
				if err != nil {
					e = p9.Dirent{}
				}
				if !yield(e, err) {
					return
				}
			}
		}
	}
}

var dirBufs = sync.Pool{New: func() any { return new([dirChunk]byte) }}

// readDir reads a piece of the open directory, and has it taken apart.
func (f *Fid) readDir(ctx context.Context, off uint64, parse func(b []byte) error) error {
	if b := f.first.Swap(nil); b != nil && off == 0 {
		return parse(*b)
	}
	buf := dirBufs.Get().(*[dirChunk]byte)
	defer dirBufs.Put(buf)
	n, err := f.read(ctx, f.c.readDirType(), buf[:min(dirChunk, f.Iounit())], off)
	if err != nil {
		return err
	}
	return parse(buf[:n])
}

func (c *Conn) readDirType() p9.Type {
	if c.dotl {
		return p9.Treaddir
	}
	return p9.Tread
}

// pieceL reads the entries after a cookie in 9P2000.L.
func (f *Fid) pieceL(ctx context.Context, cookie uint64) (ents []p9.Dirent, err error) {
	err = f.readDir(ctx, cookie, func(b []byte) (err error) {
		if ents, err = p9.ParseDirents(b); err != nil {
			err = fmt.Errorf("readdir reply: %w", err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range ents {
		ents[i].Mode = typeOf(&ents[i])
	}
	return ents, nil
}

// typeOf gives an entry's type: d_type is not every server's strength, the qid is.
func typeOf(e *p9.Dirent) fs.FileMode {
	switch {
	case e.Qid.IsDir():
		return fs.ModeDir
	case e.Qid.Type&p9.QTSYMLINK != 0:
		return fs.ModeSymlink
	}
	return e.Mode
}

// piece gives some entries after a cookie, an offset, in 9P2000.
func (f *Fid) piece(ctx context.Context, cookie uint64) ([]p9.Dirent, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := &f.dir
	if cookie < d.base || cookie > d.end || cookie == 0 {
		if err := f.nextPiece(ctx, 0); err != nil {
			return nil, err
		}
	}
	for cookie >= d.end && d.end > d.base {
		if err := f.nextPiece(ctx, d.end); err != nil {
			return nil, err
		}
	}
	for i := range d.ents {
		if d.ents[i].Cookie > cookie {
			return d.ents[i:], nil
		}
	}
	return nil, nil
}

// nextPiece reads on at an offset, which is 0 or where the last piece ended.
func (f *Fid) nextPiece(ctx context.Context, off uint64) error {
	if f.mode&3 == p9.OWRITE || !f.qid.IsDir() {
		return p9.ErrNotDir
	}
	return f.readDir(ctx, off, func(b []byte) error {
		d := dirBuf{base: off, end: off + uint64(len(b))}
		for len(b) > 0 {
			st, rest, err := p9.ParseStat(b)
			if err != nil {
				return fmt.Errorf("directory entry: %w", err)
			}
			b = rest
			d.ents = append(d.ents, p9.Dirent{Qid: st.Qid, Mode: st.Mode & fs.ModeType, Name: st.Name, Cookie: d.end - uint64(len(b))})
		}
		f.dir = d
		return nil
	})
}

// Mkdir makes a directory.
func (f *Fid) Mkdir(ctx context.Context, name string, perm fs.FileMode) (p9.Qid, error) {
	if f.c.dotl {
		return f.make(ctx, p9.Tmkdir, func(k *call) { k.mkdir(f.c, name, perm) })
	}
	p := pipe{end: p9.Tclunk}
	defer p.release()
	k := p.addMkdir(f.c, name, perm)
	g, err := p.run(ctx, f, nil)
	if err == nil {
		err = p.outcome(g)
	}
	return k.Qid, err
}

// addMkdir puts the making of a directory into a pipe.
func (p *pipe) addMkdir(c *Conn, name string, perm fs.FileMode) *call {
	t := p9.Tcreate
	if c.dotl {
		t = p9.Tmkdir
	}
	k := p.add(t)
	k.mkdir(c, name, perm)
	return k
}

func (k *call) mkdir(c *Conn, name string, perm fs.FileMode) {
	if k.Name = name; c.dotl {
		k.Perm, k.Gid = p9.UnixMode(perm)&0o7777, gid()
	} else {
		k.Perm, k.Mode = p9.Perm(perm.Perm()|fs.ModeDir), p9.OREAD.Plan9()
	}
}

// make is a request that makes a node and answers with its qid.
func (f *Fid) make(ctx context.Context, t p9.Type, set func(k *call)) (q p9.Qid, err error) {
	err = f.dotl(ctx, t, func(k *call) {
		k.Gid = gid()
		set(k)
	}, func(k *call) { q = k.Qid })
	return q, err
}

// Symlink makes a symbolic link to target.
func (f *Fid) Symlink(ctx context.Context, name, target string) (p9.Qid, error) {
	return f.make(ctx, p9.Tsymlink, func(k *call) { k.Name, k.Name2 = name, target })
}

// Mknod makes a device node, pipe or socket, as perm's type bits say. rdev is a
// Linux dev_t.
func (f *Fid) Mknod(ctx context.Context, name string, perm fs.FileMode, rdev uint64) (p9.Qid, error) {
	return f.make(ctx, p9.Tmknod, func(k *call) {
		k.Name, k.Perm = name, p9.UnixMode(perm)
		k.Major = uint32(rdev>>8&0xFFF | rdev>>32&^0xFFF)
		k.Minor = uint32(rdev&0xFF | rdev>>12&^0xFF)
	})
}

// Readlink gives the target of a symbolic link.
func (f *Fid) Readlink(ctx context.Context) (target string, err error) {
	err = f.dotl(ctx, p9.Treadlink, nil, func(k *call) { target = k.Name2 })
	return target, err
}

// Link gives a further name to target's file.
func (f *Fid) Link(ctx context.Context, target *Fid, name string) error {
	return f.dotl(ctx, p9.Tlink, func(k *call) { k.Newfid, k.Fid, k.Name = f.num, target.num, name }, nil)
}

// unsupported reports that a server knows a dialect but not all of it.
func unsupported(err error) bool {
	return errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS)
}

// atRemoveDir is Tunlinkat's flag, AT_REMOVEDIR of unlinkat(2).
const atRemoveDir = 0x200

// Unlink removes an entry: a directory if isDir, else anything but one.
func (f *Fid) Unlink(ctx context.Context, name string, isDir bool) error {
	if f.c.dotl {
		err := f.dotl(ctx, p9.Tunlinkat, func(k *call) {
			k.Name, k.Flags = name, 0
			if isDir {
				k.Flags = atRemoveDir
			}
		}, nil)
		if !unsupported(err) {
			return err
		}
	}
	g, err := f.Walk(ctx, name)
	if err != nil {
		return err
	}
	if g.qid.IsDir() != isDir {
		g.Clunk(ctx)
		if isDir {
			return p9.ErrNotDir
		}
		return p9.ErrIsDir
	}
	return g.Remove(ctx)
}

// badName says why a name cannot be a directory entry's.
func badName(name string) error {
	if name == "" || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("directory entry %q: %w", name, p9.ErrBadName)
	}
	return nil
}
