package p9file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"syscall"

	"github.com/hugelgupf/p9/linux"
	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A tree is what the files of a Tree have in common.
//
// Lock order: mu, then names. Methods of a p9.File are called with mu held where
// the package comment says so, and never with names.
type tree struct {
	a  hp9.Attacher
	mu sync.RWMutex // p9.File's guarantees: read is shared, write and global not

	names   sync.Mutex // guards places, and where nodes are
	top     place
	renames uint64 // how many there were; under mu
}

// read calls f with the guarantee that no name and no attribute changes.
func (t *tree) read(f func() error) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return safely(f)
}

// write calls f with the guarantee that nothing else runs but what may wait.
func (t *tree) write(f func() error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return safely(f)
}

// Tree makes a tree of ours of a hugelgupf one. What a gives is attached once for
// the root, which is an io.Closer that lets it go, and once more for each attach
// that a server of it has (the root is a srv.Attacher): the attach name is a path
// to walk from there. What a gives must be a directory.
func Tree(a hp9.Attacher) (srv.File, error) {
	t := &tree{a: a}
	d, err := t.attach()
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	return &root{d}, nil
}

// A root is clunked at each end of an attach that it was given for, and goes by
// Close.
type root struct{ *dir }

func (r *root) Clunk() {}

// Close lets the tree's root go.
func (r *root) Close() error {
	r.unref()
	return nil
}

// Attach attaches anew and walks to what aname names.
func (r *root) Attach(ctx context.Context, aname string) (srv.File, error) {
	d, err := r.t.attach()
	if err != nil {
		return nil, err
	}
	var f srv.File = d
	for name := range strings.SplitSeq(aname, "/") {
		if name == "" {
			continue
		}
		err := srv.CheckName(name)
		var next srv.File
		if err == nil {
			next, err = srv.Walk(ctx, f, name)
		}
		srv.Clunk(f)
		if err != nil {
			return nil, err
		}
		f = next
	}
	return f, nil
}

func (t *tree) attach() (d *dir, err error) {
	err = safely(func() error {
		f, err := t.a.Attach()
		if err != nil {
			return err
		}
		n, err := newNode(f, nil)
		if err != nil {
			return err
		}
		if !n.mode.IsDir() {
			f.Close()
			return p9.ErrNotDir
		}
		d = &dir{t.join(n, nil, &t.top)}
		return nil
	})
	return d, err
}

// newNode makes a node of a file that was just walked to, and closes the file if
// it cannot. attr is what the walk has told, if it has.
func newNode(f hp9.File, attr *hp9.Attr, qids ...hp9.QID) (*node, error) {
	var q hp9.QID
	if attr == nil || len(qids) != 1 {
		var valid hp9.AttrMask
		var a hp9.Attr
		var err error
		if q, valid, a, err = f.GetAttr(hp9.AttrMaskAll); err == nil && !valid.Mode {
			err = linux.EINVAL
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		attr = &a
	} else {
		q = qids[0]
	}
	n := &node{f: f, mode: modeOf(attr.Mode, q)}
	n.waits = n.mode&special != 0 || n.mode.IsRegular() && attr.Size == 0
	return n, nil
}

// look walks from a directory to one of its entries. t.mu is held.
func (n *node) look(name string) (*node, error) {
	qids, f, valid, attr, err := n.f.WalkGetAttr([]string{name})
	switch {
	case errors.Is(err, linux.ENOSYS):
		if _, f, err = n.f.Walk([]string{name}); err != nil {
			return nil, err
		}
		return newNode(f, nil)
	case err != nil:
		return nil, err
	case !valid.Mode:
		return newNode(f, nil)
	}
	return newNode(f, &attr, qids...)
}

// clone gives an unopened copy of a directory's or file's p9.File. t.mu is held.
func (n *node) clone() (hp9.File, error) {
	if !n.here() {
		return nil, p9.ErrNotExist
	}
	if n.open { // a copy of itself may be asked of an unopened file only
		dir, _, name := n.where()
		_, f, err := dir.f.Walk([]string{name})
		return f, err
	}
	_, f, err := n.f.Walk(nil)
	return f, err
}

// child gives the node of a directory's entry as a File.
func (t *tree) child(n *node, of *node, name string) srv.File {
	t.enter(n, of, name)
	switch {
	case n.mode.IsDir():
		return &dir{n}
	case n.mode&fs.ModeSymlink != 0:
		return &symlink{n}
	}
	return &file{n}
}

// sameTree gives the node of a File of the same tree.
func (n *node) sameTree(f srv.File) (*node, error) {
	if b, ok := f.(interface{ base() *node }); ok && b.base().t == n.t {
		return b.base(), nil
	}
	return nil, p9.ErrorOfErrno(syscall.EXDEV)
}
