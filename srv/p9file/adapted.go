package p9file

import (
	"io/fs"
	"syscall"

	"github.com/hugelgupf/p9/linux"
	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// What a p9.File of ours answers without being opened. The comments of p9.File
// say what each is asked.

// Walk finds a path, or copies the file.
func (f *adapted) Walk(names []string) ([]hp9.QID, hp9.File, error) {
	qids, g, _, err := f.walk(names, false)
	if err != nil {
		return nil, nil, err
	}
	return qids, g, nil
}

// WalkGetAttr is Walk and a GetAttr of what was found.
func (f *adapted) WalkGetAttr(names []string) ([]hp9.QID, hp9.File, hp9.AttrMask, hp9.Attr, error) {
	qids, g, st, err := f.walk(names, true)
	if err != nil {
		return nil, nil, hp9.AttrMask{}, hp9.Attr{}, err
	}
	valid, attr := attrOf(st)
	return qids, g, valid, attr, nil
}

// walk gives the Stat of what it finds where stat says so.
func (f *adapted) walk(names []string, stat bool) (qids []hp9.QID, g *adapted, _ *p9.Stat, err error) {
	var st p9.Stat
	err = f.do(func(c current) error {
		h := c.held
		h.refs.Add(1)
		for _, name := range names {
			next, err := f.step(h.file, name)
			if err == nil {
				st, err = next.Stat(f.ctx)
			}
			if err != nil {
				srv.Clunk(next)
				h.unref()
				return err
			}
			up := h
			h = newHeld(next, up)
			up.unref()
			qids = append(qids, theirQid(st.Qid))
		}
		if stat && len(names) == 0 {
			var err error
			if st, err = h.file.Stat(f.ctx); err != nil {
				h.unref()
				return err
			}
		}
		g = f.a.file(h)
		return nil
	})
	srv.Owners(&st)
	return qids, g, &st, err
}

func (f *adapted) step(dir srv.File, name string) (srv.File, error) {
	if _, ok := dir.(srv.Walker); !ok {
		return nil, p9.ErrNotDir
	}
	if err := srv.CheckName(name); err != nil {
		return nil, err
	}
	if err := f.a.allowed(dir, 1); err != nil {
		return nil, err
	}
	return srv.Walk(f.ctx, dir, name)
}

// GetAttr tells the attributes, all that there are.
func (f *adapted) GetAttr(hp9.AttrMask) (q hp9.QID, valid hp9.AttrMask, attr hp9.Attr, err error) {
	err = f.do(func(c current) error {
		st, err := c.held.file.Stat(f.ctx)
		if err != nil {
			return err
		}
		srv.Owners(&st)
		q = theirQid(st.Qid)
		valid, attr = attrOf(&st)
		return nil
	})
	return q, valid, attr, err
}

// SetAttr changes attributes, as stat(5) allows it.
func (f *adapted) SetAttr(valid hp9.SetAttrMask, attr hp9.SetAttr) error {
	return f.do(func(c current) error {
		w := wstatOf(valid, &attr)
		if w.Valid == 0 {
			return nil
		}
		st, err := c.held.file.Stat(f.ctx)
		if err != nil {
			return err
		}
		w.Mode |= st.Mode & (fs.ModeType | onlyQid)
		if err := srv.WstatIds(&w); err != nil {
			return err
		}
		if err := f.a.mayWstat(&c, &st, &w); err != nil {
			return err
		}
		return srv.Wstat(f.ctx, c.held.file, w)
	})
}

// mayWstat applies stat(5)'s rules to a file that is no Guard.
func (a *attacher) mayWstat(c *current, st *p9.Stat, w *p9.Wstat) error {
	has := func(m p9.WstatMask) bool { return w.Valid&m != 0 }
	if has(p9.WLength) && st.Mode.IsDir() && w.Length != 0 {
		return p9.ErrIsDir
	}
	if _, ok := c.held.file.(srv.Guard); ok {
		return nil
	}
	full := *st
	srv.Owners(&full)
	host, writer := a.user.Host(), a.user.Allowed(st, 2)
	owner := host || full.Uid == a.user.Name
	switch {
	case has(p9.WMode|p9.WUid|p9.WGid|p9.WAtime|p9.WMtime) && !owner,
		has(p9.WUid) && w.Uid != full.Uid && !host: // a file is not given away
		return p9.ErrNotOwner
	case has(p9.WGid) && w.Gid != full.Gid && w.Gid != a.user.Name && !a.user.Member(w.Ngid) && !host:
		return p9.ErrorOfText("not a member of proposed group")
	case has(p9.WLength|p9.WAtimeNow|p9.WMtimeNow) && !owner && !writer,
		has(p9.WLength) && !writer && !(c.open && c.mode.Writable()):
		return p9.ErrPerm
	}
	return nil
}

// StatFS tells of the file system.
func (f *adapted) StatFS() (s hp9.FSStat, err error) {
	err = f.do(func(c current) error {
		st := noStatfs
		if sf, ok := c.held.file.(srv.Statfser); ok {
			var err error
			if st, err = sf.Statfs(f.ctx); err != nil {
				return err
			}
		}
		s = theirStatfs(st)
		return nil
	})
	return s, err
}

// Readlink gives the target of a symbolic link.
func (f *adapted) Readlink() (target string, err error) {
	err = f.do(func(c current) (err error) {
		l, ok := c.held.file.(srv.Readlinker)
		if !ok {
			return syscall.EINVAL
		}
		target, err = l.Readlink(f.ctx)
		return err
	})
	return target, err
}

func (f *adapted) xattr(method func(x srv.Xattrer) error) error {
	return f.do(func(c current) error {
		x, ok := c.held.file.(srv.Xattrer)
		if !ok {
			return p9.ErrNotSup
		}
		return method(x)
	})
}

// SetXattr sets an extended attribute.
func (f *adapted) SetXattr(attr string, data []byte, flags hp9.XattrFlags) error {
	return f.xattr(func(x srv.Xattrer) error { return x.Setxattr(f.ctx, attr, data, int(flags)) })
}

// GetXattr gives the value of one.
func (f *adapted) GetXattr(attr string) (data []byte, err error) {
	err = f.xattr(func(x srv.Xattrer) (err error) {
		if data, err = x.Getxattr(f.ctx, attr); err == nil {
			f.owe()
		}
		return err
	})
	return data, err
}

// ListXattrs gives the names.
func (f *adapted) ListXattrs() (names []string, err error) {
	err = f.xattr(func(x srv.Xattrer) (err error) {
		if names, err = x.Listxattr(f.ctx); err == nil {
			f.owe()
		}
		return err
	})
	return names, err
}

// RemoveXattr removes one.
func (f *adapted) RemoveXattr(attr string) error {
	return f.xattr(func(x srv.Xattrer) error { return x.Removexattr(f.ctx, attr) })
}

// Rename is for clients: servers are asked by RenameAt.
func (f *adapted) Rename(hp9.File, string) error { return linux.ENOSYS }

// Renamed tells nothing new: Files of ours do not go by paths.
func (f *adapted) Renamed(hp9.File, string) {}
