package srv

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"ninespace/srv/p9"
)

// What only 9P2000 asks: stat, wstat and directories that read as stats.

// statOf gives a node's attributes as this fid's client sees them.
func (f *fid) statOf(ctx context.Context, file File, name string) (p9.Stat, error) {
	st, err := file.Stat(ctx)
	if err != nil {
		return st, err
	}
	if st.Name == "" {
		st.Name = name
	}
	if st.Mode.IsDir() {
		st.Length = 0
	}
	if !f.node.c.dotl || st.Uid != "" || st.Gid != "" { // 9P2000.L has numbers alone
		Owners(&st)
	}
	return st, nil
}

func (f *fid) stat9(ctx context.Context) ([]byte, error) {
	name, parent := f.node.at()
	parent.unref()
	st, err := f.statOf(ctx, f.node.file, name)
	if err != nil {
		return nil, err
	}
	return p9.AppendStat(nil, &st)
}

// lister gives what lists the open directory.
func (f *fid) lister() (Lister, error) {
	if l, ok := f.handle.(Lister); ok {
		return l, nil
	}
	if l, ok := f.node.file.(Lister); ok {
		return l, nil
	}
	return nil, p9.ErrPerm
}

// A dirReader is an open directory as 9P2000 reads it: whole stats. An offset
// other than 0 must be where the last read ended, read(5). Too small a count for
// the next stat is an error, but where it is what the last read left of its own:
// Linux fills one buffer by several reads, until one gives nothing.
type dirReader fid

func (d *dirReader) Read(ctx context.Context, p []byte, at int64) (int, error) {
	f, off := (*fid)(d), uint64(at)
	if off == 0 {
		f.dirOff, f.cookie, f.dirRoom = 0, 0, 0
	} else if off != f.dirOff {
		return 0, p9.ErrDirOffset
	}
	l, err := f.lister()
	if err != nil {
		return 0, err
	}
	n := 0
	cookie := f.cookie
	full := false
entries:
	for e, err := range l.List(ctx, cookie) {
		if err != nil {
			if n > 0 {
				break // the next read comes to it again
			}
			return 0, err
		}
		st, err := f.entry(ctx, &e)
		switch {
		case err == nil:
		case ctx.Err() != nil: // flushed: what is left out now would be lost
			if n > 0 {
				break entries
			}
			return 0, ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			cookie = e.Cookie
			continue // gone since
		default: // it is there, and this is what is known of it
			st = p9.Stat{Qid: e.Qid, Mode: e.Mode, Uid: "none", Gid: "none"}
			Owners(&st)
		}
		st.Name = e.Name
		b, err := p9.AppendStat(p[n:n:len(p)], &st)
		if err != nil {
			return 0, err
		}
		if n+len(b) > len(p) {
			full = true
			break
		}
		n += len(b)
		cookie = e.Cookie
	}
	if full && n == 0 && len(p) > f.dirRoom {
		return 0, p9.NewError(p9.ErrBadCount.Errno, "read count too small for a directory entry")
	}
	f.cookie = cookie // which may have passed over what is gone
	if n == 0 {
		return 0, io.EOF
	}
	f.dirOff, f.dirRoom = off+uint64(n), len(p)-n
	return n, nil
}

// entry gives the attributes of an entry of the directory.
func (f *fid) entry(ctx context.Context, e *p9.Dirent) (p9.Stat, error) {
	c, err := Walk(ctx, f.node.file, e.Name)
	if err != nil {
		return p9.Stat{}, err
	}
	defer Clunk(c)
	return f.statOf(ctx, c, e.Name)
}

func (f *fid) wstat9(ctx context.Context, stat []byte) error {
	w, err := p9.ParseWstat(stat)
	if err != nil {
		return err
	}
	st, err := f.node.file.Stat(ctx)
	if err != nil {
		return err
	}
	if w.Valid&p9.WMode != 0 && w.Mode.IsDir() != st.Mode.IsDir() {
		return p9.ErrorOfText("wstat can't convert between files and directories")
	}
	return f.wstat(ctx, w, &st)
}

// wstat changes attributes, a name among them, all or none. st is what they are.
func (f *fid) wstat(ctx context.Context, w p9.Wstat, st *p9.Stat) error {
	name, parent := f.node.at()
	defer parent.unref()
	if w.Valid&p9.WName != 0 && w.Name == name {
		w.Valid &^= p9.WName
	}
	if w.Valid == 0 {
		return Wstat(ctx, f.node.file, w)
	}
	if err := WstatIds(&w); err != nil {
		return err
	}
	if err := f.mayWstat(st, &w); err != nil {
		return err
	}
	if w.Valid&p9.WName == 0 {
		return Wstat(ctx, f.node.file, w)
	}
	if err := CheckName(w.Name); err != nil {
		return err
	}
	if parent == nil {
		return p9.ErrWstat
	}
	dir := parent.file
	if err := f.allowedIn(ctx, parent); err != nil {
		return err
	}
	if err := sameEntry(ctx, dir, name, st); err != nil {
		return err
	}
	err := renameNew(ctx, dir, name, w.Name)
	if err != nil {
		return err
	}
	rest := w
	if rest.Valid &^= p9.WName; rest.Valid != 0 {
		err = Wstat(ctx, f.node.file, rest)
	}
	if err == nil || renameNew(ctx, dir, w.Name, name) != nil { // its old name may be another's by now
		f.node.move(w.Name, parent)
	}
	return err
}

// mayWstat applies stat(5)'s rules to a file that is no Guard.
func (f *fid) mayWstat(st *p9.Stat, w *p9.Wstat) error {
	if w.Valid&p9.WLength != 0 && st.Mode.IsDir() && w.Length != 0 {
		return p9.ErrIsDir
	}
	if _, ok := f.node.file.(Guard); ok {
		return nil
	}
	full := *st
	Owners(&full)
	host := f.who.user.Host()
	owner := host || full.Uid == f.who.user.Name
	const byOwner = p9.WMode | p9.WUid | p9.WGid | p9.WAtime | p9.WMtime
	const byWriter = p9.WLength | p9.WAtimeNow | p9.WMtimeNow
	if w.Valid&byOwner != 0 && !owner {
		return p9.ErrNotOwner
	}
	if w.Valid&p9.WUid != 0 && w.Uid != full.Uid && !host {
		return p9.ErrNotOwner // a file is not given away
	}
	if w.Valid&p9.WGid != 0 && w.Gid != full.Gid && w.Gid != f.who.user.Name && !f.who.user.Member(w.Ngid) && !host {
		return p9.ErrorOfText("not a member of proposed group")
	}
	if w.Valid&byWriter != 0 && !owner && !f.who.user.Allowed(st, 2) {
		return p9.ErrPerm
	}
	if w.Valid&p9.WLength != 0 && !f.who.user.Allowed(st, 2) && !(f.open && f.mode.Writable()) {
		return p9.ErrPerm
	}
	return nil
}
