package rootfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"sync"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// flags gives the O_ flags of a mode.
func flags(mode p9.Mode) int {
	f := os.O_RDONLY
	switch mode & 3 {
	case p9.OWRITE:
		f = os.O_WRONLY
	case p9.ORDWR:
		f = os.O_RDWR
	}
	for _, b := range [...]struct {
		m p9.Mode
		f int
	}{{p9.OTRUNC, os.O_TRUNC}, {p9.OAPPEND, os.O_APPEND}, {p9.OSYNC | p9.ODSYNC, os.O_SYNC}} {
		if mode&b.m != 0 {
			f |= b.f
		}
	}
	return f
}

// Open opens the file.
func (n *node) Open(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	change := mode.Writable() || mode&(p9.OTRUNC|p9.ORCLOSE) != 0
	if change && n.t.readOnly {
		return nil, p9.ErrReadOnly
	}
	if n.own != nil {
		if mode.Writable() || mode&p9.OTRUNC != 0 {
			return nil, p9.ErrIsDir
		}
		f, err := n.own.Open(".") // may it be read?
		if err != nil {
			return nil, bare(err)
		}
		f.Close()
		return &listing{n: n}, nil
	}
	fi, err := n.info()
	if err != nil {
		return nil, bare(err)
	}
	return n.openAs(fi, mode)
}

// openAs opens what is no directory and was looked at, or what has its name by now.
func (n *node) openAs(fi fs.FileInfo, mode p9.Mode) (h srv.Handle, err error) {
	in, name, err := n.place()
	if err != nil {
		return nil, err
	}
	defer in.release()
	err = in.again(fi, name, func(fi fs.FileInfo) error {
		switch {
		case mode&3 == p9.OEXEC && fi.Mode().IsRegular() && fi.Mode().Perm()&0o111 == 0:
			return p9.ErrPerm
		case fi.Mode().Type() == fs.ModeSymlink:
			return syscall.ELOOP
		}
		f, err := in.openAs(fi, name, flags(mode))
		switch {
		case err != nil:
			return bare(err)
		case fi.Mode().IsRegular():
			n.open.Store(f)
			h = &handle{f, mode&p9.OAPPEND != 0}
		default:
			h = stream{f}
		}
		return nil
	})
	return h, err
}

// tries are how often a name is looked at where others change it between two looks.
const tries = 100

// again does something with what a name was found to have, and again if that is ESTALE, for it has
// another file by then.
func (d *dir) again(fi fs.FileInfo, name string, do func(fs.FileInfo) error) error {
	for range tries {
		err := do(fi)
		if !errors.Is(err, syscall.ESTALE) {
			return err
		}
		if fi, err = d.Lstat(name); err != nil {
			return bare(err)
		}
	}
	return syscall.ESTALE
}

// openAs opens a file that was looked at. An [os.Root] follows symbolic links, O_NOFOLLOW or
// not: where one has the name meanwhile, what it leads to is not opened, and not emptied.
//
// No open waits for a pipe's other end, or for what a device has to tell: reads and writes do. As
// for open(2), O_TRUNC is for regular files, and for one that is read only takes the right to write.
func (d *dir) openAs(fi fs.FileInfo, name string, flag int) (*os.File, error) {
	regular, empty := fi.Mode().IsRegular(), flag&os.O_TRUNC != 0
	flag = flag&^os.O_TRUNC | syscall.O_NONBLOCK | syscall.O_NOCTTY
	if regular && empty && flag&syscall.O_ACCMODE == os.O_RDONLY {
		flag |= os.O_RDWR
	}
	f, err := d.OpenFile(name, flag, 0)
	for i := 0; i < 6000 && regular && errors.Is(err, syscall.EAGAIN); i++ {
		time.Sleep(10 * time.Millisecond) // who has a lease of it has been told, fcntl(2)
		f, err = d.OpenFile(name, flag, 0)
	}
	if err != nil {
		return nil, err
	}
	is, err := f.Stat()
	if err == nil && (!os.SameFile(fi, is) || fi.Mode().Type() != is.Mode().Type()) { // a number is soon another's
		err = syscall.ESTALE
	}
	if err == nil && regular {
		err = syscall.SetNonblock(int(f.Fd()), false) // some of /proc's and /sys's wait
	}
	if err == nil && regular && empty {
		err = f.Truncate(0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// create makes a file, or opens the one that is there.
func (d *dir) create(name string, perm fs.FileMode, mode p9.Mode) (*os.File, error) {
	for range tries {
		f, err := d.OpenFile(name, flags(mode)|os.O_CREATE|os.O_EXCL, perm)
		if mode&p9.OEXCL != 0 || !errors.Is(err, fs.ErrExist) {
			return f, err
		}
		fi, err := d.Lstat(name)
		switch {
		case err == nil && !fi.Mode().IsRegular():
			return nil, p9.ErrExist
		case err == nil:
			f, err = d.openAs(fi, name, flags(mode))
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESTALE) {
			return f, err
		}
	}
	return nil, syscall.ESTALE
}

// A handle is an open file of a disk.
type handle struct {
	f      *os.File
	append bool
}

func (h *handle) Read(_ context.Context, p []byte, off int64) (int, error) {
	n, err := h.f.ReadAt(p, off)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, end(err)
}

func (h *handle) Write(_ context.Context, p []byte, off int64) (int, error) {
	if h.append {
		n, err := h.f.Write(p)
		return n, bare(err)
	}
	n, err := h.f.WriteAt(p, off)
	return n, bare(err)
}

func (h *handle) Sync(context.Context, bool) error { return bare(h.f.Sync()) }
func (h *handle) Clunk()                           { h.f.Close() }

// end is bare where io.EOF says what is meant.
func end(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return bare(err)
}

// A stream is an open pipe or device, which has no offsets.
type stream struct{ f *os.File }

func (stream) Ordered() {}

func (s stream) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	defer s.until(ctx)()
	n, err := s.f.Read(p)
	return n, end(err)
}

func (s stream) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	defer s.until(ctx)()
	n, err := s.f.Write(p)
	return n, bare(err)
}

func (s stream) Clunk() { s.f.Close() }

// until ends what waits with ctx.
func (s stream) until(ctx context.Context) func() {
	stop := context.AfterFunc(ctx, func() { s.f.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if !stop() {
			s.f.SetDeadline(time.Time{}) // it was for one of several
		}
	}
}

// A listing is an open directory. Cookies count the names that it had when it was last read
// from the start, which are kept: one that stays is given once.
type listing struct {
	n     *node
	mu    sync.Mutex
	names []string
}

func (l *listing) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		names, err := l.from(cookie)
		if err != nil {
			yield(p9.Dirent{}, bare(err))
			return
		}
		for _, name := range names {
			cookie++
			fi, err := l.n.own.Lstat(name)
			if err != nil { // it has gone
				continue
			}
			s := l.n.t.stat(fi)
			if !yield(p9.Dirent{Qid: s.Qid, Cookie: cookie, Mode: s.Mode.Type(), Name: name}, nil) {
				return
			}
		}
	}
}

// from gives the names behind a cookie.
func (l *listing) from(cookie uint64) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cookie == 0 {
		f, err := l.n.own.Open(".")
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if l.names, err = f.Readdirnames(-1); err != nil {
			return nil, err
		}
	}
	return l.names[min(cookie, uint64(len(l.names))):], nil
}
