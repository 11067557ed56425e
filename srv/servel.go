package srv

import (
	"context"
	"fmt"
	"io/fs"
	"syscall"

	"ninespace/srv/p9"
)

// What only 9P2000.L asks.

func (r *req) dotl(ctx context.Context, f *fid) (err error) {
	t, rx := &r.t, r.reply()
	file := f.node.file
	switch t.Type {
	case p9.Tlink, p9.Trename, p9.Trenameat: // where to
		if d := r.second(); d.auth != nil {
			return p9.ErrBadUseFid
		} else if d.node == nil {
			return p9.ErrUnknownFid
		}
	}
	switch t.Type {
	case p9.Tgetattr:
		var st p9.Stat
		if st, err = f.statOf(ctx, file, ""); err == nil {
			if st.Blksize == 0 {
				st.Blocks = (st.Length + 511) / 512
				st.Blksize = uint64(min(r.c.msize-p9.IOHdrSz, 128<<10)) // what a client may read at once
			}
			rx.Attr = p9.AttrOf(&st)
		}
	case p9.Tsetattr:
		w := t.Setattr.Wstat()
		if w.Valid == 0 { // a bare ctime
			return nil
		}
		var st p9.Stat
		if st, err = file.Stat(ctx); err == nil {
			w.Mode |= st.Mode & keepMode
			err = f.wstat(ctx, w, &st)
		}
	case p9.Treadlink:
		l, ok := file.(Readlinker)
		if !ok {
			return p9.ErrorOfErrno(syscall.EINVAL)
		}
		rx.Name2, err = l.Readlink(ctx)
	case p9.Tstatfs:
		rx.Statfs = p9.Statfs{Type: v9fsMagic, Bsize: 4096, Namelen: 255}
		if s, ok := file.(Statfser); ok {
			rx.Statfs, err = s.Statfs(ctx)
		}
	case p9.Tfsync:
		if s, ok := f.handle.(Syncer); ok {
			err = s.Sync(ctx, t.Sync != 0)
		} else {
			err = Wstat(ctx, file, p9.Wstat{})
		}
	case p9.Tlock, p9.Tgetlock:
		return r.lock(ctx, f)
	case p9.Txattrwalk:
		rx.Size, err = r.xattrWalk(ctx, f)
	case p9.Txattrcreate:
		err = f.xattrCreate(t)
	case p9.Tmkdir, p9.Tsymlink, p9.Tmknod:
		rx.Qid, err = f.makeNode(WithGroup(ctx, t.Gid), t)
	case p9.Tlink:
		// need[0] is the file (fid), the directory is dfid.
		d := r.second()
		l, ok := d.node.file.(Linker)
		if !ok {
			return p9.ErrNotSup
		}
		if err = CheckName(t.Name); err != nil {
			return err
		}
		if err = f.allowedIn(ctx, d.node); err == nil {
			err = l.Link(ctx, file, t.Name)
		}
	case p9.Trename:
		name, parent := f.node.at()
		defer parent.unref()
		if parent == nil {
			return p9.ErrorOfErrno(syscall.EBUSY)
		}
		var st p9.Stat
		if st, err = file.Stat(ctx); err != nil {
			return err
		}
		if err = sameEntry(ctx, parent.file, name, &st); err != nil {
			return err
		}
		d := r.second()
		if err = f.rename(ctx, parent, name, d.node, t.Name); err == nil {
			f.node.move(t.Name, d.node)
		}
	case p9.Trenameat:
		err = f.rename(ctx, f.node, t.Name, r.second().node, t.Name2)
	case p9.Tunlinkat:
		if err = CheckName(t.Name); err != nil {
			return err
		}
		if err = f.allowedIn(ctx, f.node); err == nil {
			err = Unlink(ctx, file, t.Name, t.Flags&atRemovedir != 0)
		}
	default:
		return p9.ErrNotSup
	}
	return err
}

const (
	// What of a mode Tsetattr cannot say, and so does not change.
	keepMode = fs.ModeType | fs.ModeAppend | fs.ModeExclusive | fs.ModeTemporary

	v9fsMagic   = 0x01021997
	atRemovedir = 0x200
)

// second is the request's other fid, which may be the same one.
func (r *req) second() *fid {
	if r.need[1] == nil {
		return r.need[0]
	}
	return r.need[1]
}

func (f *fid) rename(ctx context.Context, from *node, old string, to *node, name string) error {
	if err := CheckName(old); err != nil {
		return err
	}
	if err := CheckName(name); err != nil {
		return err
	}
	if err := f.allowedIn(ctx, from); err != nil {
		return err
	}
	if to != from {
		if err := f.allowedIn(ctx, to); err != nil {
			return err
		}
	}
	return Rename(ctx, from.file, old, to.file, name)
}

// makeNode makes a directory, a symbolic link or a device and leaves the fid
// where it is.
func (f *fid) makeNode(ctx context.Context, t *p9.Fcall) (q p9.Qid, err error) {
	dir := f.node.file
	if err = CheckName(t.Name); err != nil {
		return q, err
	}
	if err = f.allowedIn(ctx, f.node); err != nil {
		return q, err
	}
	var file File
	var h Handle
	perm := p9.ModeOfUnix(t.Perm) &^ fs.ModeType
	switch t.Type {
	case p9.Tmkdir:
		file, h, err = Create(ctx, dir, t.Name, perm|fs.ModeDir, p9.OREAD)
	case p9.Tsymlink:
		s, ok := dir.(Symlinker)
		if !ok {
			return q, p9.ErrNotSup
		}
		if t.Name2 == "" {
			return q, p9.ErrNotExist
		}
		file, err = s.Symlink(ctx, t.Name, t.Name2)
	case p9.Tmknod:
		m, ok := dir.(Mknoder)
		if !ok {
			return q, p9.ErrNotSup
		}
		file, err = m.Mknod(ctx, t.Name, p9.ModeOfUnix(t.Perm), Mkdev(t.Major, t.Minor))
	}
	if err != nil {
		return q, err
	}
	if h != nil && !sameFile(h, file) {
		Clunk(h)
	}
	defer Clunk(file)
	st, err := statNow(ctx, f.who, file)
	return st.Qid, err
}

// Mkdev packs device numbers as Linux's dev_t.
func Mkdev(major, minor uint32) uint64 {
	return uint64(minor&0xff) | uint64(major&0xfff)<<8 | uint64(minor&^uint32(0xff))<<12 | uint64(major&^uint32(0xfff))<<32
}

// sameEntry checks that a directory's entry is still the file it was walked to
// as, so that a stale name never hits another file.
func sameEntry(ctx context.Context, dir File, name string, st *p9.Stat) error {
	c, err := Walk(ctx, dir, name)
	if err != nil {
		return err
	}
	defer Clunk(c)
	cst, err := c.Stat(ctx)
	if err != nil {
		return err
	}
	if cst.Qid.Path != st.Qid.Path {
		return p9.ErrNotExist
	}
	return nil
}

func (r *req) readDir(ctx context.Context, f *fid) error {
	t := &r.t
	if !f.open || !f.mode.Readable() {
		return p9.ErrBadUseFid
	}
	if !f.dir {
		return p9.ErrNotDir
	}
	l, err := f.lister()
	if err != nil {
		return err
	}
	p := r.space(t.Count)
	b := p[:0]
	for e, err := range l.List(ctx, t.Offset) {
		if err != nil {
			if len(b) > 0 {
				break // the next read comes to it again
			}
			return err
		}
		if len(b)+p9.DirentSize(&e) > len(p) {
			if len(b) == 0 {
				return p9.NewError(syscall.EINVAL, fmt.Sprintf("read count %d too small for a directory entry", t.Count))
			}
			break
		}
		b = p9.AppendDirent(b, &e)
	}
	return r.filled(len(p), len(b), nil)
}

func (r *req) lock(ctx context.Context, f *fid) (err error) {
	if !f.open {
		return p9.ErrBadUseFid
	}
	l, ok := f.handle.(Locker)
	if !ok {
		return p9.ErrNotSup
	}
	rx := r.reply()
	if r.t.Type == p9.Tlock {
		rx.Status, err = l.Lock(ctx, r.t.Lock)
		if err == nil && rx.Status == p9.LockSuccess && r.t.Lock.Type != p9.LockUnlock {
			r.c.srv.Leases.settleOf(ctx, r.c.holder.Load())
		}
	} else {
		rx.Lock, err = l.Getlock(ctx, r.t.Lock)
	}
	return err
}
