package ns

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// letters are the devices that are servers, by the names that they are posted
// under: #p is the tree of #s/proc.
var letters = map[byte]string{'c': "dev", 'e': "env", 'I': "net", 'p': "proc"}

// device gives the device of a name's first element: #U, #p, or #I1, where 1 is
// the aname. One that is a server is connected to anew each time.
func (e *Engine) device(ctx context.Context, spec string) (d *Dev, err error) {
	switch spec {
	case "#U":
		return e.host, nil
	case "#/", "#":
		return e.rootDev, nil
	case "#s":
		return e.srvDev, nil
	}
	if len(spec) > 1 && spec[0] == '#' {
		if name, ok := letters[spec[1]]; ok {
			return dial(ctx, "unix!"+filepath.Join(e.namespace, name), spec, spec[2:])
		}
	}
	return nil, fmt.Errorf("no such device or relative name: %w", p9.ErrNotExist)
}

// A srvDir is the device #s: the servers posted in a directory of sockets. They
// are there to be seen; it is mount that connects to them.
type srvDir struct {
	srv.Node
	dir string

	mu    sync.Mutex
	files map[string]*srvFile
}

type srvFile struct{ srv.Node }

// Open is refused: a server's connection is no file to read.
func (*srvFile) Open(context.Context, p9.Mode) (srv.Handle, error) { return nil, p9.ErrPerm }

func newSrvDir(dir string) *srvDir {
	return &srvDir{Node: srv.NewNode(fs.ModeDir | 0o555), dir: dir, files: map[string]*srvFile{}}
}

// Walk finds a server.
func (d *srvDir) Walk(_ context.Context, name string) (srv.File, error) {
	if fi, err := os.Lstat(filepath.Join(d.dir, name)); err != nil || fi.Mode()&fs.ModeSocket == 0 {
		return nil, p9.ErrNotExist
	}
	return d.file(name), nil
}

func (d *srvDir) file(name string) *srvFile {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[name]
	if f == nil {
		f = &srvFile{srv.NewNode(0o600)}
		d.files[name] = f
	}
	return f
}

// List gives the servers that there are now, by name.
func (d *srvDir) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		ents, err := os.ReadDir(d.dir)
		if err != nil {
			return // nobody has posted anything
		}
		for i, e := range ents {
			if uint64(i) < cookie || e.Type() != fs.ModeSocket {
				continue
			}
			st, _ := d.file(e.Name()).Stat(ctx)
			if !yield(p9.Dirent{Qid: st.Qid, Cookie: uint64(i) + 1, Name: e.Name()}, nil) {
				return
			}
		}
	}
}
