package p9file

import (
	"io"
	"io/fs"

	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// What a file of ours answers as a p9.File that is opened.

// wants gives the permissions that a mode needs.
func wants(mode p9.Mode) (w fs.FileMode) {
	if mode.Readable() {
		w = 4
	}
	if mode.Writable() || mode&p9.OTRUNC != 0 {
		w |= 2
	}
	return w
}

// Open opens the file. It can be opened once.
func (f *adapted) Open(flags hp9.OpenFlags) (q hp9.QID, iounit uint32, err error) {
	err = f.do(func(c current) error {
		if c.open {
			return p9.ErrOpen
		}
		mode := p9.ModeOfLinux(uint32(flags)) &^ p9.OEXCL
		old := c.held
		st, err := old.file.Stat(f.ctx)
		if err != nil {
			return err
		}
		if _, guard := old.file.(srv.Guard); !guard && !f.a.user.Allowed(&st, wants(mode)) {
			return p9.ErrPerm
		}
		if st.Mode.IsDir() && wants(mode)&2 != 0 {
			return p9.ErrIsDir
		}
		if !st.Mode.IsDir() && mode&p9.ODIRECTORY != 0 {
			return p9.ErrNotDir
		}
		h, err := srv.Open(f.ctx, old.file, mode)
		if err != nil {
			return err
		}
		c.handle, c.open, c.mode, c.own = h, true, mode, !same(h, old.file)
		if hf, ok := h.(srv.File); ok && c.own {
			if st, err = hf.Stat(f.ctx); err != nil {
				srv.Clunk(h)
				return err
			}
			c.held, c.own = newHeld(hf, old.up), false
		}
		c.dir = st.Mode.IsDir()
		q = theirQid(st.Qid)
		if !f.move(c) {
			if c.own {
				srv.Clunk(h)
			}
			if c.held != old {
				c.held.unref()
			}
			return p9.ErrOpen
		}
		if c.held != old {
			old.unref()
		}
		return nil
	})
	return q, 0, err
}

// move makes the file stand for what was opened, unless it was opened meanwhile.
func (f *adapted) move(c current) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cur.open {
		return false
	}
	f.cur = c
	return true
}

func permMode(m hp9.FileMode) fs.FileMode { return p9.ModeOfUnix(uint32(m)) &^ fs.ModeType }

// Create makes a file, which must not be there, and opens it.
func (f *adapted) Create(name string, flags hp9.OpenFlags, permissions hp9.FileMode, _ hp9.UID, gid hp9.GID) (hp9.File, hp9.QID, uint32, error) {
	var g *adapted
	var q hp9.QID
	mode := p9.ModeOfLinux(uint32(flags))
	err := f.do(func(c current) error {
		if c.open {
			return p9.ErrOpen
		}
		if err := srv.CheckName(name); err != nil {
			return err
		}
		if _, ok := c.held.file.(srv.Walker); !ok {
			return p9.ErrNotDir
		}
		if err := f.a.allowed(c.held.file, 3); err != nil {
			return err
		}
		file, h, err := srv.Create(f.in(gid), c.held.file, name, permMode(permissions), mode|p9.OEXCL)
		if err != nil {
			return err
		}
		own := !same(h, file)
		st, err := file.Stat(f.ctx)
		if err != nil {
			if own {
				srv.Clunk(h)
			}
			srv.Clunk(file)
			return err
		}
		q = theirQid(st.Qid)
		g = f.a.file(newHeld(file, c.held))
		g.cur.handle, g.cur.own, g.cur.open, g.cur.mode = h, own, true, mode
		return nil
	})
	if err != nil {
		return nil, q, 0, err
	}
	return g, q, 0, nil
}

// ReadAt gives the bytes at an offset. It may be fewer than asked, as of a pipe.
func (f *adapted) ReadAt(p []byte, offset int64) (n int, err error) {
	err = f.do(func(c current) error {
		switch {
		case !c.open || !c.mode.Readable():
			return p9.ErrBadUseFid
		case c.dir:
			return p9.ErrIsDir
		case offset < 0:
			return p9.ErrBadOffset
		}
		r, ok := c.handle.(srv.Reader)
		if !ok {
			return p9.ErrPerm
		}
		var err error
		if n, err = r.Read(f.ctx, p, offset); n > 0 {
			return nil // an error comes again
		}
		if n = 0; err == nil && len(p) > 0 {
			err = io.EOF
		}
		return err
	})
	return n, err
}

// WriteAt takes the bytes at an offset, or some of them.
func (f *adapted) WriteAt(p []byte, offset int64) (n int, err error) {
	err = f.do(func(c current) error {
		switch {
		case !c.open || !c.mode.Writable():
			return p9.ErrBadUseFid
		case offset < 0:
			return p9.ErrBadOffset
		}
		w, ok := c.handle.(srv.Writer)
		if !ok {
			return p9.ErrPerm
		}
		var err error
		if n, err = w.Write(f.ctx, p, offset); n > 0 {
			return nil // an error comes again
		}
		n = 0
		return err
	})
	return n, err
}

// FSync puts the file on stable storage.
func (f *adapted) FSync() error {
	return f.do(func(c current) error {
		if s, ok := c.handle.(srv.Syncer); ok {
			return s.Sync(f.ctx, false)
		}
		return srv.Wstat(f.ctx, c.held.file, p9.Wstat{})
	})
}

// Lock takes or gives up a record lock; it does not wait for one.
func (f *adapted) Lock(pid int, locktype hp9.LockType, flags hp9.LockFlags, start, length uint64, client string) (hp9.LockStatus, error) {
	status := uint8(p9.LockError)
	err := f.do(func(c current) (err error) {
		if !c.open {
			return p9.ErrBadUseFid
		}
		l, ok := c.handle.(srv.Locker)
		if !ok {
			return p9.ErrNotSup
		}
		status, err = l.Lock(f.ctx, p9.Flock{Type: uint8(locktype), Flags: uint32(flags) &^ p9.LockFlagBlock,
			Start: start, Length: length, ProcID: uint32(pid), ClientID: client})
		return err
	})
	return hp9.LockStatus(status), err
}
