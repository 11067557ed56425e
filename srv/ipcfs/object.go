package ipcfs

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"sync"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// An object is what has a name in one of the directories: a queue, a semaphore.
type object interface {
	srv.File
	base() *head
	remove()        // it has no name any more: who waits for it is told
	line() string   // what makes it, written to ctl
	status() string // how it is
}

// A head is what all objects have: a name, an owner and permissions.
type head struct {
	srv.Node
	name   string
	cookie uint64
	owner  *srv.User // who made it

	mu   sync.Mutex
	mode fs.FileMode
}

func (h *head) base() *head { return h }

// Stat tells the attributes. The length is 0, for there is no telling what a read
// will give.
func (h *head) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := h.Node.Stat(ctx)
	h.mu.Lock()
	st.Mode = h.mode
	h.mu.Unlock()
	owned(&st, h.owner)
	return st, err
}

// owned says in a Stat whose the file is.
func owned(st *p9.Stat, u *srv.User) {
	if u == nil {
		return // the process's, as a Node says
	}
	st.Uid, st.Nuid, st.Ngid = u.Name, u.Uid, u.Gid
	if u.Gid == p9.NoUid {
		st.Gid = u.Name
	}
}

// Wstat changes permissions, which is for the owner, and accepts what a shell's > does
// and new times.
func (h *head) Wstat(ctx context.Context, w p9.Wstat) error {
	if w.Valid&p9.WMode == 0 {
		return h.Node.Wstat(ctx, w)
	}
	if err := h.Node.Wstat(ctx, p9.Wstat{Valid: w.Valid &^ p9.WMode}); err != nil {
		return err
	}
	if err := h.mine(ctx); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mode = h.mode&^fs.ModePerm | w.Mode&fs.ModePerm
	return nil
}

// mine is an error unless who asks owns the object, or is the process's own user.
func (h *head) mine(ctx context.Context) error {
	u := srv.UserOf(ctx)
	if u.Host() || h.owner != nil && u.Name == h.owner.Name {
		return nil
	}
	return p9.ErrNotOwner
}

// A shelf is a directory of objects of one kind, which are made by create or by ctl.
type shelf struct {
	srv.Node
	name string
	dirs bool // its objects are directories
	make func(h *head) object

	mu    sync.RWMutex
	last  uint64
	objs  map[string]object
	order []object // by cookie
}

// maxObjects is how many there may be on one shelf.
const maxObjects = 1 << 16

func newShelf(name string, dirs bool, make func(h *head) object) *shelf {
	return &shelf{Node: srv.NewNode(fs.ModeDir | 0o777), name: name, dirs: dirs, make: make, objs: map[string]object{}}
}

// Inline marks that walks and lists do not block.
func (s *shelf) Inline() {}

// all gives the objects, oldest first.
func (s *shelf) all() []object {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.order)
}

// obtain gives the object of a name, or makes it.
func (s *shelf) obtain(ctx context.Context, name string, perm fs.FileMode) (o object, made bool, err error) {
	if err := srv.CheckName(name); err != nil {
		return nil, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.objs[name]; o != nil {
		return o, false, nil
	}
	if len(s.objs) >= maxObjects {
		return nil, false, fmt.Errorf("%d objects in %s: %w", maxObjects, s.name, syscall.ENOSPC)
	}
	s.last++
	mode := perm & fs.ModePerm
	if s.dirs {
		mode |= fs.ModeDir
	}
	o = s.make(&head{Node: srv.NewNode(mode), name: name, cookie: s.last, owner: srv.UserOf(ctx), mode: mode})
	s.objs[name] = o
	s.order = append(s.order, o)
	return o, true, nil
}

// Walk finds an object.
func (s *shelf) Walk(_ context.Context, name string) (srv.File, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if o := s.objs[name]; o != nil {
		return o, nil
	}
	return nil, p9.ErrNotExist
}

// List gives the objects, oldest first.
func (s *shelf) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		for _, o := range s.all() {
			h := o.base()
			if h.cookie <= cookie {
				continue
			}
			st, err := o.Stat(ctx)
			if err != nil {
				continue
			}
			if !yield(p9.Dirent{Qid: st.Qid, Cookie: h.cookie, Mode: st.Mode & fs.ModeType, Name: h.name}, nil) {
				return
			}
		}
	}
}

// Create makes an object and opens it, or opens the one that is there.
func (s *shelf) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	if perm.IsDir() != s.dirs {
		return nil, nil, p9.ErrPerm
	}
	o, made, err := s.obtain(ctx, name, perm)
	if err != nil {
		return nil, nil, err
	}
	if !made {
		if mode&p9.OEXCL != 0 || s.dirs {
			return nil, nil, p9.ErrExist
		}
		st, _ := o.Stat(ctx)
		want := map[p9.Mode]fs.FileMode{p9.OREAD: 4, p9.OWRITE: 2, p9.ORDWR: 6, p9.OEXEC: 1}[mode&3]
		if u := srv.UserOf(ctx); u != nil && !u.Allowed(&st, want) {
			return nil, nil, p9.ErrPerm
		}
	}
	h, err := srv.Open(ctx, o, mode)
	return o, h, err
}

// Unlink removes an object, which is for its owner.
func (s *shelf) Unlink(ctx context.Context, name string, dir bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objs[name]
	switch {
	case o == nil:
		return p9.ErrNotExist
	case dir && !s.dirs:
		return p9.ErrNotDir
	case !dir && s.dirs:
		return p9.ErrIsDir
	}
	if err := o.base().mine(ctx); err != nil {
		return err
	}
	delete(s.objs, name)
	s.order = slices.DeleteFunc(s.order, func(x object) bool { return x == o })
	o.remove()
	return nil
}

// close removes all.
func (s *shelf) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.order {
		o.remove()
	}
	clear(s.objs)
	s.order = nil
}
