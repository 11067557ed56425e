package rootfs

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// change says why a name of the directory cannot be changed.
func (n *node) change(name string) error {
	switch {
	case n.t.readOnly:
		return p9.ErrReadOnly
	case n.own == nil:
		return p9.ErrNotDir
	}
	return srv.CheckName(name)
}

// Create makes a file or directory.
func (n *node) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	if err := n.change(name); err != nil {
		return nil, nil, err
	}
	if perm&(fs.ModeAppend|fs.ModeExclusive) != 0 {
		return nil, nil, p9.ErrNotSup
	}
	if perm.IsDir() {
		if err := n.own.Mkdir(name, perm.Perm()); err != nil {
			return nil, nil, bare(err)
		}
	} else {
		f, err := n.own.create(name, perm.Perm(), mode)
		if err != nil {
			return nil, nil, bare(err)
		}
		c, err := n.child(name)
		if err != nil {
			f.Close()
			return nil, nil, err
		}
		c.open.Store(f)
		return c, &handle{f, mode&p9.OAPPEND != 0}, nil
	}
	c, err := n.child(name)
	if err != nil {
		return nil, nil, err
	}
	h, err := c.Open(ctx, p9.OREAD)
	if err != nil {
		c.Clunk()
		return nil, nil, err
	}
	return c, h, nil
}

// Symlink makes a symbolic link, whose text is the client's affair.
func (n *node) Symlink(_ context.Context, name, target string) (srv.File, error) {
	if err := n.change(name); err != nil {
		return nil, err
	}
	if err := n.own.Symlink(target, name); err != nil {
		return nil, bare(err)
	}
	return n.child(name)
}

// Unlink removes an entry.
func (n *node) Unlink(_ context.Context, name string, isDir bool) error {
	if err := n.change(name); err != nil {
		return err
	}
	n.t.mu.Lock()
	defer n.t.mu.Unlock()
	fi, err := n.own.Lstat(name)
	switch {
	case err != nil:
		return bare(err)
	case isDir && !fi.IsDir():
		return p9.ErrNotDir
	case !isDir && fi.IsDir():
		return p9.ErrIsDir
	}
	if err := n.own.Remove(name); err != nil {
		return bare(err)
	}
	n.t.moved(path.Join(n.path, name), "", nil)
	return nil
}

// Rename gives an entry another name, perhaps in another directory.
func (n *node) Rename(_ context.Context, old string, newdir srv.File, newname string) error {
	to, ok := nodeOf(newdir)
	switch {
	case !ok || to.t != n.t:
		return syscall.EXDEV
	case n.own == nil:
		return p9.ErrNotDir
	}
	if err := to.change(newname); err != nil {
		return err
	}
	n.t.mu.Lock()
	defer n.t.mu.Unlock()
	from, err := n.own.Lstat(old)
	if err != nil {
		return bare(err)
	}
	there, err := to.own.Lstat(newname)
	switch {
	case err == nil && there.IsDir() && !from.IsDir():
		return p9.ErrIsDir // os would say that it is there
	case err == nil && os.SameFile(there, from): // two names of one file stay
		return nil
	}
	was, is := path.Join(n.path, old), path.Join(to.path, newname)
	if n.path == to.path {
		err = n.own.Rename(old, newname)
	} else if err = errors.Join(n.stays(), to.stays()); err == nil {
		err = n.t.top.own.Rename(was, is)
	}
	if err != nil {
		return bare(err)
	}
	n.t.moved(was, is, to.own)
	return nil
}

// Link gives a file one more name.
func (n *node) Link(_ context.Context, target srv.File, linkname string) error {
	f, ok := nodeOf(target)
	if !ok || f.own != nil {
		return syscall.EPERM
	}
	if err := n.change(linkname); err != nil {
		return err
	}
	n.t.mu.Lock()
	defer n.t.mu.Unlock()
	if err := errors.Join(f.stays(), n.stays()); err != nil {
		return err
	}
	to := path.Join(n.path, linkname)
	if err := n.t.top.own.Link(f.path, to); err != nil {
		return bare(err)
	}
	for o := range n.t.nodes {
		if o.path == f.path {
			o.more = append(o.more, name{n.own.retain(), to})
		}
	}
	return nil
}

// stays tells whether the file is where it was walked to. The mutex is held.
func (n *node) stays() error {
	if n.path == "" {
		return syscall.ESTALE
	}
	was, err := n.t.top.own.Lstat(n.path)
	if err != nil {
		return syscall.ESTALE
	}
	var is fs.FileInfo
	if n.own != nil {
		is, err = n.own.Stat(".")
	} else {
		is, err = n.in.Lstat(n.name)
	}
	if err != nil || !os.SameFile(is, was) {
		return syscall.ESTALE
	}
	return nil
}

func nodeOf(f srv.File) (*node, bool) {
	if r, ok := f.(root); ok {
		return r.node, true
	}
	n, ok := f.(*node)
	return n, ok
}

// Wstat changes attributes.
func (n *node) Wstat(_ context.Context, w p9.Wstat) error {
	has := func(m p9.WstatMask) bool { return w.Valid&m != 0 }
	if w.Valid == 0 {
		return nil // there is nothing that is not on its way
	}
	if n.t.readOnly {
		return p9.ErrReadOnly
	}
	if err := srv.WstatIds(&w); err != nil {
		return err
	}
	fi, err := n.info()
	if err != nil {
		return bare(err)
	}
	link := fi.Mode().Type() == fs.ModeSymlink
	switch {
	case has(p9.WName): // a directory's Rename does it
		return p9.ErrWstat
	case has(p9.WMode) && (link || w.Mode&(fs.ModeAppend|fs.ModeExclusive) != 0):
		return p9.ErrNotSup
	case has(p9.WMode) && w.Mode&fs.ModeType != 0 && w.Mode.IsDir() != fi.IsDir():
		return p9.ErrorOfText("wstat can't convert between files and directories")
	case has(p9.WLength) && fi.IsDir() && w.Length == 0: // as it is
		w.Valid &^= p9.WLength
	case has(p9.WLength) && fi.IsDir():
		return p9.ErrIsDir
	case has(p9.WLength) && !fi.Mode().IsRegular():
		return syscall.EINVAL
	case has(p9.WLength) && w.Length > math.MaxInt64:
		return syscall.EFBIG
	case link && has(p9.WAtime|p9.WMtime|p9.WAtimeNow|p9.WMtimeNow):
		return p9.ErrNotSup
	}
	in, name := n.own, "."
	if in == nil {
		if in, name, err = n.place(); err != nil {
			return err
		}
		defer in.release()
	}
	if has(p9.WUid | p9.WGid) {
		uid, gid := -1, -1
		if has(p9.WUid) {
			uid = int(w.Nuid)
		}
		if has(p9.WGid) {
			gid = int(w.Ngid)
		}
		if err := in.Lchown(name, uid, gid); err != nil {
			return bare(err)
		}
	}
	if has(p9.WMode) {
		if err := in.Chmod(name, w.Mode&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)); err != nil {
			return bare(err)
		}
	}
	if has(p9.WLength) {
		if err := n.truncate(fi, int64(w.Length)); err != nil {
			return bare(err)
		}
	}
	if has(p9.WAtime | p9.WMtime | p9.WAtimeNow | p9.WMtimeNow) {
		return bare(in.Chtimes(name, when(has(p9.WAtime), has(p9.WAtimeNow), w.Atime), when(has(p9.WMtime), has(p9.WMtimeNow), w.Mtime)))
	}
	return nil
}

// when gives the time to set, zero for none.
func when(set, now bool, t time.Time) time.Time {
	switch {
	case set && !t.IsZero():
		return t
	case set || now:
		return time.Now()
	}
	return time.Time{}
}

// truncate sets a file's length, by what is open of it for writing if it has no name any more.
func (n *node) truncate(fi fs.FileInfo, length int64) error {
	if f := n.open.Load(); f != nil && f.Truncate(length) == nil {
		return nil
	}
	in, name, err := n.place()
	if err != nil {
		return err
	}
	defer in.release()
	return in.again(fi, name, func(fi fs.FileInfo) error {
		f, err := in.openAs(fi, name, os.O_WRONLY)
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Truncate(length)
	})
}
