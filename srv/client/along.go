package client

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"syscall"

	"ninespace/srv/p9"
)

// What is asked along with something else, in one round trip.

// WalkCreateStat makes a file in the directory and opens it as WalkCreate does, and
// asks for its attributes and the directory's.
func (f *Fid) WalkCreateStat(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (*Fid, First, error) {
	first, p := First{}, pipe{may: 1}
	if f.c.dotl && f.c.ordered {
		p.also = f.behind()
		p.also.err = errUnsent
	}
	defer p.release()
	k := p.add(f.c.createType())
	if err := k.create(f.c, name, perm, mode); err != nil {
		return nil, first, err
	}
	stat := p.addStat(f.c)
	g, err := p.run(ctx, f, nil)
	if err != nil {
		return nil, first, err
	}
	if err := p.outcome(g); err != nil {
		if !mayBeThere(err, perm, mode) {
			return nil, first, err
		}
		return f.WalkOpenStat(ctx, mode, nil, name)
	}
	g.opened(k, mode)
	if g.parent, g.name = f.qid, name; p.also != nil && p.also.err != errUnsent {
		first.Dir = f.told(p.also)
	}
	if first.StatErr = stat.err; stat.err == nil {
		first.Stat, first.StatErr = g.statted(stat)
	}
	return g, first, nil
}

// WalkStatIn walks to a directory and from there to an entry of it, and asks for the entry's
// attributes, all in one round trip. The directory's fid is given whenever it could be walked
// to, and so tells what an error is of: f where it is nil, else the entry.
func (f *Fid) WalkStatIn(ctx context.Context, dir []string, name string) (d, g *Fid, st p9.Stat, err error) {
	c := f.c
	if !c.ordered || c.fit(dir) < len(dir) {
		if d, err = f.Walk(ctx, dir...); err == nil {
			g, st, err = d.WalkStat(ctx, name)
		}
		return d, g, st, err
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, st, err
	}
	d = f.next()
	g = d.next()
	down, in, stat := f.walkCall(d, dir), d.walkCall(g, []string{name}), newCall(statType(c.dotl))
	stat.Fid, stat.Mask = g.num, p9.GetattrAll
	c.ask(ctx, down, in, stat)
	defer func() {
		for _, k := range []*call{down, in, stat} {
			k.release()
		}
	}()
	n, err := 0, down.err
	if err == nil {
		n, err = d.walked(down, dir)
	}
	if err != nil || n < len(dir) {
		if err == nil {
			err = d.stopped(n)
		}
		c.settle(ctx, g.num, err) // which is there only if d is
		c.settle(ctx, d.num, err)
		if err == nil { // the reason is told to who asks for the rest alone
			if d, err = f.Walk(ctx, dir...); err == nil {
				g, st, err = d.WalkStat(ctx, name)
				return d, g, st, err
			}
		}
		return nil, nil, st, err
	}
	g.qid, g.name = d.qid, d.name
	if err = in.err; err == nil {
		n, err = g.walked(in, []string{name})
	}
	if err != nil || n == 0 {
		err = cmp.Or(err, botch("Rwalk without qids"))
		c.settle(ctx, g.num, err)
		return d, nil, st, err
	}
	if err = stat.err; err == nil {
		st, err = g.statted(stat)
	}
	if err != nil {
		g.let()
		return d, nil, st, err
	}
	return d, g, st, nil
}

// A Behind is the attributes of a file that were asked for right behind a request that
// changes it. They may be of before, as a server may do the two in any order, or be
// missing: then Ok is false.
type Behind struct {
	Stat p9.Stat
	Ok   bool
}

// behind makes a call that asks for the file's attributes.
func (f *Fid) behind() *call {
	k := f.start(p9.Tgetattr)
	k.Mask = p9.GetattrAll
	return k
}

// told takes its answer.
func (f *Fid) told(k *call) (b Behind) {
	if k.err == nil {
		st, err := f.statted(k)
		b = Behind{st, err == nil}
	}
	return b
}

// both does a request and asks for the attributes, in one round trip.
func (f *Fid) both(ctx context.Context, k *call) (Behind, error) {
	if err := ctx.Err(); err != nil {
		return Behind{}, err
	}
	stat := f.behind()
	defer stat.release()
	f.c.ask(ctx, k, stat)
	return f.told(stat), k.err
}

// WstatStat changes attributes as Wstat does, and asks for all.
func (f *Fid) WstatStat(ctx context.Context, w p9.Wstat) (Behind, error) {
	if !f.c.dotl || !f.c.ordered || w.Valid == 0 || w.Valid&p9.WName != 0 || w.Uid != "" || w.Gid != "" {
		return Behind{}, f.Wstat(ctx, w)
	}
	k := f.start(p9.Tsetattr)
	defer k.release()
	k.Setattr = p9.SetattrOf(&w)
	return f.both(ctx, k)
}

// UnlinkStat removes an entry as Unlink does, and asks for the directory's attributes.
func (f *Fid) UnlinkStat(ctx context.Context, name string, isDir bool) (Behind, error) {
	if !f.c.dotl || !f.c.ordered {
		return Behind{}, f.Unlink(ctx, name, isDir)
	}
	k := f.start(p9.Tunlinkat)
	defer k.release()
	if k.Name, k.Flags = name, 0; isDir {
		k.Flags = atRemoveDir
	}
	b, err := f.both(ctx, k)
	if unsupported(err) {
		return Behind{}, f.Unlink(ctx, name, isDir)
	}
	return b, err
}

// An Entry is a directory's entry with what else is known of its file.
type Entry struct {
	p9.Dirent
	Stat    p9.Stat
	StatErr error  // why Stat is not known
	Target  string // of a symbolic link; "": not known
	Xattrs  int    // bytes of its list of extended attributes; -1: not known
}

// ErrLong says that a directory has more entries than were wanted.
var ErrLong = &p9.Error{Ename: "directory has too many entries", Errno: syscall.EOPNOTSUPP}

// A Listing says what ListStat asks for.
type Listing struct {
	Most   int  // with more entries it is ErrLong
	Stats  int  // of so many files the attributes are asked for, if there are no more
	Xattrs bool // and the lengths of their lists of extended attributes
}

// ListStat gives the qid and all entries of the directory at the end of a path, with
// attributes of their files: in two round trips, and one more for each 64 KiB of names.
// In 9P2000, and of a server that does not keep the order of requests, there are no
// attributes.
func (f *Fid) ListStat(ctx context.Context, l Listing, names ...string) (q p9.Qid, ents []Entry, err error) {
	if !f.c.dotl {
		return f.listOnly(ctx, l, names)
	}
	var p pipe
	defer p.release()
	open := p.addOpen(f.c, p9.OREAD|p9.ODIRECTORY, names)
	buf := dirBufs.Get().(*[dirChunk]byte)
	defer dirBufs.Put(buf)
	read := p.addRead(f.c, p9.Treaddir, buf[:])
	g, err := p.run(ctx, f, names)
	if err == nil {
		err = p.outcome(g)
	}
	if err != nil {
		return q, nil, err
	}
	defer g.Drop()
	g.opened(open, p9.OREAD)
	var been circle
	for n, all := read.n, 0; n > 0; {
		from := len(ents)
		piece, err := p9.ParseDirents(buf[:n])
		if err != nil {
			return q, nil, fmt.Errorf("readdir reply: %w", err)
		}
		var cookie uint64
		for _, e := range piece {
			if cookie = e.Cookie; e.Name == "." || e.Name == ".." {
				continue
			}
			if err := badName(e.Name); err != nil {
				return q, nil, err
			}
			e.Mode = typeOf(&e)
			ents = append(ents, Entry{Dirent: e, Xattrs: -1, StatErr: errUnsent})
		}
		if all += len(piece); all > l.Most+2 || len(ents) > l.Most { // two are . and ..
			return q, nil, ErrLong
		}
		if err := been.at(cookie); err != nil {
			return q, nil, err
		}
		some := ents[from:]
		if len(ents) > l.Stats {
			some = nil
		}
		next := g.readCall(p9.Treaddir, buf[:min(dirChunk, int(g.Iounit()))], cookie)
		f.statAll(ctx, g, some, l.Xattrs, next)
		n, err = next.n, next.err
		next.release()
		if err != nil {
			return q, nil, err
		}
	}
	return g.qid, ents, nil
}

func (f *Fid) listOnly(ctx context.Context, l Listing, names []string) (q p9.Qid, ents []Entry, err error) {
	g, err := f.WalkOpen(ctx, p9.OREAD, names...)
	if err != nil {
		return q, nil, err
	}
	defer g.Drop()
	for e, err := range g.List(ctx, 0) {
		if err == nil && len(ents) >= l.Most {
			err = ErrLong
		}
		if err != nil {
			return q, nil, err
		}
		ents = append(ents, Entry{Dirent: e, StatErr: p9.ErrNotSup, Xattrs: -1})
	}
	return g.qid, ents, nil
}

// statAll fills in entries of the directory g, which is open, and does one more
// request on it, all at once.
func (f *Fid) statAll(ctx context.Context, g *Fid, ents []Entry, xattrs bool, more *call) {
	type asked struct{ walk, stat, link, xattr *call }
	if err := ctx.Err(); err != nil {
		more.err = err
		return
	}
	if !f.c.ordered {
		ents = nil
	}
	as := make([]asked, len(ents))
	ks := append(make([]*call, 0, 5*len(ents)+1), more)
	wait := append(make([]*call, 0, 3*len(ents)+1), more)
	for i := range ents {
		to := g.next()
		a := asked{walk: g.walkCall(to, []string{ents[i].Name}), stat: newCall(statType(true))}
		a.stat.Fid, a.stat.Mask = to.num, p9.GetattrAll
		ks, wait = append(ks, a.walk, a.stat), append(wait, a.walk, a.stat)
		if ents[i].Mode == fs.ModeSymlink {
			a.link = newCall(p9.Treadlink)
			a.link.Fid = to.num
			ks, wait = append(ks, a.link), append(wait, a.link)
		}
		if xattrs {
			a.xattr = newCall(p9.Txattrwalk)
			a.xattr.Fid, a.xattr.Newfid = to.num, f.c.newFid()
			ks, wait = append(ks, a.xattr, endCall(a.xattr.Newfid)), append(wait, a.xattr)
		}
		ks = append(ks, endCall(to.num))
		as[i] = a
	}
	f.c.send(ctx, ks...)
	f.c.wait(ctx, wait...)
	for i, a := range as {
		switch ents[i].StatErr = a.walk.err; {
		case a.walk.err != nil:
		case a.stat.err != nil:
			ents[i].StatErr = a.stat.err
		default:
			to := &Fid{c: f.c, name: ents[i].Name}
			ents[i].Stat, ents[i].StatErr = to.statted(a.stat)
		}
		if a.link != nil {
			if a.link.err == nil {
				ents[i].Target = a.link.Name2
			}
			a.link.release()
		}
		if a.xattr != nil {
			if a.xattr.err == nil {
				ents[i].Xattrs = int(min(a.xattr.Size, maxXattr))
			}
			a.xattr.release()
		}
		a.walk.release()
		a.stat.release()
	}
}
