package ipcfs

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// maxSegment is how long a segment can be.
const maxSegment = 1 << 40

// A segment is a directory in segment: memory without a name, that Linux's programs
// can map.
type segment struct {
	*head
	files *srv.Dir

	mu      sync.Mutex
	mem     *os.File // nil until it is allocated
	at, len uint64
	err     error // removed
}

func newSegment(h *head) object {
	s := &segment{head: h, files: srv.NewDir()}
	ctl := srv.Cmds(0o666, func(context.Context) (string, error) { return s.text(), nil }, commands(
		command{"va", "base length", 2, 2, s.va},
	))
	s.files.Add("ctl", &segmentFile{srv.NewNode(0), s, ctl})
	s.files.Add("data", &segmentFile{srv.NewNode(0), s, nil})
	return s
}

// Inline marks that walks and lists do not block.
func (s *segment) Inline() {}

// Walk finds ctl and data.
func (s *segment) Walk(ctx context.Context, name string) (srv.File, error) {
	return s.files.Walk(ctx, name)
}

// List gives ctl and data.
func (s *segment) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return s.files.List(ctx, cookie)
}

func (s *segment) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errRemoved
	if s.mem != nil {
		s.mem.Close()
	}
}

func (s *segment) line() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("segment %s %d", srv.Quote(s.name), s.len)
}

func (s *segment) status() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("length %d", s.len)
}

// text is what ctl reads as.
func (s *segment) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mem == nil { // open to be written to as well
		return ""
	}
	return fmt.Sprintf("va %#x %#x\npath /proc/%d/fd/%d\n", s.at, s.len, os.Getpid(), s.mem.Fd())
}

func (s *segment) va(_ context.Context, args []string) error {
	base, err := number("base", args[0], 1<<63)
	if err != nil {
		return err
	}
	n, err := number("length", args[1], maxSegment)
	if err != nil {
		return err
	}
	if n > 0 { // from the page of the first byte
		page := uint64(os.Getpagesize())
		n += base % page
		base -= base % page
	}
	return s.allocate(base, n)
}

// allocate gives the segment its memory, once.
func (s *segment) allocate(base, length uint64) error {
	page := uint64(os.Getpagesize())
	length = (length + page - 1) / page * page
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case s.mem != nil:
		return p9.NewError(unix.EEXIST, fmt.Sprintf("segment %s has its memory already", s.name))
	case length == 0:
		return invalid("a segment of length 0")
	}
	fd, err := unix.MemfdCreate("segment", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	mem := os.NewFile(uintptr(fd), s.name)
	if err = unix.Fchmod(fd, 0o600); err == nil {
		err = unix.Ftruncate(fd, int64(length))
	}
	if err != nil {
		mem.Close()
		return err
	}
	s.mem, s.at, s.len = mem, base, length
	return nil
}

// A segmentFile is ctl or data, with the directory's owner and permissions.
type segmentFile struct {
	srv.Node
	s   *segment
	ctl srv.File
}

// Inline marks that no method blocks.
func (f *segmentFile) Inline() {}

// Stat tells the attributes; data is as long as the segment.
func (f *segmentFile) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := f.Node.Stat(ctx)
	up, uerr := f.s.Stat(ctx)
	if uerr != nil {
		err = uerr
	}
	st.Mode = up.Mode & 0o666 &^ fs.ModeDir
	owned(&st, f.s.owner)
	if f.ctl == nil {
		f.s.mu.Lock()
		st.Length = f.s.len
		f.s.mu.Unlock()
	}
	return st, err
}

// Open opens ctl; data opens to itself. To read ctl there has to be memory, as for data.
func (f *segmentFile) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	if f.ctl == nil || !mode.Writable() {
		if _, _, err := f.memory(); err != nil {
			return nil, err
		}
	}
	if f.ctl != nil {
		return srv.Open(ctx, f.ctl, mode)
	}
	return f, nil
}

// memory gives what reads and writes of data go to.
func (f *segmentFile) memory() (*os.File, int64, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.s.err == nil && f.s.mem == nil {
		return nil, 0, invalid("segment not yet allocated: write va base length to ctl")
	}
	return f.s.mem, int64(f.s.len), f.s.err
}

// Read gives the memory's bytes.
func (f *segmentFile) Read(_ context.Context, p []byte, off int64) (int, error) {
	mem, n, err := f.memory()
	if err != nil {
		return 0, err
	}
	if off >= n {
		return 0, io.EOF
	}
	return mem.ReadAt(p[:min(int64(len(p)), n-off)], off)
}

// Write sets the memory's bytes, as far as it goes.
func (f *segmentFile) Write(_ context.Context, p []byte, off int64) (int, error) {
	mem, n, err := f.memory()
	if err != nil {
		return 0, err
	}
	if off >= n {
		return 0, fmt.Errorf("beyond the segment's %d bytes: %w", n, unix.EFBIG)
	}
	return mem.WriteAt(p[:min(int64(len(p)), n-off)], off)
}
