package p9file

import (
	"context"
	"errors"
	"io/fs"

	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A node is a p9.File that a Tree holds: what each of its Files has. There is one
// for each File and Handle.
type node struct {
	t     *tree
	f     hp9.File
	mode  fs.FileMode // when it was walked to; its type never changes
	waits bool        // reading and writing may wait
	open  bool

	// Under t.names.
	refs int   // the File's or Handle's own, and those of the nodes in it
	dir  *node // whom Renamed tells of; nil for a root
	at   *place
}

func (n *node) base() *node { return n }

// Guard marks that the tree checks permissions itself, or does not.
func (n *node) Guard() {}

// Clunk lets the file go.
func (n *node) Clunk() { n.unref() }

// Stat tells the attributes.
func (n *node) Stat(context.Context) (st p9.Stat, err error) {
	err = n.t.read(func() error {
		here := n.here()
		if !n.open && !here {
			return p9.ErrNotExist
		}
		q, valid, a, err := n.f.GetAttr(hp9.AttrMaskAll)
		st = statOf(q, valid, &a)
		st.Unlinked = !here && a.NLink == 0
		return err
	})
	return st, err
}

// Wstat changes attributes. Of what only a qid tells, nothing can be changed.
func (n *node) Wstat(_ context.Context, w p9.Wstat) error {
	switch {
	case w.Valid&p9.WName != 0: // a directory's Rename does it
		return p9.ErrWstat
	case w.Valid&p9.WMode != 0 && (w.Mode^n.mode)&onlyQid != 0:
		return p9.ErrNotSup
	case w.Valid == 0 && n.open:
		return n.sync()
	case w.Valid == 0:
		return nil
	}
	if err := srv.WstatIds(&w); err != nil {
		return err
	}
	return n.t.write(func() error {
		if !n.here() {
			return p9.ErrNotExist
		}
		return n.f.SetAttr(setattrOf(&w))
	})
}

// sync puts an open file on stable storage.
func (n *node) sync() error {
	if n.waits { // who reads or writes meanwhile must not stop all changes
		return safely(n.f.FSync)
	}
	return n.t.read(n.f.FSync)
}

// Statfs tells of the file system.
func (n *node) Statfs(context.Context) (s p9.Statfs, err error) {
	err = safely(func() error {
		st, err := n.f.StatFS()
		s = statfsOf(st)
		return err
	})
	if errors.Is(err, p9.ErrNotSup) {
		return noStatfs, nil
	}
	return s, err
}

// named calls f where the node's name still leads to its file.
func (n *node) named(f func() error) error {
	return n.t.read(func() error {
		if !n.here() {
			return p9.ErrNotExist
		}
		return f()
	})
}

// Listxattr gives the names of the extended attributes.
func (n *node) Listxattr(context.Context) (names []string, err error) {
	err = n.named(func() (err error) {
		names, err = n.f.ListXattrs()
		n.settle(err)
		return err
	})
	if len(names) == 1 && names[0] == "" { // localfs's way of saying none
		names = nil
	}
	return names, err
}

// Getxattr gives the value of one.
func (n *node) Getxattr(_ context.Context, name string) (value []byte, err error) {
	err = n.named(func() (err error) {
		value, err = n.f.GetXattr(name)
		n.settle(err)
		return err
	})
	return value, err
}

// settle tells a file of ours that it need not wait for the further Close that
// hugelgupf's server would now owe it.
func (n *node) settle(err error) {
	if f, ok := n.f.(*adapted); ok && err == nil {
		f.settle()
	}
}

// Setxattr sets the value of one.
func (n *node) Setxattr(_ context.Context, name string, value []byte, flags int) error {
	return n.named(func() error { return n.f.SetXattr(name, value, hp9.XattrFlags(flags)) })
}

// Removexattr removes one.
func (n *node) Removexattr(_ context.Context, name string) error {
	return n.named(func() error { return n.f.RemoveXattr(name) })
}

// A symlink is a symbolic link.
type symlink struct{ *node }

// Readlink gives the target.
func (l *symlink) Readlink(context.Context) (target string, err error) {
	err = l.named(func() (err error) {
		target, err = l.f.Readlink()
		return err
	})
	return target, err
}
