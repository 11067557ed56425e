package p9file

import (
	"context"
	"sync"

	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A file is anything that is opened to be read and written.
type file struct{ *node }

// Open opens a copy of the file.
func (f *file) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	o, err := f.openAs(ctx, mode)
	if err != nil {
		return nil, err
	}
	return o, nil
}

// flagsOf gives the flags of a mode. O_CREAT of an open means nothing in
// 9P2000.L, and much to a tree that passes it on to the system.
func flagsOf(mode p9.Mode) hp9.OpenFlags { return hp9.OpenFlags((mode &^ p9.OCREATE).Linux()) }

// An opened is an open file, and the File of its fid.
type opened struct {
	*node

	mu    sync.Mutex
	runs  int // goroutines that call the file
	spots map[int64]*spot
	kept  int // pieces, at all spots
}

func newOpened(n *node) *opened { return &opened{node: n} }

// openAs opens a copy. What may wait is opened without a lock: a rename meanwhile
// is told to the copy afterwards.
func (n *node) openAs(ctx context.Context, mode p9.Mode) (*opened, error) {
	var o *opened
	var renames uint64
	copied := func() error {
		c, err := n.clone()
		o, renames = newOpened(&node{t: n.t, f: c, mode: n.mode, waits: n.waits, open: true}), n.t.renames
		return err
	}
	open := func() error {
		_, _, err := o.f.Open(flagsOf(mode &^ p9.OEXCL))
		if err != nil {
			o.f.Close()
		}
		return err
	}
	joined := func() error {
		dir, at, name := n.where()
		if n.t.join(o.node, dir, at); n.t.renames != renames {
			o.f.Renamed(dir.f, name)
		}
		return nil
	}
	if n.mode&special == 0 {
		err := n.t.read(func() error {
			if err := copied(); err != nil {
				return err
			}
			if err := open(); err != nil {
				return err
			}
			return joined()
		})
		return o, err
	}
	if err := n.t.read(copied); err != nil {
		return nil, err
	}
	if err := o.wait(ctx, open, func(err error) {
		if err == nil {
			safely(o.f.Close)
		}
	}); err != nil {
		return nil, err
	}
	err := n.t.read(joined)
	return o, err
}

// Open opens the file that was opened once more.
func (o *opened) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	c, err := o.openAs(ctx, mode)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Sync puts the file on stable storage.
func (o *opened) Sync(context.Context, bool) error { return o.sync() }

// Lock takes or gives up a lock, as the tree means it: some wait whether they
// were asked to or not.
func (o *opened) Lock(ctx context.Context, l p9.Flock) (uint8, error) {
	status := make(chan hp9.LockStatus, 1)
	lock := func(t hp9.LockType) (hp9.LockStatus, error) {
		return o.f.Lock(int(int32(l.ProcID)), t, hp9.LockFlags(l.Flags), l.Start, l.Length, l.ClientID)
	}
	err := o.wait(ctx, func() error {
		st, err := lock(hp9.LockType(l.Type))
		status <- st
		return err
	}, func(err error) {
		if err == nil && <-status == p9.LockSuccess && l.Type != p9.LockUnlock { // and nobody knows
			safely(func() error { _, err := lock(hp9.Unlock); return err })
		}
	})
	if err != nil {
		return p9.LockError, err
	}
	return uint8(<-status), nil
}

// Getlock cannot be asked of a p9.File.
func (o *opened) Getlock(_ context.Context, l p9.Flock) (p9.Flock, error) { return l, p9.ErrNotSup }
