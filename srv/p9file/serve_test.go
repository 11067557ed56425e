package p9file_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"

	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv/diskfs"
	"ninespace/srv/p9file"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// hugelgupf's server keeps goroutines as it needs them while a connection lasts,
// and would confuse whoever counts ours: it has a process of its own, this binary
// with the tree to serve in the environment, on descriptor 3.
const serveEnv = "P9FILE_TEST_SERVE"

func TestMain(m *testing.M) {
	if what, ok := os.LookupEnv(serveEnv); ok {
		if err := serve(what); err != nil {
			fmt.Fprintln(os.Stderr, "serve:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serve serves a directory of the machine or, for "", an empty ramfs.
func serve(dir string) error {
	root := ramfs.New()
	if dir != "" {
		var err error
		if root, err = diskfs.New(dir); err != nil {
			return err
		}
	}
	c, err := net.FileConn(os.NewFile(3, "connection"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return hp9.NewServer(p9file.Attacher(ctx, root)).Handle(c, c)
}

// theirServer starts hugelgupf's server of a tree of ours and gives the other end
// of its connection. The test ends when the server has.
func theirServer(t testing.TB, dir string) net.Conn {
	t.Helper()
	a, b := srvtest.Pair(t)
	f, err := b.(*net.UnixConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), serveEnv+"="+dir, "GORACE=atexit_sleep_ms=0") // the race detector's exit takes a second
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("hugelgupf's server: %v", err)
		}
	})
	return a
}

// theirClient attaches by hugelgupf's client.
func theirClient(t testing.TB, c net.Conn) hp9.Attacher {
	t.Helper()
	cl, err := hp9.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	return attach(func() (hp9.File, error) { return cl.Attach("") })
}

// serverSide makes of a client's files what they are on a server, and what the
// suite, which is made for that side, takes them for: Create leaves the directory
// what it was, and Readdir counts entries, not bytes.
type serverSide struct{ hp9.File }

func asServer(a hp9.Attacher) hp9.Attacher {
	return attach(func() (hp9.File, error) {
		f, err := a.Attach()
		return serverSide{f}, err
	})
}

func (f serverSide) Walk(names []string) ([]hp9.QID, hp9.File, error) {
	qids, g, err := f.File.Walk(names)
	return qids, serverSide{g}, err
}

func (f serverSide) Create(name string, flags hp9.OpenFlags, perm hp9.FileMode, uid hp9.UID, gid hp9.GID) (hp9.File, hp9.QID, uint32, error) {
	_, d, err := f.File.Walk(nil)
	if err != nil {
		return nil, hp9.QID{}, 0, err
	}
	const excl = 0o200 // else our engine, and Linux, open a file that is there
	g, q, unit, err := d.Create(name, flags|excl, perm, uid, gid)
	if err != nil {
		d.Close()
	}
	return serverSide{g}, q, unit, err
}

func (f serverSide) Readdir(off uint64, count uint32) (hp9.Dirents, error) {
	ents, err := f.File.Readdir(off, 32<<10)
	return ents[:min(len(ents), int(count))], err
}
