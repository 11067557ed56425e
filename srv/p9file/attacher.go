package p9file

import (
	"context"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/hugelgupf/p9/linux"
	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Attacher makes a p9.Attacher of a tree of ours. All is done as the user of ctx
// (srv.WithUser), or else the one that the process runs as, and what blocks ends
// when ctx does. A root that is a srv.Attacher is attached to by the name "".
func Attacher(ctx context.Context, root srv.File) hp9.Attacher {
	a := &attacher{ctx: ctx, user: srv.UserOf(ctx), root: root}
	if a.user == nil {
		a.user = srv.NewUser("", uint32(os.Getuid()))
		a.ctx = srv.WithUser(ctx, a.user)
	}
	return a
}

type attacher struct {
	ctx  context.Context
	user *srv.User
	root srv.File
}

// Attach gives the root.
func (a *attacher) Attach() (hp9.File, error) {
	root := a.root
	if r, ok := root.(srv.Attacher); ok {
		var err error
		if root, err = r.Attach(a.ctx, ""); err != nil {
			return nil, theirs(err)
		}
	}
	return a.file(newHeld(root, nil)), nil
}

// allowed checks a permission by the file's mode, unless the file does it itself.
func (a *attacher) allowed(f srv.File, want fs.FileMode) error {
	if _, ok := f.(srv.Guard); ok {
		return nil
	}
	st, err := f.Stat(a.ctx)
	if err == nil && !a.user.Allowed(&st, want) {
		err = p9.ErrPerm
	}
	return err
}

// A held is a File of ours that is shared by what was copied of it and kept by
// what was walked to from it.
type held struct {
	file srv.File
	up   *held // nil for the root
	refs atomic.Int32
}

func newHeld(f srv.File, up *held) *held {
	h := &held{file: f, up: up}
	h.refs.Store(1)
	if up != nil {
		up.refs.Add(1)
	}
	return h
}

func (h *held) unref() {
	for h != nil && h.refs.Add(-1) == 0 {
		srv.Clunk(h.file)
		h = h.up
	}
}

// An adapted is a p9.File of ours.
type adapted struct {
	a    *attacher
	ctx  context.Context // ends with the file
	stop context.CancelFunc

	mu     sync.Mutex
	cur    current
	busy   sync.WaitGroup // methods that run
	owed   int            // Closes to come that do not count: see the package comment
	closed bool
}

// A current is what an adapted stands for.
type current struct {
	held   *held
	handle srv.Handle
	own    bool // the handle is not the file
	open   bool
	dir    bool // open, and a directory
	mode   p9.Mode
}

// file makes an adapted that owns h.
func (a *attacher) file(h *held) *adapted {
	f := &adapted{a: a, cur: current{held: h}}
	f.ctx, f.stop = context.WithCancel(a.ctx)
	return f
}

// do runs a method on what the file stands for. Close waits for it.
func (f *adapted) do(method func(c current) error) error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return linux.EBADF
	}
	f.busy.Add(1)
	c := f.cur
	c.held.refs.Add(1) // Open may let it go
	f.mu.Unlock()
	defer f.busy.Done()
	defer c.held.unref()
	return theirs(method(c))
}

// Close ends what blocks and lets the file go.
func (f *adapted) Close() error {
	f.mu.Lock()
	if f.owed > 0 && !f.closed {
		f.owed--
		f.mu.Unlock()
		return nil
	}
	if f.closed {
		f.mu.Unlock()
		return linux.EBADF
	}
	f.closed = true
	f.mu.Unlock()
	f.stop()
	f.busy.Wait()
	if f.cur.own {
		srv.Clunk(f.cur.handle)
	}
	f.cur.held.unref()
	return nil
}

func (f *adapted) owe() {
	f.mu.Lock()
	f.owed++
	f.mu.Unlock()
}

// settle says that one Close less is to come.
func (f *adapted) settle() {
	f.mu.Lock()
	f.owed--
	f.mu.Unlock()
}
