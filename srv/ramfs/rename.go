package ramfs

import (
	"context"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// above says whether d is a directory that o is in, however deep. tree.rename is
// held.
func (d *dir) above(o *dir) bool {
	for o = o.parent; o != nil; o = o.parent {
		if o == d {
			return true
		}
	}
	return false
}

// Rename moves an entry, as rename(2): in place of what has the new name, if
// that is of the same kind and not a directory with entries. A name that is
// taken over keeps its place in listings.
func (d *dir) Rename(ctx context.Context, old string, newdir srv.File, newname string) error {
	return d.RenameFlags(ctx, old, newdir, newname, 0)
}

// RenameFlags is Rename, or with srv.RenameNoReplace in place of nothing.
func (d *dir) RenameFlags(ctx context.Context, old string, newdir srv.File, newname string, flags uint32) error {
	if flags&^srv.RenameNoReplace != 0 {
		return p9.ErrorOfErrno(syscall.EINVAL)
	}
	nd, ok := newdir.(*dir)
	if !ok || nd.t != d.t {
		return p9.ErrorOfErrno(syscall.EXDEV)
	}
	// Nobody else locks two directories of which neither is above the other, so
	// with this lock their order is free, and above holds still.
	d.t.rename.Lock()
	defer d.t.rename.Unlock()
	first, second := d, nd
	if nd.above(d) {
		first, second = nd, d
	}
	first.mu.Lock()
	defer first.mu.Unlock()
	if second != first {
		second.mu.Lock()
		defer second.mu.Unlock()
	}

	u := srv.UserOf(ctx)
	e, over := d.ents[old], nd.ents[newname]
	if e == nil || nd.dead {
		return p9.ErrNotExist
	}
	if over != nil && flags&srv.RenameNoReplace != 0 {
		return p9.ErrExist
	}
	if err := d.sticky(u, e); err != nil {
		return err
	}
	c := e.child
	moved, isDir := c.(*dir)
	if isDir && (moved == nd || moved.above(nd)) {
		return p9.ErrorOfErrno(syscall.EINVAL)
	}
	if over == nil {
		if err := nd.insert(ctx, newname, c); err != nil {
			return err
		}
	} else {
		if over.child == c { // two names of one file: rename(2) leaves both
			return nil
		}
		if err := nd.sticky(u, over); err != nil {
			return err
		}
		victim, overDir := over.child.(*dir)
		switch {
		case isDir && !overDir:
			return p9.ErrNotDir
		case !isDir && overDir:
			return p9.ErrIsDir
		case !isDir:
			n := over.child.base()
			n.mu.Lock()
			n.unlinked(ctx)
			n.mu.Unlock()
		case victim == d || victim.above(d): // and locked, or not to be locked now
			return p9.ErrNotEmpty
		default:
			if err := victim.kill(ctx); err != nil {
				return err
			}
			nd.nlink--
		}
		over.child = c
		nd.modified(ctx)
	}
	d.drop(ctx, e)
	if isDir {
		d.nlink--
		nd.nlink++
		moved.parent = nd
	}
	n := c.base()
	n.mu.Lock()
	n.changed(ctx)
	n.mu.Unlock()
	return nil
}
