package srv

import (
	"context"
	"io/fs"

	"ninespace/srv/p9"
)

// Opening and creating, open(5).

// wants gives the permissions that a mode needs.
func wants(mode p9.Mode) fs.FileMode {
	var w fs.FileMode
	switch mode & 3 {
	case p9.OREAD:
		w = 4
	case p9.OWRITE:
		w = 2
	case p9.ORDWR:
		w = 6
	case p9.OEXEC:
		w = 1
	}
	if mode&p9.OTRUNC != 0 {
		w |= 2
	}
	return w
}

func (f *fid) openFile(ctx context.Context, mode p9.Mode) (p9.Qid, error) {
	if f.open || f.xattr != nil {
		return p9.Qid{}, p9.ErrOpen
	}
	file := f.node.file
	// A Guard refuses by itself what may not be: it is asked for its attributes
	// once it is open, when they are those of what was opened.
	_, guard := file.(Guard)
	var st p9.Stat
	var err error
	if !guard {
		if st, err = file.Stat(ctx); err != nil {
			return st.Qid, err
		}
		if !f.who.user.Allowed(&st, wants(mode)) {
			return st.Qid, p9.ErrPerm
		}
		if err = fits(&st, mode); err != nil {
			return st.Qid, err
		}
	}
	if mode&p9.ORCLOSE != 0 {
		if err := f.mayRemove(ctx); err != nil {
			return st.Qid, err
		}
	}
	if err := f.node.c.mayOpen(); err != nil {
		return st.Qid, err
	}
	h, err := Open(ctx, file, mode)
	if err != nil {
		return st.Qid, err
	}
	own := !sameFile(h, file)
	hf, moved := h.(File)
	if moved = moved && own; moved {
		file = hf
	}
	if moved || guard {
		if st, err = statNow(ctx, f.who, file); err == nil {
			err = fits(&st, mode)
		}
		if err != nil {
			if own {
				Clunk(h)
			}
			return st.Qid, err
		}
	}
	if moved {
		old := f.node
		name, parent := old.at()
		f.node = old.c.newNode(hf, st.Qid.Path, name, parent)
		parent.unref()
		old.unref()
		own = false // the node's now
	}
	f.opened(h, own, mode, st.Mode.IsDir())
	return st.Qid, nil
}

// fits checks that a mode is one for the file's kind.
func fits(st *p9.Stat, mode p9.Mode) error {
	switch {
	case st.Mode.IsDir() && (mode.Writable() || mode&p9.OTRUNC != 0):
		return p9.ErrIsDir
	case !st.Mode.IsDir() && mode&p9.ODIRECTORY != 0:
		return p9.ErrNotDir
	}
	return nil
}

func (f *fid) opened(h Handle, own bool, mode p9.Mode, dir bool) {
	f.handle, f.own, f.quick = h, own, isInline(h)
	_, f.inTurn = h.(Ordered)
	if own {
		f.node.c.describe(h, 1)
	}
	f.mode, f.open, f.dir, f.dirOff, f.cookie, f.dirRoom = mode, true, dir, 0, 0, 0
}

// statNow asks a new file, which can't be made once more, for its attributes,
// even if it has to wait for them on the reading goroutine.
func statNow(ctx context.Context, who *session, f File) (p9.Stat, error) {
	st, err := f.Stat(ctx)
	if err == ErrAgain {
		st, err = f.Stat(who.ctx)
	}
	return st, err
}

// createFile makes a file and moves the fid to it. With inherit, the directory
// limits the permissions, as open(5) has it; Linux's umask is the client's.
func (f *fid) createFile(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode, inherit bool) (q p9.Qid, err error) {
	if f.open || f.xattr != nil {
		return q, p9.ErrOpen
	}
	dir := f.node
	if err = CheckName(name); err != nil {
		return q, err
	}
	var st p9.Stat
	if _, guard := dir.file.(Guard); !guard || inherit {
		if st, err = dir.file.Stat(ctx); err != nil {
			return q, err
		}
		if !st.Mode.IsDir() {
			return q, p9.ErrNotDir
		}
		if !guard && !f.who.user.Allowed(&st, 3) {
			return q, p9.ErrPerm
		}
	}
	if inherit {
		keep := fs.FileMode(0o111)
		if perm.IsDir() {
			keep = 0
		}
		perm &= ^fs.FileMode(0o777) | keep | st.Mode.Perm()
	}
	if perm.IsDir() && mode.Writable() {
		return q, p9.ErrIsDir
	}
	if perm&fs.ModeType&^fs.ModeDir != 0 { // 9P2000.u's links and devices
		return q, p9.ErrPerm
	}
	if err := dir.c.mayWalk(); err != nil {
		return q, err
	}
	if err := dir.c.mayOpen(); err != nil {
		return q, err
	}
	file, h, err := Create(ctx, dir.file, name, perm, mode)
	if err != nil {
		return q, err
	}
	if st, err = statNow(ctx, f.who, file); err != nil {
		if !sameFile(h, file) {
			Clunk(h)
		}
		Clunk(file)
		return q, err
	}
	f.node = dir.c.newNode(file, st.Qid.Path, name, dir)
	dir.unref()
	f.opened(h, !sameFile(h, file), mode, st.Mode.IsDir())
	return st.Qid, nil
}
