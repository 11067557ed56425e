package ns

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"sync"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// The mount driver: a server's tree as Files of this process. A mntFile holds a
// fid that is never opened; opening clones it first.

type mntFile struct {
	fid      *client.Fid
	snapshot bool // see p9.Stat
}

// snapshotFirst is how much of a snapshot is read along with its opening, in bytes.
const snapshotFirst = 4 << 10

// use gives the fid for a request, which is known to wait for its server then.
func (f *mntFile) use(ctx context.Context) *client.Fid {
	using(ctx, f.fid.Conn())
	return f.fid
}

// gone is a ctx that has ended: a clunk with it is sent and not waited for.
var gone context.Context = new(ended)

// An ended ctx is one that nothing had to be made for before main.
type ended struct {
	once sync.Once
	done chan struct{}
}

func (e *ended) Done() <-chan struct{} {
	e.once.Do(func() {
		e.done = make(chan struct{})
		close(e.done)
	})
	return e.done
}

func (*ended) Err() error                      { return context.Canceled }
func (*ended) Deadline() (_ time.Time, _ bool) { return }
func (*ended) Value(any) any                   { return nil }

func (f *mntFile) Clunk() { f.fid.Drop() }

func (f *mntFile) isSnapshot() bool { return f.snapshot }

func (f *mntFile) Stat(ctx context.Context) (p9.Stat, error) { return f.use(ctx).Stat(ctx) }

func (f *mntFile) Wstat(ctx context.Context, w p9.Wstat) error { return f.use(ctx).Wstat(ctx, w) }

func (f *mntFile) Walk(ctx context.Context, name string) (srv.File, error) {
	g, err := f.use(ctx).Walk(ctx, name)
	if err != nil {
		return nil, err
	}
	return &mntFile{fid: g}, nil
}

func (f *mntFile) WalkStat(ctx context.Context, name string) (srv.File, p9.Stat, error) {
	g, st, err := f.use(ctx).WalkStat(ctx, name)
	if err != nil {
		return nil, st, err
	}
	return &mntFile{g, st.Snapshot}, st, nil
}

func (f *mntFile) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	q := f.fid.Qid()
	h, err := f.open(ctx, mode, q.Vers == 0 && !q.IsDir())
	if err != nil {
		return nil, err // without a handle that is a nil in an interface
	}
	return h, nil
}

// open opens the file at the end of a path from f. Where it has no version, it will be asked
// for its attributes: they come along, and of a snapshot its beginning.
func (f *mntFile) open(ctx context.Context, mode p9.Mode, unversioned bool, names ...string) (*mntHandle, error) {
	fid := f.use(ctx)
	if !unversioned || !fid.Conn().Ordered() {
		g, err := fid.WalkOpen(ctx, mode, names...)
		if err != nil {
			return nil, err
		}
		return &mntHandle{mntFile: mntFile{fid: g}}, nil
	}
	var buf []byte
	if f.snapshot && mode == p9.OREAD {
		buf = make([]byte, snapshotFirst)
	}
	g, first, err := fid.WalkOpenStat(ctx, mode, buf, names...)
	if err != nil {
		return nil, err
	}
	h := &mntHandle{mntFile: mntFile{fid: g}, first: &first}
	if buf != nil && first.ReadErr == nil {
		h.head, h.whole = buf[:first.N], first.N < len(buf) && fid.Conn().Msize() >= snapshotFirst+p9.IOHdrSz
	}
	return h, nil
}

func (f *mntFile) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	if perm.IsDir() {
		if _, err := f.use(ctx).Mkdir(ctx, name, perm); err != nil {
			return nil, nil, err
		}
		n, err := f.Walk(ctx, name)
		return n, nil, err
	}
	g, err := f.use(ctx).WalkCreate(ctx, name, perm, mode)
	if err != nil {
		return nil, nil, err
	}
	n, err := f.Walk(ctx, name)
	if err != nil {
		g.Clunk(gone)
		return nil, nil, err
	}
	return n, &mntHandle{mntFile: mntFile{fid: g}}, nil
}

func (f *mntFile) Unlink(ctx context.Context, name string, isDir bool) error {
	return f.use(ctx).Unlink(ctx, name, isDir)
}

func (f *mntFile) Rename(ctx context.Context, old string, newdir srv.File, newname string) error {
	d, ok := newdir.(*mntFile)
	if !ok || d.fid.Conn() != f.fid.Conn() {
		return syscall.EXDEV
	}
	return f.use(ctx).Rename(ctx, old, d.fid, newname)
}

func (f *mntFile) Link(ctx context.Context, target srv.File, name string) error {
	t, ok := target.(*mntFile)
	if !ok || t.fid.Conn() != f.fid.Conn() {
		return syscall.EXDEV
	}
	return f.use(ctx).Link(ctx, t.fid, name)
}

func (f *mntFile) Symlink(ctx context.Context, name, target string) (srv.File, error) {
	if _, err := f.use(ctx).Symlink(ctx, name, target); err != nil {
		return nil, err
	}
	return f.Walk(ctx, name)
}

func (f *mntFile) Mknod(ctx context.Context, name string, perm fs.FileMode, rdev uint64) (srv.File, error) {
	if _, err := f.use(ctx).Mknod(ctx, name, perm, rdev); err != nil {
		return nil, err
	}
	return f.Walk(ctx, name)
}

func (f *mntFile) Readlink(ctx context.Context) (string, error) { return f.use(ctx).Readlink(ctx) }

func (f *mntFile) Statfs(ctx context.Context) (p9.Statfs, error) { return f.use(ctx).Statfs(ctx) }

func (f *mntFile) Listxattr(ctx context.Context) ([]string, error) { return f.use(ctx).Listxattr(ctx) }

func (f *mntFile) Getxattr(ctx context.Context, name string) ([]byte, error) {
	return f.use(ctx).Getxattr(ctx, name)
}

func (f *mntFile) Setxattr(ctx context.Context, name string, value []byte, flags int) error {
	return f.use(ctx).Setxattr(ctx, name, value, flags)
}

func (f *mntFile) Removexattr(ctx context.Context, name string) error {
	return f.use(ctx).Removexattr(ctx, name)
}

// A mntHandle is an open file of a server: a fid of its own.
type mntHandle struct {
	mntFile
	first *client.First // what came with the opening, nil for nothing
	head  []byte        // of a snapshot, from its beginning
	whole bool          // that is all of it
}

// Clunk closes the file at once, as that may mean something to its server, but for one of
// which all has been read.
func (h *mntHandle) Clunk() {
	if h.whole {
		h.fid.Drop()
	} else {
		h.fid.Clunk(gone)
	}
}

// opening gives the attributes that the file had when it was opened, where these came
// along.
func (h *mntHandle) opening() (p9.Stat, error) {
	if h.first == nil {
		return p9.Stat{}, p9.ErrNotSup
	}
	return h.first.Stat, h.first.StatErr
}

// Qid gives the qid that opening told.
func (h *mntHandle) Qid() p9.Qid { return h.fid.Qid() }

func (h *mntHandle) Read(ctx context.Context, p []byte, off int64) (int, error) {
	switch {
	case off < int64(len(h.head)):
		return copy(p, h.head[off:]), nil
	case h.whole:
		return 0, io.EOF
	}
	return h.use(ctx).Read(ctx, p, off)
}

func (h *mntHandle) Write(ctx context.Context, p []byte, off int64) (int, error) {
	return h.use(ctx).Write(ctx, p, off)
}

func (h *mntHandle) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return h.use(ctx).List(ctx, cookie)
}

func (h *mntHandle) Sync(ctx context.Context, dataOnly bool) error {
	return h.use(ctx).Sync(ctx, dataOnly)
}

func (h *mntHandle) Lock(ctx context.Context, l p9.Flock) (uint8, error) {
	return h.use(ctx).Lock(ctx, l)
}

func (h *mntHandle) Getlock(ctx context.Context, l p9.Flock) (p9.Flock, error) {
	return h.use(ctx).Getlock(ctx, l)
}

// dial connects to a server and attaches to one of its trees.
func dial(ctx context.Context, addr, name, aname string) (*Dev, error) {
	conn, err := client.Dial(ctx, addr, nil)
	if err != nil {
		return nil, err
	}
	return attach(ctx, conn, addr, name, aname)
}

// ofTree says which of a server's trees an attach was refused for, if it has a name.
func ofTree(aname string, err error) error {
	if aname == "" {
		return err
	}
	return fmt.Errorf("%s: %w", aname, err)
}

// attach makes a device of a connection to a server at addr, which ends with it.
func attach(ctx context.Context, conn *client.Conn, addr, name, aname string) (*Dev, error) {
	root, a, err := attachTo(ctx, conn, aname)
	if err != nil {
		conn.Close()
		return nil, ofTree(aname, err)
	}
	d := NewDev(name, &mntFile{fid: root}, func() { conn.Close() })
	d.server, d.spec, d.auth = addr, aname, a
	return d, nil
}
