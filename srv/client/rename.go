package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"ninespace/srv/p9"
)

// Rename moves the entry old to newname in newdir. 9P2000 can do that only
// within one directory, and onto the name of another file in three steps.
func (f *Fid) Rename(ctx context.Context, old string, newdir *Fid, newname string) error {
	if f.c.dotl {
		err := f.dotl(ctx, p9.Trenameat, func(k *call) { k.Name, k.Newfid, k.Name2 = old, newdir.num, newname }, nil)
		if !unsupported(err) {
			return err
		}
	} else if newdir.qid.Path != f.qid.Path {
		return p9.ErrorOfErrno(syscall.EXDEV)
	}
	g, err := f.Walk(ctx, old)
	if err != nil {
		return err
	}
	defer g.Clunk(ctx)
	if f.c.dotl {
		return g.renameTo(ctx, newdir, newname)
	}
	if err = g.called(ctx, newname); errors.Is(err, fs.ErrExist) && !g.qid.IsDir() {
		return f.replace(ctx, g, newname, err)
	}
	return err
}

func (f *Fid) called(ctx context.Context, name string) error {
	return f.Wstat(ctx, p9.Wstat{Valid: p9.WName, Name: name})
}

// replace gives g the name of another file, which that gives up first: Plan 9's servers have no
// rename that replaces. What fails leaves that as it was, or says what it is called now, and
// taken is the error for what is no file.
func (f *Fid) replace(ctx context.Context, g *Fid, name string, taken error) error {
	old, err := f.Walk(ctx, name)
	if err != nil {
		return err
	}
	if old.qid.IsDir() {
		old.Clunk(ctx)
		return taken
	}
	if old.qid.Path == g.qid.Path { // both stay, as rename(2) has it
		old.Clunk(ctx)
		return nil
	}
	aside := ".old" + rand.Text()[:8]
	if err := old.called(ctx, aside); err != nil {
		old.Clunk(ctx)
		return err
	}
	if err := g.called(ctx, name); err != nil {
		back := context.WithoutCancel(ctx)
		if lost := old.called(back, name); lost != nil {
			err = fmt.Errorf("%w; %s is %s now: %w", err, name, aside, lost)
		}
		old.Clunk(back)
		return err
	}
	old.Remove(context.WithoutCancel(ctx)) // renamed it is, even if this one stays
	return nil
}
