package p9file

import (
	"context"
	"io/fs"

	"github.com/hugelgupf/p9/linux"
	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// What a directory of ours answers as a p9.File.

// change runs a method that makes or removes the names given, where the user may.
func (f *adapted) change(method func(dir srv.File) error, names ...string) error {
	return f.do(func(c current) error {
		for _, name := range names {
			if err := srv.CheckName(name); err != nil {
				return err
			}
		}
		if _, ok := c.held.file.(srv.Walker); !ok {
			return p9.ErrNotDir
		}
		if err := f.a.allowed(c.held.file, 3); err != nil {
			return err
		}
		return method(c.held.file)
	})
}

// in is the context in which files are made that are asked to be of a group.
func (f *adapted) in(gid hp9.GID) context.Context { return srv.WithGroup(f.ctx, uint32(gid)) }

// made gives the qid of what was just made and lets it go.
func (f *adapted) made(q *hp9.QID, file srv.File, err error) error {
	if err != nil {
		return err
	}
	defer srv.Clunk(file)
	st, err := file.Stat(f.ctx)
	*q = theirQid(st.Qid)
	return err
}

// Mkdir makes a directory.
func (f *adapted) Mkdir(name string, permissions hp9.FileMode, _ hp9.UID, gid hp9.GID) (q hp9.QID, err error) {
	err = f.change(func(dir srv.File) error {
		file, h, err := srv.Create(f.in(gid), dir, name, permMode(permissions)|fs.ModeDir, p9.OREAD)
		if err == nil && !same(h, file) {
			srv.Clunk(h)
		}
		return f.made(&q, file, err)
	}, name)
	return q, err
}

// Symlink makes a symbolic link newName to oldName.
func (f *adapted) Symlink(oldName, newName string, _ hp9.UID, gid hp9.GID) (q hp9.QID, err error) {
	err = f.change(func(dir srv.File) error {
		s, ok := dir.(srv.Symlinker)
		switch {
		case !ok:
			return p9.ErrNotSup
		case oldName == "":
			return p9.ErrNotExist
		}
		file, err := s.Symlink(f.in(gid), newName, oldName)
		return f.made(&q, file, err)
	}, newName)
	return q, err
}

// Mknod makes a device node, pipe or socket.
func (f *adapted) Mknod(name string, mode hp9.FileMode, major, minor uint32, _ hp9.UID, gid hp9.GID) (q hp9.QID, err error) {
	err = f.change(func(dir srv.File) error {
		m, ok := dir.(srv.Mknoder)
		if !ok {
			return p9.ErrNotSup
		}
		file, err := m.Mknod(f.in(gid), name, p9.ModeOfUnix(uint32(mode)), srv.Mkdev(major, minor))
		return f.made(&q, file, err)
	}, name)
	return q, err
}

// with calls f with the File of another p9.File of the same Attacher.
func (f *adapted) with(o hp9.File, method func(srv.File) error) error {
	g, ok := o.(*adapted)
	if !ok || g.a != f.a {
		return linux.EXDEV
	}
	return g.do(func(c current) error { return method(c.held.file) })
}

// Link gives target the name newName too.
func (f *adapted) Link(target hp9.File, newName string) error {
	return f.with(target, func(file srv.File) error {
		return f.change(func(dir srv.File) error {
			l, ok := dir.(srv.Linker)
			if !ok {
				return p9.ErrNotSup
			}
			return l.Link(f.ctx, file, newName)
		}, newName)
	})
}

// RenameAt moves an entry.
func (f *adapted) RenameAt(oldName string, newDir hp9.File, newName string) error {
	return f.with(newDir, func(to srv.File) error {
		return f.change(func(dir srv.File) error {
			if err := f.a.allowed(to, 3); err != nil {
				return err
			}
			return srv.Rename(f.ctx, dir, oldName, to, newName)
		}, oldName, newName)
	})
}

// UnlinkAt removes an entry: a directory if flags has AT_REMOVEDIR.
func (f *adapted) UnlinkAt(name string, flags uint32) error {
	return f.change(func(dir srv.File) error {
		return srv.Unlink(f.ctx, dir, name, flags&atRemovedir != 0)
	}, name)
}

// Readdir gives the entries after the one with the Offset offset: count of them
// at most, and no more than fill a message of count bytes, as which hugelgupf's
// server means it.
func (f *adapted) Readdir(offset uint64, count uint32) (ents hp9.Dirents, err error) {
	err = f.do(func(c current) error {
		switch {
		case !c.open || !c.mode.Readable():
			return p9.ErrBadUseFid
		case !c.dir:
			return p9.ErrNotDir
		}
		l, ok := c.handle.(srv.Lister)
		if !ok {
			if l, ok = c.held.file.(srv.Lister); !ok {
				return p9.ErrPerm
			}
		}
		const few = 4096 // a count that is too small for bytes is one of entries
		room := int(max(count, few))
		for e, err := range l.List(f.ctx, offset) {
			if room -= p9.DirentSize(&e); err != nil || uint32(len(ents)) >= count || room < 0 && len(ents) > 0 {
				if len(ents) > 0 {
					err = nil // the next call comes to it again
				}
				return err
			}
			ents = append(ents, hp9.Dirent{QID: theirQid(e.Qid), Offset: e.Cookie, Type: hp9.QIDType(p9.Dtype(e.Mode)), Name: e.Name})
		}
		return nil
	})
	for i := range ents {
		f.complete(&ents[i])
	}
	return ents, err
}

// complete looks up a qid's version where the listing lacks it, as diskfs's does:
// a p9.File lists the qids that a walk gives. What can't be walked to stays as it is.
func (f *adapted) complete(e *hp9.Dirent) {
	if e.QID.Version != 0 {
		return
	}
	f.do(func(c current) error {
		file, err := f.step(c.held.file, e.Name)
		if err != nil {
			return err
		}
		defer srv.Clunk(file)
		st, err := file.Stat(f.ctx)
		if err == nil && st.Qid.Path == e.QID.Path {
			e.QID.Version = st.Qid.Vers
		}
		return err
	})
}
