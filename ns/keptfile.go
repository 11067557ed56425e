package ns

import (
	"context"
	"slices"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// Files of a tree that is kept, and their attributes.

var (
	errCross  = p9.ErrorOfErrno(syscall.EXDEV)
	errNoData = p9.ErrNoData
)

// firstMost is how much of a file is read along with its opening: what is no longer
// takes no further round trip.
const firstMost = 256 << 10

// Open opens the file. To read one that the server must tell the changes of, and that
// may be read, needs no word with it before something is read that the kernel has not.
func (k *kept) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	using(ctx, k.c.conn)
	reads := mode&^(p9.OEXEC|p9.ONOFOLLOW) == p9.OREAD
	k.c.mu.Lock()
	if k.st.Mode.IsDir() {
		k.c.mu.Unlock()
		return k.openDir(ctx, mode)
	}
	if reads {
		if err := k.await(ctx); err != nil {
			k.c.mu.Unlock()
			return nil, err
		}
		if err := k.opensConstant(ctx); err != nil {
			k.c.mu.Unlock()
			return nil, err
		}
		k.opensInTurn()
	}
	var buf []byte
	switch {
	case !reads || k.told && k.st.Qid.Vers == 0:
	case k.read && k.c.bound(k.at):
		defer k.c.mu.Unlock()
		h := k.handle(nil, mode)
		h.paged = k.seen == k.st.Qid.Vers+1
		if b := k.let(); b != nil {
			h.first, h.whole, k.seen = b, true, k.st.Qid.Vers+1
		} else if k.part != nil && k.part.as == k.turn {
			h.part, k.part.taken, k.seen = k.part, true, k.st.Qid.Vers+1
		} else if k.sumAs == k.turn && k.sum != nil {
			h.sum, k.seen = k.sum, k.st.Qid.Vers+1
		}
		return h, nil
	case k.told && k.seen == k.st.Qid.Vers+1: // the kernel may have its pages
	case k.told && k.st.Qid.Vers != 0:
		buf = make([]byte, min(k.st.Length, firstMost))
	}
	k.c.mu.Unlock()
	if err := k.settle(ctx); err != nil {
		return nil, err
	}
	t := k.c.begin()
	if mode&p9.OTRUNC != 0 { // not of another file
		if _, err := k.use(ctx); err != nil {
			return nil, err
		}
	}
	from, names, of := k.way()
	defer of.Clunk()
	g, first, err := from.WalkOpenStat(ctx, mode, buf, names...)
	if mode&p9.OTRUNC != 0 {
		k.c.mu.Lock()
		t = k.changing(t)
		k.c.mu.Unlock()
	}
	if err != nil && len(names) > 0 {
		return nil, k.wayError(err)
	} else if err != nil {
		return nil, err
	}
	if len(names) > 0 && g.Qid().Path != k.path {
		g.Drop()
		return nil, k.isIt(g.Qid().Path)
	}
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	h := k.handle(g, mode)
	h.opened = &first
	if first.StatErr == nil && first.Stat.Qid.Path == k.path {
		k.take(&first.Stat, t)
		h.as = k.turn
		if first.Stat.Qid.Vers == 0 {
			h.vers0 = true
		} else if reads && k.at == k.stamp(t) && !k.c.lapsed(k.at) {
			k.read = true
			h.paged = k.seen == first.Stat.Qid.Vers+1
			k.seen = first.Stat.Qid.Vers + 1
			if first.ReadErr == nil && first.N > 0 {
				h.first, h.whole = buf[:first.N], uint64(first.N) == first.Stat.Length
				h.ahead.begin(k.turn, int64(first.N))
				if h.whole {
					k.keepConstant(h.first)
				}
				k.runs(mode, h.first)
			}
		}
	}
	return h, nil
}

// Wstat changes attributes.
func (k *kept) Wstat(ctx context.Context, w p9.Wstat) error { return k.wstat(ctx, nil, w) }

// wstat does so by an open fid, or the file's own.
func (k *kept) wstat(ctx context.Context, fid *client.Fid, w p9.Wstat) (err error) {
	if err := k.settle(ctx); err != nil {
		return err
	}
	if fid == nil {
		if fid, err = k.use(ctx); err != nil {
			return err
		}
	}
	if w.Valid == 0 {
		return fid.Wstat(ctx, w)
	}
	t := k.c.begin()
	now, err := fid.WstatStat(ctx, w)
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	was := k.is(t)
	read, target := k.read, k.target
	k.touch()
	if w.Valid&p9.WLength != 0 && now.Stat.Length != w.Length || w.Valid&p9.WMode != 0 && now.Stat.Mode.Perm() != w.Mode.Perm() {
		now.Ok = false
	}
	k.became(was, now, t)
	if k.read = false; err == nil && w.Valid&(p9.WMode|p9.WUid|p9.WGid) == 0 {
		k.read, k.target = read, target
	}
	return err
}

// Readlink gives a symbolic link's target.
func (k *kept) Readlink(ctx context.Context) (string, error) {
	k.c.mu.Lock()
	target, ok := k.target, k.target != "" && k.c.good(k.at)
	if k.isConstant() {
		k.c.use(k, false)
	}
	k.c.mu.Unlock()
	if ok {
		return target, nil
	}
	t := k.c.begin()
	fid, err := k.use(ctx)
	if err != nil {
		return "", err
	}
	if target, err = fid.Readlink(ctx); err != nil {
		return "", err
	}
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	if t.holds(k) && k.c.good(k.at) {
		k.target = target
	}
	return target, nil
}

// Statfs tells of the file system.
func (k *kept) Statfs(ctx context.Context) (p9.Statfs, error) {
	fid, err := k.use(ctx)
	if err != nil {
		return p9.Statfs{}, err
	}
	return fid.Statfs(ctx)
}

// Listxattr gives the names of the extended attributes. Who asks for a file's asks for
// those of the others in its directory as well.
func (k *kept) Listxattr(ctx context.Context) ([]string, error) {
	c := k.c
	c.mu.Lock()
	none, ok, names := c.noAttr, c.good(k.xat), k.xattrs
	again := c.xattrs && !ok && !none && k.dir != nil && c.good(k.dir.listed) && !k.dir.xlists
	c.xattrs = true
	dir := k.dir
	if again {
		dir.misses, dir.listed = 0, stamp{}
		dir.hold()
	}
	c.mu.Unlock()
	switch {
	case none:
		return nil, p9.ErrNotSup
	case ok:
		return names, nil
	case again:
		dir.load(ctx, true)
		dir.Clunk()
		c.mu.Lock()
		ok, names = c.good(k.xat), k.xattrs
		c.mu.Unlock()
		if ok {
			return names, nil
		}
	}
	t := c.begin()
	fid, err := k.use(ctx)
	if err != nil {
		return nil, err
	}
	names, err = fid.Listxattr(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.noAttr = c.noAttr || p9.ErrorOf(err).Errno == syscall.EOPNOTSUPP
		return nil, err
	}
	if t.holds(k) && k.st.Qid.Vers != 0 {
		k.xattrs, k.xat = names, k.stamp(t)
	}
	return names, nil
}

// Getxattr gives an extended attribute. That there is none is known by the list.
func (k *kept) Getxattr(ctx context.Context, name string) ([]byte, error) {
	names, err := k.Listxattr(ctx)
	switch {
	case err != nil:
		return nil, err
	case !slices.Contains(names, name):
		return nil, errNoData
	}
	fid, err := k.use(ctx)
	if err != nil {
		return nil, err
	}
	return fid.Getxattr(ctx, name)
}

// Setxattr sets one.
func (k *kept) Setxattr(ctx context.Context, name string, value []byte, flags int) error {
	fid, err := k.use(ctx)
	if err != nil {
		return err
	}
	err = fid.Setxattr(ctx, name, value, flags)
	k.c.drop(k)
	return err
}

// Removexattr removes one.
func (k *kept) Removexattr(ctx context.Context, name string) error {
	fid, err := k.use(ctx)
	if err != nil {
		return err
	}
	err = fid.Removexattr(ctx, name)
	k.c.drop(k)
	return err
}
