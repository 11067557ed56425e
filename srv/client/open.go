package client

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"ninespace/srv/p9"
)

// Open opens the file.
func (f *Fid) Open(ctx context.Context, mode p9.Mode) error {
	if mode&p9.ODIRECTORY != 0 && !f.qid.IsDir() {
		return p9.ErrNotDir
	}
	k := f.start(f.c.openType())
	defer k.release()
	k.Mode, k.Flags = mode.Plan9(), mode.Linux()
	return f.open(ctx, k, mode)
}

// open makes a call that opens the fid.
func (f *Fid) open(ctx context.Context, k *call, mode p9.Mode) error {
	if err := f.c.do(ctx, k); err != nil {
		return err
	}
	f.opened(k, mode)
	return nil
}

// opened takes the reply of an open or a create.
func (f *Fid) opened(k *call, mode p9.Mode) { f.qid, f.iounit, f.mode = k.Qid, k.Iounit, mode }

func (c *Conn) openType() p9.Type {
	if c.dotl {
		return p9.Tlopen
	}
	return p9.Topen
}

// addOpen puts an open into a pipe that walks to names. A symbolic link there is
// not opened: some servers would follow it, by their own lights.
func (p *pipe) addOpen(c *Conn, mode p9.Mode, names []string) *call {
	k := p.add(c.openType())
	if len(names) > 0 {
		mode |= p9.ONOFOLLOW
	}
	k.Mode, k.Flags = mode.Plan9(), mode.Linux()
	return k
}

// WalkOpen opens the file at the end of a path by a new fid and leaves f as it is,
// in one round trip. A symbolic link there is not followed.
func (f *Fid) WalkOpen(ctx context.Context, mode p9.Mode, names ...string) (*Fid, error) {
	if mode&p9.ODIRECTORY != 0 && !f.c.dotl { // which cannot tell the server
		g, err := f.Walk(ctx, names...)
		if err != nil {
			return nil, err
		}
		if err := g.Open(ctx, mode); err != nil {
			g.let()
			return nil, err
		}
		return g, nil
	}
	var p pipe
	defer p.release()
	k := p.addOpen(f.c, mode, names)
	g, err := p.run(ctx, f, names)
	if err == nil {
		err = p.outcome(g)
	}
	if err != nil {
		return nil, err
	}
	g.opened(k, mode)
	return g, nil
}

// A First is what WalkOpenStat has of a file that it opened.
type First struct {
	Stat    p9.Stat
	StatErr error
	N       int // how many bytes were read
	ReadErr error
}

// WalkOpenStat opens the file at the end of a path as WalkOpen does, and asks for its
// attributes and, where buf is not empty, for its first bytes, all in one round trip.
// Of a server that does not keep the order of requests nothing is read.
func (f *Fid) WalkOpenStat(ctx context.Context, mode p9.Mode, buf []byte, names ...string) (*Fid, First, error) {
	p := pipe{may: 1}
	defer p.release()
	open, stat := p.addOpen(f.c, mode, names), p.addStat(f.c)
	var read *call
	if len(buf) > 0 && f.c.ordered {
		read = p.addRead(f.c, p9.Tread, buf)
		p.may++
	}
	g, err := p.run(ctx, f, names)
	if err == nil {
		err = p.outcome(g)
	}
	if err != nil {
		return nil, First{}, err
	}
	g.opened(open, mode)
	var first First
	if first.StatErr = stat.err; stat.err == nil {
		first.Stat, first.StatErr = g.statted(stat)
	}
	if read != nil {
		first.N, first.ReadErr = read.n, read.err
	}
	return g, first, nil
}

// Create makes a file in the directory and opens it; the fid moves to it. perm
// with fs.ModeDir makes a directory. A name that is there already is opened, and
// truncated where mode says so, unless mode has OEXCL or perm asks for a
// directory: then it is an error.
func (f *Fid) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) error {
	if f.c.dotl && perm.IsDir() {
		g, err := f.makeDir(ctx, name, perm, mode)
		if err == nil {
			f.become(g)
		}
		return err
	}
	k := f.start(f.c.createType())
	defer k.release()
	if err := k.create(f.c, name, perm, mode); err != nil {
		return err
	}
	err := f.open(ctx, k, mode)
	if err == nil {
		f.name = name
		return nil
	}
	g, err := f.there(ctx, name, perm, mode, err)
	if err == nil {
		f.become(g)
	}
	return err
}

// WalkCreate makes a file in the directory and opens it as Create does, by a new
// fid in one round trip, and leaves f as it is.
func (f *Fid) WalkCreate(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (*Fid, error) {
	if f.c.dotl && perm.IsDir() {
		return f.makeDir(ctx, name, perm, mode)
	}
	var p pipe
	defer p.release()
	k := p.add(f.c.createType())
	if err := k.create(f.c, name, perm, mode); err != nil {
		return nil, err
	}
	g, err := p.run(ctx, f, nil)
	if err != nil {
		return nil, err
	}
	if err := p.outcome(g); err != nil {
		return f.there(ctx, name, perm, mode, err)
	}
	g.opened(k, mode)
	g.name = name
	return g, nil
}

func (c *Conn) createType() p9.Type {
	if c.dotl {
		return p9.Tlcreate
	}
	return p9.Tcreate
}

// create says what is to be made.
func (k *call) create(c *Conn, name string, perm fs.FileMode, mode p9.Mode) error {
	k.Name = name
	if !c.dotl {
		k.Perm, k.Mode = p9.Perm(perm), (mode &^ p9.OTRUNC).Plan9()
		return nil
	}
	if perm.Type()&^(fs.ModeTemporary|fs.ModeAppend|fs.ModeExclusive) != 0 {
		return p9.ErrNotSup
	}
	k.Flags, k.Perm, k.Gid = (mode | p9.OCREATE).Linux(), p9.UnixMode(perm)&0o7777, gid()
	return nil
}

// there opens what a create found to be there, or could not make, as open(2) of
// Plan 9's manual has it: a file that is there needs no leave to change its
// directory. err is the create's, and is returned where nothing is there.
func (f *Fid) there(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode, err error) (*Fid, error) {
	if !mayBeThere(err, perm, mode) {
		return nil, err
	}
	g, oerr := f.WalkOpen(ctx, mode, name)
	if errors.Is(oerr, fs.ErrNotExist) {
		return nil, err
	}
	return g, oerr
}

func mayBeThere(err error, perm fs.FileMode, mode p9.Mode) bool {
	return (errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrPermission)) && !perm.IsDir() && mode&p9.OEXCL == 0
}

// makeDir makes a directory and opens it.
func (f *Fid) makeDir(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (*Fid, error) {
	if _, err := f.Mkdir(ctx, name, perm); err != nil {
		return nil, err
	}
	return f.WalkOpen(ctx, mode, name)
}

// become makes f stand for g's file; what f stood for is let go.
func (f *Fid) become(g *Fid) {
	f.c.discard(f.num)
	f.num, f.name, f.qid, f.iounit, f.mode = g.num, g.name, g.qid, g.iounit, g.mode
}

func gid() uint32 { return uint32(os.Getgid()) }
