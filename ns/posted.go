package ns

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Errors of srv(3).
var (
	errBadFd   = p9.NewError(syscall.EBADF, "fd out of range or not open")
	errUseFd   = p9.NewError(syscall.EBADF, "inappropriate use of fd")
	errNothing = p9.NewError(syscall.ENXIO, "nothing is posted here")
)

// A srvDir is the device #s, srv(3): the servers posted in a directory of sockets,
// and the open descriptors that processes have posted. Of the former it is mount
// that connects to them; they can be seen and removed. A process posts a descriptor
// by making a file and writing its number into it; who opens the file then has
// the same connection. Removing the file drops it.
type srvDir struct {
	srv.Node
	dir   string
	taker func(ctx context.Context) (takeFunc, error)

	mu    sync.Mutex
	socks map[string]*sockFile
	posts map[string]*postFile
}

// A takeFunc takes the descriptor fd of who asks, if that is nobody else than who asked for the
// function.
type takeFunc func(ctx context.Context, fd int) (channel, error)

func newSrvDir(dir string, who func(context.Context) (takeFunc, error)) *srvDir {
	return &srvDir{Node: srv.NewNode(fs.ModeDir | fs.ModeSticky | 0o777), dir: dir, taker: who,
		socks: map[string]*sockFile{}, posts: map[string]*postFile{}}
}

// A sockFile is a server's socket.
type sockFile struct {
	srv.Node
	path string
}

// Open is refused: a server's socket is no file to read.
func (*sockFile) Open(context.Context, p9.Mode) (srv.Handle, error) { return nil, p9.ErrPerm }

// Remove removes the socket.
func (f *sockFile) Remove(context.Context) error {
	if err := os.Remove(f.path); err != nil {
		return p9.ErrorOf(err)
	}
	return nil
}

// Walk finds a server or a descriptor.
func (d *srvDir) Walk(_ context.Context, name string) (srv.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.posts[name]; p != nil {
		return p, nil
	}
	if s := d.sock(name); s != nil {
		return s, nil
	}
	return nil, p9.ErrNotExist
}

// sock gives a server's file, nil where there is none.
func (d *srvDir) sock(name string) *sockFile {
	path := filepath.Join(d.dir, name)
	if fi, err := os.Lstat(path); err != nil || fi.Mode()&fs.ModeSocket == 0 {
		delete(d.socks, name)
		return nil
	}
	f := d.socks[name]
	if f == nil {
		f = &sockFile{srv.NewNode(0o600), path}
		d.socks[name] = f
	}
	return f
}

// List gives what there is now. Cookies are qid paths, so an entry keeps its own.
func (d *srvDir) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		d.mu.Lock()
		var ents []p9.Dirent
		add := func(name string, f srv.File) {
			st, _ := f.Stat(ctx)
			ents = append(ents, p9.Dirent{Qid: st.Qid, Cookie: st.Qid.Path, Name: name})
		}
		socks, _ := os.ReadDir(d.dir) // which there is not where nobody has posted anything
		for _, e := range socks {
			if e.Type() != fs.ModeSocket || d.posts[e.Name()] != nil {
				continue
			}
			if s := d.sock(e.Name()); s != nil {
				add(e.Name(), s)
			}
		}
		for name, p := range d.posts {
			add(name, p)
		}
		d.mu.Unlock()
		slices.SortFunc(ents, func(a, b p9.Dirent) int { return cmp.Compare(a.Cookie, b.Cookie) })
		for _, e := range ents {
			if e.Cookie > cookie && !yield(e, nil) {
				return
			}
		}
	}
}

// Create makes a file for a descriptor of who asks for it. It goes again with the handle if no
// number is written.
func (d *srvDir) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	if perm&fs.ModeType != 0 || !mode.Writable() {
		return nil, nil, p9.ErrPerm
	}
	take, err := d.taker(ctx)
	if err != nil {
		return nil, nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.posts[name] != nil || d.sock(name) != nil {
		return nil, nil, p9.ErrExist
	}
	c := callerOf(ctx)
	p := &postFile{Node: srv.NewNode(0), d: d, name: name, mode: perm.Perm(), uid: c.uid, gid: c.gid}
	d.posts[name] = p
	return p, &poster{p: p, take: take, leaves: mode&p9.ORCLOSE != 0}, nil
}

// A postFile is a posted descriptor.
type postFile struct {
	srv.Node
	d    *srvDir
	name string

	uid, gid uint32 // of who made it

	mu   sync.Mutex
	mode fs.FileMode
	s    *stream // nil: not yet, or no more
	gone bool
}

func (p *postFile) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := p.Node.Stat(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	st.Mode, st.Nuid, st.Ngid = p.mode, p.uid, p.gid
	return st, err
}

// Wstat changes the permissions.
func (p *postFile) Wstat(ctx context.Context, w p9.Wstat) error {
	if w.Valid != p9.WMode {
		return p.Node.Wstat(ctx, w)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = w.Mode.Perm()
	return nil
}

// stream gives what was posted, held.
func (p *postFile) stream() (*stream, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.s == nil {
		return nil, fmt.Errorf("#s/%s: %w", p.name, errNothing)
	}
	return p.s.hold(), nil
}

// Open gives the connection as it is: its bytes.
func (p *postFile) Open(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	if mode&p9.OTRUNC != 0 {
		return nil, p9.ErrExist
	}
	s, err := p.stream()
	if err != nil {
		return nil, err
	}
	if m := s.ch.Mode(); m != p9.ORDWR && (mode.Readable() && !m.Readable() || mode.Writable() && !m.Writable()) {
		s.release()
		return nil, p9.ErrPerm
	}
	return &postHandle{s}, nil
}

// Remove drops what was posted. Who has it open or mounted keeps it.
func (p *postFile) Remove(context.Context) error {
	p.d.mu.Lock()
	if p.d.posts[p.name] == p {
		delete(p.d.posts, p.name)
	}
	p.d.mu.Unlock()
	p.mu.Lock()
	s := p.s
	p.s, p.gone = nil, true
	p.mu.Unlock()
	if s != nil {
		s.release()
	}
	return nil
}

// A poster is the handle by which a descriptor is posted. It takes one write, right or wrong: who
// has been given it as his output may write a number later on, that he means otherwise.
type poster struct {
	p      *postFile
	take   takeFunc
	once   sync.Mutex
	spent  bool // it was written to
	done   bool
	leaves bool // the file goes with the handle
}

// Write takes the number of a descriptor of the process that writes, which must be one of who
// made the file: EPERM. Behind it the word orclose, which Linux's open(2) has no flag for, has the
// file go when the handle does, as at the latest with the process.
func (h *poster) Write(ctx context.Context, b []byte, _ int64) (int, error) {
	h.once.Lock()
	defer h.once.Unlock()
	if h.spent {
		return 0, errUseFd
	}
	h.spent = true
	number, word, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 0 || word != "" && word != "orclose" {
		return 0, errBadFd
	}
	ch, err := h.take(ctx, fd)
	if err != nil {
		return 0, err
	}
	s := newStream(nil, ch)
	h.p.mu.Lock()
	gone := h.p.gone
	if !gone {
		h.p.s, h.done, h.leaves = s, true, h.leaves || word != ""
	}
	h.p.mu.Unlock()
	if gone {
		s.release()
		return 0, p9.ErrNotExist
	}
	return len(b), nil
}

// Clunk takes the file away if nothing was posted, or for now only.
func (h *poster) Clunk() {
	h.once.Lock()
	defer h.once.Unlock()
	if !h.done || h.leaves {
		h.p.Remove(context.Background())
	}
}

// A postHandle is an open posted descriptor.
type postHandle struct{ s *stream }

// Stream marks that there are no offsets.
func (*postHandle) Stream() {}

// Clunk lets it go.
func (h *postHandle) Clunk() { h.s.release() }

// Read reads from it, but not what is a mount's.
func (h *postHandle) Read(ctx context.Context, b []byte, _ int64) (int, error) {
	if h.s.mounted() {
		return 0, errUseFd
	}
	return h.s.ch.Read(ctx, b)
}

// Write writes to it, but not into the requests of a mount.
func (h *postHandle) Write(ctx context.Context, b []byte, _ int64) (int, error) {
	if h.s.mounted() {
		return 0, errUseFd
	}
	return h.s.ch.Write(ctx, b)
}
