package ramfs

import (
	"context"
	"io/fs"
	"iter"
	"sort"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A dir is a directory. Its entries have numbers in the order in which they were
// made, and order has them by number: a listing that goes on after a number
// neither loses nor repeats what stays.
type dir struct {
	node
	parent *dir // nil for the root; under tree.rename

	// Under mu.
	ents  map[string]*entry
	order []*entry
	holes int // entries of order that are gone
	last  uint64
	dead  bool // removed: nothing more can be made in it
}

// An entry is a name in a directory; child is nil once it is gone.
type entry struct {
	name   string
	cookie uint64
	child  child
}

// insert gives c a name that the directory lacks. d.mu is held.
func (d *dir) insert(ctx context.Context, name string, c child) error {
	if d.dead {
		return p9.ErrNotExist
	}
	if err := d.t.charge(entryCost + int64(len(name))); err != nil {
		return err
	}
	if d.ents == nil {
		d.ents = map[string]*entry{}
	}
	d.last++
	e := &entry{name, d.last, c}
	d.ents[name] = e
	d.order = append(d.order, e)
	d.modified(ctx)
	return nil
}

// drop takes an entry out. d.mu is held.
func (d *dir) drop(ctx context.Context, e *entry) {
	d.t.charge(-entryCost - int64(len(e.name)))
	delete(d.ents, e.name)
	e.child = nil
	d.modified(ctx)
	if d.holes++; d.holes > 16 && d.holes > len(d.order)/2 {
		kept := make([]*entry, 0, len(d.ents))
		for _, e := range d.order {
			if e.child != nil {
				kept = append(kept, e)
			}
		}
		d.order, d.holes = kept, 0
	}
}

// add makes a new file of the directory out of c, whose node is still blank.
func (d *dir) add(ctx context.Context, name string, c child, mode fs.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addLocked(ctx, name, c, mode)
}

func (d *dir) addLocked(ctx context.Context, name string, c child, mode fs.FileMode) error {
	if d.ents[name] != nil {
		return p9.ErrExist
	}
	n := c.base()
	if err := n.init(ctx, d, mode); err != nil {
		return err
	}
	if err := d.insert(ctx, name, c); err != nil {
		n.nlink, n.refs = 0, 0
		n.free()
		return err
	}
	if mode.IsDir() {
		d.nlink++
	}
	return nil
}

// Walk finds an entry.
func (d *dir) Walk(_ context.Context, name string) (srv.File, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	e := d.ents[name]
	if e == nil {
		return nil, p9.ErrNotExist
	}
	e.child.base().hold()
	return e.child, nil
}

// List gives the entries in the order in which they were made.
func (d *dir) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		d.accessed()
		var batch [64]entry
		for {
			n := 0
			d.mu.RLock()
			i := sort.Search(len(d.order), func(i int) bool { return d.order[i].cookie > cookie })
			for ; i < len(d.order) && n < len(batch); i++ {
				if e := d.order[i]; e.child != nil {
					batch[n] = *e
					n++
				}
			}
			d.mu.RUnlock()
			if n == 0 {
				return
			}
			for _, e := range batch[:n] {
				c := e.child.base()
				cookie = e.cookie
				c.mu.RLock()
				ent := p9.Dirent{Qid: c.qid(), Cookie: cookie, Mode: c.mode & fs.ModeType, Name: e.name}
				c.mu.RUnlock()
				if !yield(ent, nil) {
					return
				}
			}
		}
	}
}

// Create makes a file or directory and opens it. For a file that is there, open
// permission is checked here: the engine saw to the directory's only.
func (d *dir) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	if perm.IsDir() {
		c := &dir{parent: d}
		if err := d.add(ctx, name, c, perm); err != nil {
			return nil, nil, err
		}
		return c, c, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.ents[name]; e != nil {
		if _, isDir := e.child.(*dir); isDir || mode&p9.OEXCL != 0 {
			return nil, nil, p9.ErrExist
		}
		f, ok := e.child.(*file)
		if !ok {
			_, err := srv.Open(ctx, e.child, mode) // never works; says why
			return nil, nil, err
		}
		h, err := f.open(ctx, mode, true)
		if err != nil {
			return nil, nil, err
		}
		return h, h, nil
	}
	f := new(file)
	if err := d.addLocked(ctx, name, f, perm&^fs.ModeType); err != nil {
		return nil, nil, err
	}
	f.openers = 1
	h := &handle{file: f, mode: mode}
	return h, h, nil
}

// Symlink makes a symbolic link.
func (d *dir) Symlink(ctx context.Context, name, target string) (srv.File, error) {
	switch {
	case target == "":
		return nil, p9.ErrNotExist
	case len(target) >= 4096:
		return nil, p9.ErrNameTooLong
	}
	l := &symlink{target: target}
	l.size, l.held = uint64(len(target)), int64(len(target))
	if err := d.add(ctx, name, l, fs.ModeSymlink|0o777); err != nil {
		return nil, err
	}
	return l, nil
}

// Mknod makes a device node, a pipe, a socket or an empty file.
func (d *dir) Mknod(ctx context.Context, name string, perm fs.FileMode, rdev uint64) (srv.File, error) {
	var c child = new(special)
	switch perm & fs.ModeType {
	case 0:
		c = new(file)
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		c.base().rdev = rdev
	case fs.ModeNamedPipe, fs.ModeSocket:
	default:
		return nil, p9.ErrorOfErrno(syscall.EINVAL)
	}
	if err := d.add(ctx, name, c, perm); err != nil {
		return nil, err
	}
	return c, nil
}

// Link gives a file of the tree, not a directory, one more name.
func (d *dir) Link(ctx context.Context, target srv.File, name string) error {
	c, ok := target.(child)
	if h, isOpen := target.(*handle); isOpen {
		c = h.file
	}
	if !ok || c.base().t != d.t {
		return p9.ErrorOfErrno(syscall.EXDEV)
	}
	if _, isDir := c.(*dir); isDir {
		return p9.ErrNotOwner
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ents[name] != nil {
		return p9.ErrExist
	}
	n := c.base()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nlink == 0 { // as linkat(2): what is removed stays removed
		return p9.ErrNotExist
	}
	if err := d.insert(ctx, name, c); err != nil {
		return err
	}
	n.nlink++
	n.changed(ctx)
	return nil
}

// sticky says whether a user may take an entry out of the directory, which
// another's with the sticky bit forbids. d.mu is held.
func (d *dir) sticky(u *srv.User, e *entry) error {
	if d.mode&fs.ModeSticky == 0 || d.owns(u) {
		return nil
	}
	n := e.child.base()
	n.mu.RLock()
	defer n.mu.RUnlock()
	if !n.owns(u) {
		return p9.ErrNotOwner
	}
	return nil
}

// kill marks an empty directory as removed.
func (d *dir) kill(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.ents) > 0 {
		return p9.ErrNotEmpty
	}
	d.dead = true
	d.unlinked(ctx)
	return nil
}

// Unlink removes an entry.
func (d *dir) Unlink(ctx context.Context, name string, isDir bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.ents[name]
	if e == nil {
		return p9.ErrNotExist
	}
	if err := d.sticky(srv.UserOf(ctx), e); err != nil {
		return err
	}
	c, ok := e.child.(*dir)
	switch {
	case isDir && !ok:
		return p9.ErrNotDir
	case !isDir && ok:
		return p9.ErrIsDir
	case ok:
		if err := c.kill(ctx); err != nil {
			return err
		}
		d.nlink--
	default:
		n := e.child.base()
		n.mu.Lock()
		n.unlinked(ctx)
		n.mu.Unlock()
	}
	d.drop(ctx, e)
	return nil
}
