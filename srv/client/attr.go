package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"strconv"

	"ninespace/srv/p9"
)

func statType(dotl bool) p9.Type {
	if dotl {
		return p9.Tgetattr
	}
	return p9.Tstat
}

// Stat gives the file's attributes. 9P2000 tells owners by name, 9P2000.L by
// number; the file's name is the server's in the first and in the second the
// last one walked, "" where that was "..".
func (f *Fid) Stat(ctx context.Context) (p9.Stat, error) {
	k := f.start(statType(f.c.dotl))
	defer k.release()
	k.Mask = p9.GetattrAll
	if err := f.c.do(ctx, k); err != nil {
		return p9.Stat{}, err
	}
	return f.statted(k)
}

// addStat puts a stat into a pipe.
func (p *pipe) addStat(c *Conn) *call {
	k := p.add(statType(c.dotl))
	k.Mask = p9.GetattrAll
	return k
}

// WalkStat walks and asks for the attributes of the file at the end of the path,
// in one round trip.
func (f *Fid) WalkStat(ctx context.Context, names ...string) (*Fid, p9.Stat, error) {
	var p pipe
	defer p.release()
	k := p.addStat(f.c)
	g, err := p.run(ctx, f, names)
	if err == nil {
		err = p.outcome(g)
	}
	if err != nil {
		return nil, p9.Stat{}, err
	}
	st, err := g.statted(k)
	if err != nil {
		g.let()
		return nil, p9.Stat{}, err
	}
	return g, st, nil
}

// statted takes the reply of a stat.
func (f *Fid) statted(k *call) (p9.Stat, error) {
	var st p9.Stat
	if f.c.dotl {
		st = k.Attr.Stat()
		st.Name = f.name
	} else {
		var rest []byte
		var err error
		if st, rest, err = p9.ParseStat(k.Stat); err != nil {
			return st, fmt.Errorf("stat reply: %w", err)
		}
		if len(rest) > 0 {
			return st, fmt.Errorf("stat reply: %w", p9.ErrBadStat)
		}
		if st.Name != "/" {
			if err := badName(st.Name); err != nil {
				return st, err
			}
		}
	}
	if st.Qid.IsDir() != st.Mode.IsDir() {
		return st, botch("qid type %#x of a file with mode %v", st.Qid.Type, st.Mode)
	}
	return st, nil
}

// Wstat changes the file's attributes: all that w.Valid names or none, except
// that 9P2000.L changes the name in a message of its own, last. A name that another
// file has is fs.ErrExist; in 9P2000.L that is looked up before anything is changed, and
// who takes the name after that is replaced. With w.Valid zero it is Sync.
func (f *Fid) Wstat(ctx context.Context, w p9.Wstat) error {
	if f.c.dotl {
		return f.wstatL(ctx, w)
	}
	if w.Valid&p9.WUid != 0 && w.Uid == "" {
		w.Uid = strconv.FormatUint(uint64(w.Nuid), 10)
	}
	if w.Valid&p9.WGid != 0 && w.Gid == "" {
		w.Gid = strconv.FormatUint(uint64(w.Ngid), 10)
	}
	err := f.simple(ctx, p9.Twstat, func(k *call) (err error) {
		k.Stat, err = p9.AppendWstat(nil, &w)
		return err
	})
	if err == nil && w.Valid&p9.WName != 0 {
		f.name = w.Name
	}
	return err
}

func (f *Fid) wstatL(ctx context.Context, w p9.Wstat) error {
	if w.Valid == 0 {
		return f.Sync(ctx, false)
	}
	if w.Valid&p9.WUid != 0 && w.Uid != "" {
		u, err := user.Lookup(w.Uid)
		if w.Nuid, err = number(w.Uid, err, func() string { return u.Uid }); err != nil {
			return p9.ErrUnknownUser
		}
	}
	if w.Valid&p9.WGid != 0 && w.Gid != "" {
		g, err := user.LookupGroup(w.Gid)
		if w.Ngid, err = number(w.Gid, err, func() string { return g.Gid }); err != nil {
			return p9.ErrorOfText("unknown group")
		}
	}
	if w.Valid&p9.WName == 0 {
		return f.setattr(ctx, &w)
	}
	if err := badName(w.Name); err != nil {
		return err
	}
	dir, err := f.Walk(ctx, "..")
	if err != nil {
		return err
	}
	defer dir.Clunk(ctx)
	if err := f.free(ctx, dir, w.Name); err != nil {
		return err
	}
	if w.Valid != p9.WName {
		if err := f.setattr(ctx, &w); err != nil {
			return err
		}
	}
	return f.renameTo(ctx, dir, w.Name)
}

// free says whether the file can have a name: its own, or nobody's.
func (f *Fid) free(ctx context.Context, dir *Fid, name string) error {
	g, err := dir.Walk(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	g.Drop()
	if g.qid.Path != f.qid.Path {
		return p9.ErrExist
	}
	return nil
}

// setattr is Tsetattr.
func (f *Fid) setattr(ctx context.Context, w *p9.Wstat) error {
	return f.simple(ctx, p9.Tsetattr, func(k *call) error {
		k.Setattr = p9.SetattrOf(w)
		return nil
	})
}

// number reads the number of a user or group: the database's, or name itself
// where it is one.
func number(name string, err error, id func() string) (uint32, error) {
	if err == nil {
		name = id()
	}
	n, err := strconv.ParseUint(name, 10, 32)
	return uint32(n), err
}

// renameTo is Trename.
func (f *Fid) renameTo(ctx context.Context, dir *Fid, name string) error {
	err := f.simple(ctx, p9.Trename, func(k *call) error {
		k.Newfid, k.Name = dir.num, name
		return nil
	})
	if err == nil {
		f.name = name
	}
	return err
}

// Statfs tells of the file system that the file is on; 9P2000 has no such call.
func (f *Fid) Statfs(ctx context.Context) (p9.Statfs, error) {
	var s p9.Statfs
	err := f.dotl(ctx, p9.Tstatfs, nil, func(k *call) { s = k.Statfs })
	return s, err
}

// dotl makes a call that only 9P2000.L has.
func (f *Fid) dotl(ctx context.Context, t p9.Type, set, get func(k *call)) error {
	if !f.c.dotl {
		return p9.ErrNotSup
	}
	k := f.start(t)
	defer k.release()
	if set != nil {
		set(k)
	}
	if err := f.c.do(ctx, k); err != nil {
		return err
	}
	if get != nil {
		get(k)
	}
	return nil
}

// Sync puts the file's data on stable storage and, unless dataOnly, all that is
// known of it. The fid is open; 9P2000 does not mind (stat(5)).
func (f *Fid) Sync(ctx context.Context, dataOnly bool) error {
	if !f.c.dotl {
		return f.Wstat(ctx, p9.Wstat{})
	}
	return f.simple(ctx, p9.Tfsync, func(k *call) error {
		if dataOnly {
			k.Sync = 1
		}
		return nil
	})
}

// Lock takes or lets go a record lock on the open file and tells one of
// p9.LockSuccess and its fellows, p9.LockError where there is an error.
func (f *Fid) Lock(ctx context.Context, l p9.Flock) (status uint8, err error) {
	status = p9.LockError
	err = f.dotl(ctx, p9.Tlock, func(k *call) { k.Lock = l }, func(k *call) { status = k.Status })
	return status, err
}

// Getlock tells which lock stands in l's way: one of type p9.LockUnlock if none.
func (f *Fid) Getlock(ctx context.Context, l p9.Flock) (p9.Flock, error) {
	err := f.dotl(ctx, p9.Tgetlock, func(k *call) { k.Lock = l }, func(k *call) { l = k.Lock })
	return l, err
}
