package ns

import (
	"context"
	"io/fs"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// What makes, removes and renames entries of a tree that is kept.

// Create makes a file and opens it.
func (k *kept) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	fid, err := k.use(ctx)
	if err != nil {
		return nil, nil, err
	}
	if perm.IsDir() {
		_, err := fid.Mkdir(ctx, name, perm)
		n, err := k.made(ctx, fid, name, err)
		return n, nil, err
	}
	t := k.begin()
	g, first, err := fid.WalkCreateStat(ctx, name, perm, mode)
	if err == nil {
		if err = first.StatErr; err != nil {
			g.Clunk(gone)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	k.c.mu.Lock()
	was := k.is(t)
	k.c.mu.Unlock()
	n := k.entered(name, &first.Stat, t)
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	k.became(was, first.Dir, t)
	return n, n.handle(g, mode), nil
}

// made takes what was made in the directory, of which fid is one, without being opened.
// Servers that keep the order of requests do not keep it of these, so the name is walked
// to afterwards.
func (k *kept) made(ctx context.Context, fid *client.Fid, name string, err error) (srv.File, error) {
	if err != nil {
		return nil, err
	}
	t := k.c.begin()
	t.sure = t.leased // who walks is told of what comes after
	g, st, err := fid.WalkStat(ctx, name)
	if err != nil {
		k.c.drop(k)
		return nil, err
	}
	n := k.entered(name, &st, t)
	n.give(g)
	return n, nil
}

// entered gives, held, the file of a name that was made just now, by a request of t. It may
// have been there before, and be another now.
func (k *kept) entered(name string, st *p9.Stat, t ticket) *kept {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	n := k.c.enter(k, name, st, t)
	now := n.changing(t)
	k.put(name, n, t)
	n.take(st, now)
	return n.hold()
}

// Symlink makes a symbolic link.
func (k *kept) Symlink(ctx context.Context, name, target string) (srv.File, error) {
	fid, err := k.use(ctx)
	if err != nil {
		return nil, err
	}
	_, err = fid.Symlink(ctx, name, target)
	return k.made(ctx, fid, name, err)
}

// Mknod makes a device, pipe or socket.
func (k *kept) Mknod(ctx context.Context, name string, perm fs.FileMode, rdev uint64) (srv.File, error) {
	fid, err := k.use(ctx)
	if err != nil {
		return nil, err
	}
	_, err = fid.Mknod(ctx, name, perm, rdev)
	return k.made(ctx, fid, name, err)
}

// there gives, held, the file that a name is known to have, and sees to it that it has
// a fid if it is open: its name is about to go.
func (k *kept) there(ctx context.Context, name string) *kept {
	k.c.mu.Lock()
	n := k.names[name].k
	if n == nil {
		k.c.mu.Unlock()
		return nil
	}
	used := n.opens > 0
	n.hold()
	k.c.mu.Unlock()
	if used {
		n.settle(ctx)
		n.use(ctx)
	}
	return n
}

// Unlink removes a name.
func (k *kept) Unlink(ctx context.Context, name string, isDir bool) error {
	fid, err := k.use(ctx)
	if err != nil {
		return err
	}
	t := k.begin()
	n := k.there(ctx, name)
	now, err := fid.UnlinkStat(ctx, name, isDir)
	k.c.mu.Lock()
	if n != nil {
		n.change()
	}
	if err == nil {
		was := k.is(t)
		sure := k.cut(name, t) && n.known()
		k.became(was, now, t)
		if n.gone(); !sure && !isDir {
			k.c.lostName()
		}
	}
	k.c.mu.Unlock()
	if n != nil {
		n.Clunk()
	}
	return err
}

// lacks tells whether the directory is known to have no such name.
func (k *kept) lacks(name string) bool {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	e, is := k.names[name]
	return is && e.none && k.c.good(e.at) || !is && k.c.good(k.listed)
}

// known tells whether this is what is known of the file, by whatever name. c.mu is held.
func (k *kept) known() bool { return k != nil && k.c.files[k.path] == k }

// gone says that the file has lost a name, perhaps its last: what the server makes next may have
// its number, and is another file. If it has more names than were known, who comes by one of those
// gets to know it anew. c.mu is held.
func (k *kept) gone() {
	if k.known() && k.opens == 0 && k.st.Nlink <= 1 {
		delete(k.c.files, k.path)
		k.never = true // what the server tells of the number is not of this one
	}
}

// lostName says that a file has lost a name of which it was not known that it is the file's: any that
// has several is to be asked about, and what is told of it just now is of before. c.mu is held.
func (c *cache) lostName() {
	c.clock++
	c.lost = c.clock
	for _, k := range c.files {
		if k.st.Nlink > 1 && !k.st.Mode.IsDir() {
			k.touch()
		}
	}
}

// Rename moves a name.
func (k *kept) Rename(ctx context.Context, old string, newdir srv.File, newname string) error {
	d, ok := newdir.(*kept)
	if !ok || d.c != k.c {
		return errCross
	}
	fid, err := k.use(ctx)
	if err != nil {
		return err
	}
	to, err := d.use(ctx)
	if err != nil {
		return err
	}
	from, into := k.begin(), d.begin()
	n, over := k.there(ctx, old), d.there(ctx, newname)
	free := d.lacks(newname)
	err = fid.Rename(ctx, old, to, newname)
	k.c.mu.Lock()
	for _, f := range []*kept{n, over} {
		if f != nil {
			f.touch()
		}
	}
	if err == nil {
		// What has moved may not be known, nor whether it has: two names of one file stay.
		sure := n.known() && n != over && (over.known() || over == nil && free)
		if over != n {
			over.gone()
		}
		if n != nil {
			n.dir, n.name = d, newname
		}
		cut, put := k.cut(old, from), d.put(newname, n, into)
		if !sure || !cut || !put {
			k.change()
			d.change()
			k.c.lostName()
		}
	}
	k.c.mu.Unlock()
	for _, f := range []*kept{n, over} {
		if f != nil {
			f.Clunk()
		}
	}
	return err
}

// Link gives a file a further name.
func (k *kept) Link(ctx context.Context, target srv.File, name string) error {
	f, ok := target.(*kept)
	if !ok || f.c != k.c {
		return errCross
	}
	fid, err := k.use(ctx)
	if err != nil {
		return err
	}
	to, err := f.use(ctx)
	if err != nil {
		return err
	}
	t := k.begin()
	if err = fid.Link(ctx, to, name); err != nil {
		return err
	}
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	f.touch()
	k.put(name, f, t)
	return nil
}
