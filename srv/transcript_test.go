package srv_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A box is a directory with one file, f, in which anything can be made: what the
// engine lets through to it is checked.
type box struct {
	*srv.Dir
	t testing.TB
}

func newBox(t testing.TB) *box {
	b := &box{srv.NewDir(), t}
	b.Node = srv.NewNode(fs.ModeDir | 0o777)
	b.Add("f", &boxed{Node: srv.NewNode(0o666), Bytes: "f", xattrs: map[string][]byte{"user.a": []byte("value")}})
	return b
}

func (b *box) called(names ...string) error {
	for _, n := range names {
		if srv.CheckName(n) != nil {
			b.t.Errorf("the name %q reached the file", n)
		}
	}
	return p9.ErrIO
}

func (b *box) Create(_ context.Context, name string, _ fs.FileMode, _ p9.Mode) (srv.File, srv.Handle, error) {
	return nil, nil, b.called(name)
}
func (b *box) Symlink(_ context.Context, name, _ string) (srv.File, error) {
	return nil, b.called(name)
}
func (b *box) Link(_ context.Context, _ srv.File, name string) error { return b.called(name) }
func (b *box) Mknod(_ context.Context, name string, _ fs.FileMode, _ uint64) (srv.File, error) {
	return nil, b.called(name)
}
func (b *box) Rename(_ context.Context, old string, _ srv.File, name string) error {
	return b.called(old, name)
}
func (b *box) Unlink(_ context.Context, name string, _ bool) error { return b.called(name) }

// A boxed is a file with attributes.
type boxed struct {
	srv.Node
	srv.Bytes
	mu     sync.Mutex
	xattrs map[string][]byte
}

func (f *boxed) Listxattr(context.Context) (names []string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := range f.xattrs {
		names = append(names, n)
	}
	return names, nil
}

func (f *boxed) Getxattr(_ context.Context, name string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := f.xattrs[name]; ok {
		return v, nil
	}
	return nil, syscall.ENODATA
}

func (f *boxed) Setxattr(_ context.Context, name string, value []byte, _ int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.xattrs[name] = value
	return nil
}

func (f *boxed) Removexattr(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.xattrs, name)
	return nil
}

func transcriptTree(t testing.TB) srv.File {
	closed := srv.NewDir()
	closed.Node = srv.NewNode(fs.ModeDir)
	return srv.NewDir().Add("hello", srv.Const("hello, world\n")).Add("d", srv.NewDir().Add("leaf", srv.Const("leaf"))).
		Add("q", srv.NewQueue(0o666)).Add("closed", closed).Add("box", newBox(t))
}

// TestTranscripts plays testdata/*.9p, each on a connection of its own.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.9p")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts: ", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".9p"), func(t *testing.T) {
			srvtest.Transcript(t, srv.New(transcriptTree(t)), file)
		})
	}
}
