package devfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// An entry is a line of a directory's table.
type entry struct {
	name string
	mode fs.FileMode                                                 // with fs.ModeDir for a directory
	ents func() []entry                                              // a directory's
	open func(ctx context.Context, mode p9.Mode) (srv.Handle, error) // a file's
	attr func(st *p9.Stat)                                           // what else is known of it; nil for nothing
}

// A node is an entry at its place.
type node struct {
	fs   *FS
	path string
	entry
}

// number gives a path's number, which it has for good: qids and the order of listings are
// made of them.
func (f *FS) number(path string) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.paths[path]
	if !ok {
		n = srv.NewPath()
		f.paths[path] = n
	}
	return n
}

// Stat tells the attributes; the times are the server's.
func (n *node) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := n.fs.start.Stat(ctx)
	st.Mode, st.Qid = n.mode, p9.Qid{Type: p9.QidTypeOf(n.mode), Path: n.fs.number(n.path)}
	if n.attr != nil {
		n.attr(&st)
	}
	return st, err
}

// Wstat accepts what a shell's > does.
func (n *node) Wstat(ctx context.Context, w p9.Wstat) error { return n.fs.start.Wstat(ctx, w) }

func (n *node) file(e entry) srv.File {
	at := node{n.fs, path.Join(n.path, e.name), e}
	if e.mode.IsDir() {
		return &dir{at}
	}
	return &file{at}
}

type dir struct{ node }

// Walk finds an entry.
func (d *dir) Walk(_ context.Context, name string) (srv.File, error) {
	for _, e := range d.ents() {
		if e.name == name {
			return d.file(e), nil
		}
	}
	return nil, p9.ErrNotExist
}

// List gives the entries in the order in which they were first seen, which are their
// numbers.
func (d *dir) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		var all []p9.Dirent
		for _, e := range d.ents() {
			n := d.fs.number(path.Join(d.path, e.name))
			if n > cookie {
				all = append(all, p9.Dirent{Qid: p9.Qid{Type: p9.QidTypeOf(e.mode), Path: n}, Cookie: n, Mode: e.mode & fs.ModeType, Name: e.name})
			}
		}
		slices.SortFunc(all, func(a, b p9.Dirent) int { return cmp.Compare(a.Cookie, b.Cookie) })
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

type file struct{ node }

// Open opens it.
func (f *file) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) { return f.open(ctx, mode) }

func invalid(format string, args ...any) error {
	return p9.NewError(syscall.EINVAL, fmt.Sprintf(format, args...))
}

// cause takes the server's paths and calls off an error: what is left is its number.
func cause(err error) error {
	var n syscall.Errno
	switch {
	case errors.As(err, &n) && n == syscall.EACCES:
		return p9.ErrPerm
	case errors.As(err, &n) && n == syscall.ENOENT:
		return p9.ErrNotExist
	case errors.As(err, &n):
		return n
	case errors.Is(err, os.ErrClosed):
		return p9.ErrHungup
	}
	return err
}

// names gives the names in a directory, in order; of one that is not there none.
func names(dir string) []string {
	ents, _ := os.ReadDir(dir)
	var all []string
	for _, e := range ents {
		all = append(all, e.Name())
	}
	return all
}
