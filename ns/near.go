package ns

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A nearFile is a file of a server's tree that this process has one of its own like, as
// procfs's of the processes of this machine. What the server's Inline files would do at once
// is done here, by ours, and costs no trip to another process: looking names up, telling of
// attributes, and reading what is a mere look at the kernel. All that may have to wait, or to
// be known by others that use the server, is the server's, so that nothing of it can hold up
// the engine.
type nearFile struct {
	ours   srv.File
	st     p9.Stat     // of when it was looked up
	root   *mntFile    // the server's tree
	names  []string    // the way there
	opened atomic.Bool // the server's was
}

// nearer has a server's tree be asked here where there is the same tree as the server's.
func (e *Engine) nearer(ctx context.Context, d *Dev) {
	root, ok := d.root.(*mntFile)
	if !ok || e.near == nil {
		return
	}
	pid, ok := root.fid.Conn().Peer()
	if !ok {
		return
	}
	ours, end := e.near(pid, root.fid.Qid().Path)
	if ours == nil {
		return
	}
	st, err := ours.Stat(ctx)
	if err != nil {
		end()
		return
	}
	d.root = &nearFile{ours: ours, st: st, root: root}
	hangup := d.hangup
	d.hangup = func() {
		end()
		hangup()
	}
}

func (f *nearFile) isSnapshot() bool { return f.st.Snapshot }

func (f *nearFile) Clunk() { srv.Clunk(f.ours) }

// Walk is WalkStat without the attributes.
func (f *nearFile) Walk(ctx context.Context, name string) (srv.File, error) {
	g, _, err := f.WalkStat(ctx, name)
	return g, err
}

// WalkStat finds what is Inline here, and all else at the server.
func (f *nearFile) WalkStat(ctx context.Context, name string) (srv.File, p9.Stat, error) {
	names := append(f.names[:len(f.names):len(f.names)], name)
	now := srv.WithNonblock(ctx)
	g, err := srv.Walk(now, f.ours, name)
	if err == nil {
		if _, ok := g.(srv.Inline); ok {
			var st p9.Stat
			if st, err = g.Stat(now); err == nil {
				return &nearFile{ours: g, st: st, root: f.root, names: names}, st, nil
			}
		} else {
			err = srv.ErrAgain
		}
		srv.Clunk(g)
	}
	if !errors.Is(err, srv.ErrAgain) {
		return nil, p9.Stat{}, err
	}
	fid, st, err := f.root.use(ctx).WalkStat(ctx, names...)
	if err != nil {
		return nil, st, err
	}
	return &mntFile{fid, st.Snapshot}, st, nil
}

// far is the server's file.
func (f *nearFile) far(ctx context.Context) (*mntFile, error) {
	fid, err := f.root.use(ctx).Walk(ctx, f.names...)
	if err != nil {
		return nil, err
	}
	g := &mntFile{fid, f.st.Snapshot}
	if fid.Qid().Path != f.st.Qid.Path {
		g.Clunk()
		return nil, syscall.ESTALE // the name is another file's now
	}
	return g, nil
}

// Stat tells of ours. Who has the server's open may still ask when ours is no more.
func (f *nearFile) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := f.ours.Stat(srv.WithNonblock(ctx))
	switch {
	case errors.Is(err, srv.ErrAgain):
	case err != nil && f.opened.Load():
		return f.st, nil
	default:
		return st, err
	}
	g, err := f.far(ctx)
	if err != nil {
		return st, err
	}
	defer g.Clunk()
	return g.Stat(ctx)
}

// Wstat changes the server's.
func (f *nearFile) Wstat(ctx context.Context, w p9.Wstat) error {
	g, err := f.far(ctx)
	if err != nil {
		return err
	}
	defer g.Clunk()
	return g.Wstat(ctx, w)
}

// Open opens ours to read, where that is done at once, or else the server's, as what is
// listed is.
func (f *nearFile) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	if o, ok := f.ours.(srv.Opener); ok && mode == p9.OREAD && !f.st.Mode.IsDir() {
		h, err := o.Open(srv.WithNonblock(ctx), mode)
		if !errors.Is(err, srv.ErrAgain) {
			return h, err
		}
	}
	root := &mntFile{f.root.fid, f.st.Snapshot}
	h, err := root.open(ctx, mode, f.st.Qid.Vers == 0 && !f.st.Mode.IsDir(), f.names...)
	if err != nil {
		return nil, err
	}
	if h.Qid().Path != f.st.Qid.Path {
		h.Clunk()
		return nil, syscall.ESTALE
	}
	f.opened.Store(true)
	return h, nil
}
