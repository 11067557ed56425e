// Package rootfs serves a directory of the machine and all that is beneath it by what
// every Unix has, through [os.Root]: for systems where diskfs, which is Linux's, is
// not to be had.
//
//	/          the directory, with its own modes and owners
//	/...       what is in it, mounts included
//
// It does so as the user that the process runs as, whoever attached: the kernel checks
// permissions against that user, and what is made is that user's.
//
// A fid holds its directory by a descriptor and a file by its name there until it is
// opened. What is renamed through this server stays the fid's; of what others rename a
// directory does, and a file as long as it is open. Walks go
// through no symbolic link: those are files here, for the client to follow on its
// side, and one that takes a file's name while that is opened is not followed either; while
// modes or times are set it is, beneath the file's directory. To give a file a name in another directory, both have to be where they were
// walked to.
//
// Qid paths are [srv.Device]'s. A version is
// of the times of last change and the length; it is 0, not to be cached, for what is no
// plain file or directory, and another one at each look for what has changed within the last
// second, as the next change may have the same time.
//
// Locks, extended attributes, leases and statfs are not served, device nodes and pipes
// not made.
package rootfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// An Option changes how New serves the directory.
type Option func(*tree)

// ReadOnly refuses all changes with p9.ErrReadOnly.
func ReadOnly() Option { return func(t *tree) { t.readOnly = true } }

// New serves the directory dir, whose path may go through symbolic links. The root
// holds a descriptor until it is closed: it is an io.Closer.
func New(dir string, opts ...Option) (srv.File, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	t := &tree{nodes: map[*node]bool{}}
	t.top = &node{t: t, own: newDir(r), name: ".", path: "."}
	for _, o := range opts {
		o(t)
	}
	fi, err := t.top.info()
	if err != nil {
		r.Close()
		return nil, err
	}
	t.stat(fi) // the root's device is the first
	return root{t.top}, nil
}

type tree struct {
	top      *node
	readOnly bool
	devices  srv.Devices
	looks    atomic.Uint32 // see version

	mu    sync.RWMutex // of the places of nodes
	nodes map[*node]bool
}

// root is the tree's top, which an end of an attach does not close.
type root struct{ *node }

func (root) Clunk()         {}
func (r root) Close() error { r.own.release(); return nil }

// A dir is a directory's descriptor, of its own fid and of those of the files in it.
type dir struct {
	*os.Root
	holders atomic.Int32
}

func newDir(r *os.Root) *dir {
	d := &dir{Root: r}
	d.holders.Store(1)
	return d
}

func (d *dir) retain() *dir {
	d.holders.Add(1)
	return d
}

func (d *dir) release() {
	if d.holders.Add(-1) == 0 {
		d.Close()
	}
}

// A node is a file by its directory and name, and a directory by itself too.
type node struct {
	t    *tree
	own  *dir                    // nil for what is no directory
	open atomic.Pointer[os.File] // what was opened of it last: it may have lost its name

	// Its place, by the mutex of the tree:
	in   *dir   // nil for the top
	name string // "": it was removed
	path string // beneath the top, as far as this server knows
	more []name // that it was given, for when it loses this one
}

// A name is one more of a file.
type name struct {
	in   *dir
	path string
}

// place gives the directory, to be released, and the name that the file has there.
func (n *node) place() (*dir, string, error) {
	n.t.mu.RLock()
	defer n.t.mu.RUnlock()
	if n.name == "" {
		return nil, "", p9.ErrNotExist
	}
	return n.in.retain(), n.name, nil
}

// moved says that what had a path has another one now, in a directory, or with none has no
// name any more. What had that path before has none either. The mutex is held.
func (t *tree) moved(from, to string, in *dir) {
	for n := range t.nodes {
		switch rest, below := strings.CutPrefix(n.path, from+"/"); {
		case n.path == from && to != "":
			n.in.release()
			n.in, n.name, n.path = in.retain(), path.Base(to), to
		case n.path == from, n.path == to:
			n.name, n.path = "", ""
			if i := len(n.more) - 1; i >= 0 {
				n.in.release()
				n.in, n.path = n.more[i].in, n.more[i].path
				n.name, n.more = path.Base(n.path), n.more[:i]
			}
		case below && to != "":
			n.path = to + "/" + rest
		}
	}
}

// Guard: the kernel checks permissions.
func (n *node) Guard() {}

// Clunk lets the descriptors go.
func (n *node) Clunk() {
	n.t.mu.Lock()
	delete(n.t.nodes, n)
	n.t.mu.Unlock()
	if n.in != nil {
		n.in.release()
	}
	for _, m := range n.more {
		m.in.release()
	}
	if n.own != nil {
		n.own.release()
	}
}

// info gives what the system tells of the file.
func (n *node) info() (fs.FileInfo, error) {
	if n.own != nil {
		return n.own.Stat(".")
	}
	if f := n.open.Load(); f != nil {
		if fi, err := f.Stat(); err == nil { // else it is closed
			return fi, nil
		}
	}
	in, name, err := n.place()
	if err != nil {
		return nil, err
	}
	defer in.release()
	return in.Lstat(name)
}

// Stat tells the attributes.
func (n *node) Stat(context.Context) (p9.Stat, error) {
	fi, err := n.info()
	if err != nil {
		return p9.Stat{}, bare(err)
	}
	return n.t.stat(fi), nil
}

// Walk gives a file of the directory.
func (n *node) Walk(_ context.Context, name string) (srv.File, error) {
	if n.own == nil {
		return nil, p9.ErrNotDir
	}
	f, err := n.child(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (n *node) child(name string) (*node, error) {
	n.t.mu.Lock() // nothing is renamed meanwhile
	defer n.t.mu.Unlock()
	fi, err := n.own.Lstat(name)
	if err != nil {
		return nil, bare(err)
	}
	c := &node{t: n.t, name: name}
	if n.path != "" {
		c.path = path.Join(n.path, name)
	}
	err = n.own.again(fi, name, func(fi fs.FileInfo) error {
		if !fi.IsDir() {
			return nil
		}
		r, err := n.own.OpenRoot(name)
		if err != nil {
			return bare(err)
		}
		if is, err := r.Stat("."); err != nil || !os.SameFile(fi, is) { // see openAs
			r.Close()
			return syscall.ESTALE
		}
		c.own = newDir(r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.in = n.own.retain()
	n.t.nodes[c] = true
	return c, nil
}

// Readlink gives a symbolic link's text.
func (n *node) Readlink(context.Context) (string, error) {
	if n.own != nil {
		return "", syscall.EINVAL
	}
	in, name, err := n.place()
	if err != nil {
		return "", err
	}
	defer in.release()
	s, err := in.Root.Readlink(name)
	return s, bare(err)
}

// bare gives an error without the names that os puts before it, which are the machine's.
func bare(err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		return pe.Err
	case errors.As(err, &le):
		return le.Err
	}
	return err
}
