package rc

import (
	"errors"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A file is an open file, which tables of descriptors share. The last of them
// closes it.
type file struct {
	fd      int // -1: a capture's, that no program has had to be given yet
	holders atomic.Int32
	capture *capture
	foreign bool // it is not closed: whoever made the Runner has it
}

func newFile(fd int) *file {
	f := &file{fd: fd}
	f.holders.Store(1)
	return f
}

func (f *file) retain() *file {
	f.holders.Add(1)
	return f
}

func (f *file) release() {
	if f.holders.Add(-1) > 0 || f.foreign {
		return
	}
	if f.capture != nil {
		f.capture.close()
		return
	}
	unix.Close(f.fd)
}

// number gives the process's own descriptor, for programs.
func (f *file) number() (int, error) {
	if f.capture != nil {
		return f.capture.number()
	}
	return f.fd, nil
}

func (f *file) write(p []byte) error {
	if f.capture != nil {
		return f.capture.write(p)
	}
	return writeAll(f.fd, p, nil)
}

// writeAll writes all, or up to when nobody waits for it any more.
func writeAll(fd int, p []byte, left *gone) error {
	part, wait := len(p), -1
	if left != nil {
		wait = 20
	}
	// The kernel goes on with a write to a pipe after a signal of Go's, so none may wait there:
	// a pipe that is ready has room for so much.
	parts := left != nil && isPipe(fd)
	if parts {
		part = 4096
	}
	for len(p) > 0 {
		if left.is() {
			return unix.EINTR
		}
		polls := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		if parts {
			if n, err := unix.Poll(polls[:], wait); n == 0 || err == unix.EINTR {
				continue
			}
		}
		n, err := unix.Write(fd, p[:min(part, len(p))])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			// Whoever shares the file has made it so.
			unix.Poll(polls[:], wait)
		case err != nil:
			return err
		default:
			p = p[n:]
		}
	}
	return nil
}

// isPipe tells whether a descriptor is of a pipe, or of a socket, as those of <>{} are.
func isPipe(fd int) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return false
	}
	kind := st.Mode & unix.S_IFMT
	return kind == unix.S_IFIFO || kind == unix.S_IFSOCK
}

// files are a shell's descriptors, by number; nil is a closed one. A table is never
// changed: a redirection makes another.
type files []*file

func (fs files) at(n int32) *file {
	if n < 0 || int(n) >= len(fs) {
		return nil
	}
	return fs[n]
}

// with gives a copy in which descriptor n is f.
func (fs files) with(n int32, f *file) files {
	c := make(files, max(len(fs), int(n)+1))
	copy(c, fs)
	c[n] = f
	return c
}

// retain gives a copy whose files stay open until its release.
func (fs files) retain() files {
	for _, f := range fs {
		if f != nil {
			f.retain()
		}
	}
	return fs
}

func (fs files) release() {
	for _, f := range fs {
		if f != nil {
			f.release()
		}
	}
}

// numbers gives the table as programs are given it. What they inherit anyway is
// left out at its end, and what is closed on exec.
func (r *Runner) numbers(fs files) ([]int, error) {
	n := len(fs)
	for n > 3 {
		f := fs[n-1]
		given := n <= len(r.given) && r.given[n-1]
		if f != nil && !(f.foreign && f.fd == n-1) || f == nil && given {
			break
		}
		n--
	}
	out := make([]int, n)
	for i, f := range fs[:n] {
		out[i] = -1
		if f == nil {
			continue
		}
		var err error
		if out[i], err = f.number(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// write writes to a descriptor of the shell.
func (sh *shell) write(n int32, p []byte) error {
	f := sh.fds.at(n)
	if f == nil {
		return unix.EBADF
	}
	if sh.interactive == 0 || f.capture != nil {
		return f.write(p)
	}
	f.retain()
	_, err := patient(sh, func(left *gone) (struct{}, error) {
		defer f.release()
		return struct{}{}, writeAll(f.fd, p, left)
	}, nil)
	return err
}

// A held is a file open until a command's or function's end, and the table as it was
// before.
type held struct {
	file   *file
	before files
}

// letGo ends what process substitutions opened since there were mark of them.
func (sh *shell) letGo(mark int) {
	for i := len(sh.held) - 1; i >= mark; i-- {
		sh.fds = sh.held[i].before
		sh.held[i].file.release()
	}
	sh.held, sh.beside = sh.held[:mark], nil
}

// A capture is what `{} writes to. It is memory as long as only the interpreter
// itself writes, then a pipe.
type capture struct {
	mu   sync.Mutex
	buf  []byte
	w    int // the pipe's; -1: there is none
	done chan struct{}
	err  error
}

func newCapture() (*file, *capture) {
	c := &capture{w: -1, done: make(chan struct{})}
	f := newFile(-1)
	f.capture = c
	return f, c
}

func (c *capture) write(p []byte) error {
	c.mu.Lock()
	if c.w < 0 {
		c.buf = append(c.buf, p...)
		c.mu.Unlock()
		return nil
	}
	c.mu.Unlock()
	return writeAll(c.w, p, nil)
}

func (c *capture) number() (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.w >= 0 {
		return c.w, nil
	}
	r, w, err := pipe()
	if err != nil {
		return -1, err
	}
	c.w = w
	go func() {
		c.buf, c.err = readAll(c.buf, r)
		unix.Close(r)
		close(c.done)
	}()
	return w, nil
}

// close says that nobody writes any more.
func (c *capture) close() {
	if c.w >= 0 {
		unix.Close(c.w)
		return
	}
	close(c.done)
}

// output waits for the last writer and gives all that was written.
func (c *capture) output() ([]byte, error) {
	<-c.done
	return c.buf, c.err
}

// readAll appends to buf what can be read from a descriptor up to its end.
func readAll(buf []byte, fd int) ([]byte, error) {
	wide := false
	for {
		if cap(buf)-len(buf) < 512 {
			if len(buf) > 1<<17 && !wide {
				// There is much: fewer turns are taken with who writes it.
				wide = true
				unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, 1<<20)
			}
			n := make([]byte, len(buf), max(16<<10, 2*cap(buf)))
			copy(n, buf)
			buf = n
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			continue
		case err != nil:
			return buf, err
		case n == 0:
			return buf, nil
		}
		buf = buf[:len(buf)+n]
	}
}

func pipe() (r, w int, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return -1, -1, err
	}
	return p[0], p[1], nil
}

// both gives a pipe that both ends write to and read from.
func both() (a, b int, err error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	return p[0], p[1], err
}

// isGone tells that an error is that nobody reads what is written.
func isGone(err error) bool { return errors.Is(err, unix.EPIPE) }
