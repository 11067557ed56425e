package exportfs

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A dir is a directory, or may be one, of whose entries only some are given.
type dir struct {
	srv.File
	p    *Patterns
	path string
}

func (d *dir) Guard() {}

// Whole is the directory with all its entries.
func (d *dir) Whole() srv.File { return d.File }

// Leases gives the tree's: they tell of files that were looked at, by number, and so of none
// that is not given, and of a directory that something in it has changed.
func (d *dir) Leases() *srv.Leases {
	if l, ok := d.File.(srv.Leaser); ok {
		return l.Leases()
	}
	return nil
}

func (d *dir) Clunk() { srv.Clunk(d.File) }

// Close lets the tree go, for its root.
func (d *dir) Close() error {
	if c, ok := d.File.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// at gives the path of an entry, and an error if that is not given.
func (d *dir) at(name string) (string, error) {
	if p := path.Join(d.path, name); d.p.Match(p) {
		return p, nil
	}
	return "", p9.ErrNotExist
}

// mayMake is at for what is to be made.
func (d *dir) mayMake(name string) (string, error) {
	p, err := d.at(name)
	if err != nil {
		return "", p9.ErrPerm
	}
	return p, nil
}

// child wraps what was found or made, if it is a directory.
func (d *dir) child(f srv.File, q p9.Qid, path string) srv.File {
	if q.Type&p9.QTDIR == 0 {
		return f
	}
	return &dir{f, d.p, path}
}

func (d *dir) Walk(ctx context.Context, name string) (srv.File, error) {
	f, _, err := d.WalkQid(ctx, name)
	return f, err
}

func (d *dir) WalkQid(ctx context.Context, name string) (srv.File, p9.Qid, error) {
	p, err := d.at(name)
	if err != nil {
		return nil, p9.Qid{}, err
	}
	if w, ok := d.File.(srv.QidWalker); ok {
		f, q, err := w.WalkQid(ctx, name)
		if err != nil {
			return nil, q, err
		}
		return d.child(f, q, p), q, nil
	}
	f, err := srv.Walk(ctx, d.File, name)
	if err != nil {
		return nil, p9.Qid{}, err
	}
	return d.wrap(ctx, f, p)
}

// wrap is child for what is asked what it is.
func (d *dir) wrap(ctx context.Context, f srv.File, path string) (srv.File, p9.Qid, error) {
	st, err := f.Stat(ctx)
	if err != nil {
		srv.Clunk(f)
		return nil, st.Qid, err
	}
	return d.child(f, st.Qid, path), st.Qid, nil
}

func (d *dir) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	h, err := srv.Open(ctx, d.File, mode)
	if err != nil {
		return nil, err
	}
	return &listing{h, d}, nil
}

// A listing is an open directory.
type listing struct {
	h srv.Handle
	d *dir
}

// Descriptor says that diskfs has one for it.
func (l *listing) Descriptor() {}

func (l *listing) Clunk() {
	if l.h != srv.Handle(l.d.File) {
		srv.Clunk(l.h)
	}
}

func (l *listing) Sync(ctx context.Context, dataOnly bool) error {
	if s, ok := l.h.(srv.Syncer); ok {
		return s.Sync(ctx, dataOnly)
	}
	return p9.ErrNotSup
}

func (l *listing) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		from, ok := l.h.(srv.Lister)
		if !ok {
			yield(p9.Dirent{}, p9.ErrNotDir)
			return
		}
		for e, err := range from.List(ctx, cookie) {
			if _, hidden := l.d.at(e.Name); err == nil && hidden != nil {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func (d *dir) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	p, err := d.mayMake(name)
	if err != nil {
		return nil, nil, err
	}
	f, h, err := srv.Create(ctx, d.File, name, perm, mode)
	if err != nil || !perm.IsDir() {
		return f, h, err
	}
	made := &dir{f, d.p, p}
	return made, &listing{h, made}, nil
}

func (d *dir) Unlink(ctx context.Context, name string, isDir bool) error {
	if _, err := d.at(name); err != nil {
		return err
	}
	return srv.Unlink(ctx, d.File, name, isDir)
}

func (d *dir) Wstat(ctx context.Context, w p9.Wstat) error { return srv.Wstat(ctx, d.File, w) }

// under gives the file that is wrapped, if it is.
func under(f srv.File) srv.File {
	if d, ok := f.(srv.Part); ok {
		return d.Whole()
	}
	return f
}

func (d *dir) Rename(ctx context.Context, old string, newdir srv.File, newname string) error {
	return d.RenameFlags(ctx, old, newdir, newname, 0)
}

func (d *dir) RenameFlags(ctx context.Context, old string, newdir srv.File, newname string, flags uint32) error {
	if flags&^srv.RenameNoReplace != 0 { // an exchange would move what newname is
		return syscall.EINVAL
	}
	from, err := d.at(old)
	if err != nil {
		return err
	}
	to, ok := newdir.(*dir)
	if !ok {
		return syscall.EXDEV
	}
	if _, err := to.mayMake(newname); err != nil {
		return err
	}
	f, q, err := d.WalkQid(ctx, old)
	if err != nil {
		return err
	}
	srv.Clunk(f)
	if q.Type&p9.QTDIR != 0 {
		return d.refuse(ctx, from, to, newname)
	}
	return srv.RenameFlags(ctx, d.File, old, to.File, newname, flags)
}

// refuse says why a directory is not renamed, which would often not be done anywhere.
func (d *dir) refuse(ctx context.Context, from string, to *dir, newname string) error {
	if strings.HasPrefix(to.path+"/", from+"/") {
		return syscall.EINVAL
	}
	f, q, err := to.WalkQid(ctx, newname)
	if err == nil {
		srv.Clunk(f)
		if q.Type&p9.QTDIR == 0 {
			return p9.ErrNotDir
		}
	}
	return p9.ErrPerm
}

func (d *dir) Link(ctx context.Context, target srv.File, name string) error {
	if _, err := d.mayMake(name); err != nil {
		return err
	}
	if l, ok := d.File.(srv.Linker); ok {
		return l.Link(ctx, under(target), name)
	}
	return p9.ErrNotSup
}

func (d *dir) Symlink(ctx context.Context, name, target string) (srv.File, error) {
	if _, err := d.mayMake(name); err != nil {
		return nil, err
	}
	if l, ok := d.File.(srv.Symlinker); ok {
		return l.Symlink(ctx, name, target)
	}
	return nil, p9.ErrNotSup
}

func (d *dir) Mknod(ctx context.Context, name string, perm fs.FileMode, rdev uint64) (srv.File, error) {
	if _, err := d.mayMake(name); err != nil {
		return nil, err
	}
	if m, ok := d.File.(srv.Mknoder); ok {
		return m.Mknod(ctx, name, perm, rdev)
	}
	return nil, p9.ErrNotSup
}

func (d *dir) Statfs(ctx context.Context) (p9.Statfs, error) {
	if s, ok := d.File.(srv.Statfser); ok {
		return s.Statfs(ctx)
	}
	return p9.Statfs{}, p9.ErrNotSup
}

func (d *dir) Listxattr(ctx context.Context) ([]string, error) {
	if x, ok := d.File.(srv.Xattrer); ok {
		return x.Listxattr(ctx)
	}
	return nil, p9.ErrNotSup
}

func (d *dir) Getxattr(ctx context.Context, name string) ([]byte, error) {
	if x, ok := d.File.(srv.Xattrer); ok {
		return x.Getxattr(ctx, name)
	}
	return nil, p9.ErrNotSup
}

func (d *dir) Setxattr(ctx context.Context, name string, value []byte, flags int) error {
	if x, ok := d.File.(srv.Xattrer); ok {
		return x.Setxattr(ctx, name, value, flags)
	}
	return p9.ErrNotSup
}

func (d *dir) Removexattr(ctx context.Context, name string) error {
	if x, ok := d.File.(srv.Xattrer); ok {
		return x.Removexattr(ctx, name)
	}
	return p9.ErrNotSup
}
