package p9file

import (
	"context"
	"errors"
	"io/fs"
	"reflect"
	"syscall"

	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A dir is a directory.
type dir struct{ *node }

// Walk finds an entry.
func (d *dir) Walk(_ context.Context, name string) (f srv.File, err error) {
	err = d.named(func() error {
		n, err := d.look(name)
		if err == nil {
			f = d.t.child(n, d.node, name)
		}
		return err
	})
	return f, err
}

// change calls f where the directory is still there, alone.
func (d *dir) change(f func() error) error {
	return d.t.write(func() error {
		if !d.here() {
			return p9.ErrNotExist
		}
		return f()
	})
}

// made finds what was just made.
func (d *dir) made(name string, err error) (srv.File, error) {
	if err != nil {
		return nil, err
	}
	n, err := d.look(name)
	if err != nil {
		return nil, err
	}
	return d.t.child(n, d.node, name), nil
}

// uid is the number of who asks.
func uid(ctx context.Context) hp9.UID {
	if u := srv.UserOf(ctx); u != nil {
		return hp9.UID(u.Uid) // p9.NoUid is p9.NoUID
	}
	return hp9.NoUID
}

// gid is the group that a new file is asked to be of.
func gid(ctx context.Context) hp9.GID { return hp9.GID(srv.GroupOf(ctx)) } // p9.NoUid is p9.NoGID

func permOf(perm fs.FileMode) hp9.FileMode { return hp9.FileMode(p9.UnixMode(perm) & 0o7777) }

// Create makes a file or directory and opens it. A p9.File's Create is for new
// files only: one that is there is opened.
func (d *dir) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	if perm&(fs.ModeAppend|fs.ModeExclusive) != 0 {
		return nil, nil, p9.ErrNotSup
	}
	if perm.IsDir() {
		f, err := d.mkdir(ctx, name, perm)
		if err != nil {
			return nil, nil, err
		}
		return f, newListing(f.node, mode), nil
	}
	const tries = 100 // against a file that others make and remove as fast as we look
	for i := 0; ; i++ {
		o, err := d.create(ctx, name, perm, mode)
		if err == nil {
			return o, o, nil
		}
		if !errors.Is(err, fs.ErrExist) || mode&p9.OEXCL != 0 || i == tries {
			return nil, nil, err
		}
		f, err := d.Walk(ctx, name)
		if errors.Is(err, fs.ErrNotExist) { // gone again
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		defer srv.Clunk(f)
		switch f := f.(type) {
		case *dir:
			return nil, nil, p9.ErrExist
		case *file:
			o, err := f.openAs(ctx, mode)
			if err != nil {
				return nil, nil, err
			}
			return o, o, nil
		}
		return nil, nil, p9.ErrorOfErrno(syscall.ELOOP)
	}
}

func (d *dir) mkdir(ctx context.Context, name string, perm fs.FileMode) (made *dir, err error) {
	err = d.change(func() error {
		_, err := d.f.Mkdir(name, permOf(perm), uid(ctx), gid(ctx))
		f, err := d.made(name, err)
		if err != nil {
			return err
		}
		made, _ = f.(*dir)
		if made == nil {
			srv.Clunk(f)
			return p9.ErrNotDir
		}
		return nil
	})
	return made, err
}

// create makes a file by way of a copy of the directory, since a client's p9.File
// turns into what it creates.
func (d *dir) create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (o *opened, err error) {
	err = d.change(func() error {
		c, err := d.clone()
		if err != nil {
			return err
		}
		f, q, _, err := c.Create(name, flagsOf(mode), permOf(perm), uid(ctx), gid(ctx))
		if err != nil || !same(c, f) {
			c.Close()
		}
		if err != nil {
			return err
		}
		o = newOpened(d.t.enter(&node{f: f, mode: modeOf(hp9.ModeRegular, q), open: true}, d.node, name))
		return nil
	})
	return o, err
}

// same reports whether two Files, or a File and a Handle, are one.
func same(a, b any) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// Symlink makes a symbolic link.
func (d *dir) Symlink(ctx context.Context, name, target string) (f srv.File, err error) {
	err = d.change(func() error {
		_, err := d.f.Symlink(target, name, uid(ctx), gid(ctx))
		f, err = d.made(name, err)
		return err
	})
	return f, err
}

// Mknod makes a device node, pipe or socket.
func (d *dir) Mknod(ctx context.Context, name string, perm fs.FileMode, rdev uint64) (f srv.File, err error) {
	major, minor := uint32(rdev>>8&0xFFF|rdev>>32&^0xFFF), uint32(rdev&0xFF|rdev>>12&^0xFF) // srv.Mkdev's inverse
	err = d.change(func() error {
		_, err := d.f.Mknod(name, hp9.FileMode(p9.UnixMode(perm)), major, minor, uid(ctx), gid(ctx))
		f, err = d.made(name, err)
		return err
	})
	return f, err
}

// Link gives a file of the tree one more name.
func (d *dir) Link(_ context.Context, target srv.File, name string) error {
	n, err := d.sameTree(target)
	if err != nil {
		return err
	}
	return d.change(func() error {
		if !n.here() {
			return p9.ErrNotExist
		}
		return d.f.Link(n.f, name)
	})
}

// Rename moves an entry.
func (d *dir) Rename(_ context.Context, old string, newdir srv.File, newname string) error {
	to, err := d.sameTree(newdir)
	if err != nil {
		return err
	}
	return d.change(func() error {
		if !to.here() {
			return p9.ErrNotExist
		}
		if err := d.f.RenameAt(old, to.f, newname); err != nil {
			return err
		}
		if !d.still(old, to, newname) {
			d.t.renamed(d.node, old, to, newname)
		}
		return nil
	})
}

// still says whether old is there after it was renamed, which is so where both
// names were one file's: rename(2) leaves them as they are.
func (d *dir) still(old string, to *node, newname string) bool {
	path := func(n *node, name string) (uint64, bool) {
		q, f, err := n.f.Walk([]string{name})
		if err != nil {
			return 0, false
		}
		f.Close()
		if len(q) == 0 {
			return 0, false
		}
		return q[0].Path, true
	}
	was, ok := path(d.node, old)
	is, _ := path(to, newname)
	return ok && was == is
}

const atRemovedir = 0x200 // unlinkat(2)

// Unlink removes an entry. Not all trees look whether it is a directory.
func (d *dir) Unlink(_ context.Context, name string, isDir bool) error {
	return d.change(func() error {
		n, err := d.look(name)
		if err != nil {
			return err
		}
		n.f.Close()
		flags := uint32(0)
		switch {
		case isDir && !n.mode.IsDir():
			return p9.ErrNotDir
		case !isDir && n.mode.IsDir():
			return p9.ErrIsDir
		case isDir:
			flags = atRemovedir
		}
		if err := d.f.UnlinkAt(name, flags); err != nil {
			return err
		}
		d.t.removed(d.node, name)
		return nil
	})
}
