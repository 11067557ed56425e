package p9file_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hugelgupf/p9/fsimpl/templatefs"
	"github.com/hugelgupf/p9/linux"
	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A pipes is a directory of files that give what is sent to their channel, and
// none of it before. Closing one ends its reads.
type pipes struct {
	p9Dir
	files map[string]*pipe
}

type p9Dir struct {
	templatefs.NotImplementedFile
	templatefs.NilCloser
	templatefs.NilSyncer
	templatefs.NoopRenamed
}

type pipe struct {
	p9Dir
	path uint64
	data chan string
	shut chan struct{}
	once sync.Once
	runs *atomic.Int32 // calls that wait, of all copies
}

func newPipes(names ...string) *pipes {
	d := &pipes{files: map[string]*pipe{}}
	for i, name := range names {
		d.files[name] = &pipe{path: uint64(i + 1), data: make(chan string), runs: new(atomic.Int32)}
	}
	return d
}

func (d *pipes) Attach() (hp9.File, error) { return d, nil }

func (d *pipes) GetAttr(req hp9.AttrMask) (hp9.QID, hp9.AttrMask, hp9.Attr, error) {
	return hp9.QID{Type: hp9.TypeDir}, req, hp9.Attr{Mode: hp9.ModeDirectory | 0o777}, nil
}

func (d *pipes) Walk(names []string) ([]hp9.QID, hp9.File, error) {
	if len(names) == 0 {
		return nil, d, nil
	}
	f := d.files[names[0]]
	if f == nil {
		return nil, nil, linux.ENOENT
	}
	_, g, err := f.Walk(nil)
	return []hp9.QID{f.qid()}, g, err
}

func (d *pipes) RenameAt(old string, _ hp9.File, name string) error {
	if name == "panic" {
		panic(name)
	}
	d.files[name] = d.files[old]
	delete(d.files, old)
	return nil
}

func (f *pipe) qid() hp9.QID { return hp9.QID{Path: f.path} }

func (f *pipe) GetAttr(req hp9.AttrMask) (hp9.QID, hp9.AttrMask, hp9.Attr, error) {
	return f.qid(), req, hp9.Attr{Mode: hp9.ModeRegular | 0o666}, nil
}

func (f *pipe) Walk(names []string) ([]hp9.QID, hp9.File, error) {
	if len(names) > 0 {
		return nil, nil, linux.ENOTDIR
	}
	return nil, &pipe{path: f.path, data: f.data, shut: make(chan struct{}), runs: f.runs}, nil
}

func (f *pipe) Open(hp9.OpenFlags) (hp9.QID, uint32, error) { return f.qid(), 0, nil }

func (f *pipe) Close() error {
	f.once.Do(func() { close(f.shut) })
	return nil
}

func (f *pipe) ReadAt(p []byte, _ int64) (int, error) {
	f.runs.Add(1)
	defer f.runs.Add(-1)
	select {
	case s := <-f.data:
		return copy(p, s), nil
	case <-f.shut:
		return 0, linux.EBADF
	}
}

func (f *pipe) WriteAt(p []byte, _ int64) (int, error) {
	f.runs.Add(1)
	defer f.runs.Add(-1)
	select {
	case f.data <- string(p):
		return len(p), nil
	case <-f.shut:
		return 0, linux.EBADF
	}
}

// running waits until so many calls of a file wait.
func running(t testing.TB, d *pipes, name string, n int32) {
	t.Helper()
	runs := d.files[name].runs
	if !srvtest.Until(func() bool { return runs.Load() == n }) {
		t.Fatalf("%d calls of %s wait, not %d", runs.Load(), name, n)
	}
}

// TestFlush flushes reads that block: the others go on, and no byte is lost.
func TestFlush(t *testing.T) {
	d := newPipes("a", "b")
	srvtest.Each(t, func() srv.File { return tree(t, d) }, func(t *testing.T, r *client.Fid) {
		fsys := client.Fsys{Root: r}
		open := func(name string) *client.Fid {
			t.Helper()
			f, err := r.Walk(bg, name)
			if err == nil {
				err = f.Open(bg, p9.ORDWR)
			}
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		a := open("a")
		ctx, cancel := context.WithCancel(bg)
		done := make(chan error)
		const n = 20
		for range n {
			go func() {
				_, err := a.Read(ctx, make([]byte, 100), 0)
				done <- err
			}()
		}
		running(t, d, "a", n)
		// While they block, the tree can be changed and read: under hugelgupf's
		// server this is where all stops.
		if err := fsys.Rename(bg, "b", "c"); err != nil {
			t.Error(err)
		}
		if _, err := a.Stat(bg); err != nil {
			t.Error(err)
		}
		if err := fsys.Rename(bg, "c", "b"); err != nil {
			t.Error(err)
		}
		cancel()
		for range n {
			if err := <-done; !errors.Is(err, context.Canceled) && !errors.Is(err, p9.ErrInterrupted) {
				t.Errorf("flushed read: %v", err)
			}
		}
		d.files["a"].data <- "hello, world"
		var got string
		for len(got) < 12 { // by a read of its own or one that was given up
			buf := make([]byte, 5)
			n, err := a.Read(bg, buf, int64(len(got)))
			if err != nil {
				t.Fatal(err)
			}
			got += string(buf[:n])
		}
		if got != "hello, world" {
			t.Errorf("after the flush: %q", got)
		}
		a.Clunk(bg)
		running(t, d, "a", 0) // the clunk ended those that were given up

		b := open("b")
		ctx, cancel = context.WithCancel(bg)
		go func() {
			_, err := b.Write(ctx, []byte("x"), 0)
			done <- err
		}()
		running(t, d, "b", 1)
		cancel()
		if err := <-done; err == nil {
			t.Error("a flushed write that nobody took succeeds")
		}
		b.Clunk(bg)
		running(t, d, "b", 0)
		if err := fsys.Rename(bg, "b", "panic"); err == nil || r.Conn().DotL() && !errors.Is(err, syscall.EFAULT) {
			t.Errorf("a method that panics: %v", err)
		}
	})
}

// TestHangup ends connections in the middle of reads that block.
func TestHangup(t *testing.T) {
	d := newPipes("a")
	root := tree(t, d)
	for range 50 {
		t.Run("", func(t *testing.T) {
			r := srvtest.Mount(t, root, true)
			f, err := r.Walk(bg, "a")
			if err == nil {
				err = f.Open(bg, p9.OREAD)
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range 10 {
				go f.Read(bg, make([]byte, 10), int64(i))
			}
			running(t, d, "a", 10)
			r.Conn().Close()
		})
	}
	running(t, d, "a", 0)
}

// TestMany asks more of a file at once than it is given.
func TestMany(t *testing.T) {
	srvtest.CheckGoroutines(t)
	d := newPipes("a")
	f, err := srv.Walk(bg, tree(t, d), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Clunk(f)
	h, err := srv.Open(bg, f, p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Clunk(h)
	ctx, cancel := context.WithCancel(bg)
	cancel()
	for i := range 1024 {
		if _, err := h.(srv.Reader).Read(ctx, make([]byte, 10), int64(i)); !errors.Is(err, p9.ErrInterrupted) {
			t.Fatalf("read %d: %v", i, err)
		}
	}
	if _, err := h.(srv.Reader).Read(bg, make([]byte, 10), 2000); !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("one more: %v", err)
	}
}

// TestFifo opens pipes of localfs, which waits for the other end.
func TestFifo(t *testing.T) {
	dir, a := local(t)
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, "text", dir, "f")
	files := track(a)
	files.check(t)
	srvtest.Each(t, func() srv.File { return tree(t, files) }, func(t *testing.T, r *client.Fid) {
		fsys := client.Fsys{Root: r}
		walk := func() *client.Fid {
			f, err := r.Walk(bg, "fifo")
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		f := walk()
		ctx, cancel := context.WithCancel(bg)
		done := make(chan error)
		before := files.opens.Load()
		go func() { done <- f.Open(ctx, p9.OREAD) }()
		if !srvtest.Until(func() bool { return files.opens.Load() > before }) {
			t.Fatal("the pipe is not opened")
		}
		for _, to := range []string{"g", "f"} {
			if err := fsys.Rename(bg, map[string]string{"g": "f", "f": "g"}[to], to); err != nil {
				t.Error(err)
			}
		}
		cancel()
		if err := <-done; err == nil {
			t.Error("a flushed open succeeds")
		}
		f.Clunk(bg)
		// The open that was given up ends with a writer, and its file is closed.
		w, err := os.OpenFile(filepath.Join(dir, "fifo"), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.Close()

		f = walk()
		go func() { done <- f.Open(bg, p9.OREAD) }()
		if w, err = os.OpenFile(filepath.Join(dir, "fifo"), os.O_WRONLY, 0); err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(bg, make([]byte, 10), 0); p9.ErrorOf(err).Errno != syscall.ESPIPE {
			t.Errorf("read: %v", err) // it reads at offsets, which a pipe has not
		}
		if st, err := f.Stat(bg); err != nil || r.Conn().DotL() && st.Mode.Type() != fs.ModeNamedPipe {
			t.Errorf("stat: %+v, %v", st, err)
		}
	})
}
