package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/diskfs"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
)

// What the guest of TestV9fs mounts.

// v9fsTrees makes what the guest mounts.
func v9fsTrees(t *testing.T) map[string]srv.File {
	disk := func(dir string, opts ...diskfs.Option) srv.File {
		root, err := diskfs.New(dir, opts...)
		if err != nil {
			t.Fatal(err)
		}
		return root
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	trees := map[string]srv.File{"ramfs": ramfs.New(), "full": ramfs.New(ramfs.Limit(1 << 20)), "full9": ramfs.New(ramfs.Limit(1 << 20))}
	many, _, err := srv.Create(ctx, trees["ramfs"], "many", fs.ModeDir|0o755, p9.OREAD)
	must(err)
	dir := tempDir(t)
	for _, d := range []string{"disk/many", "readonly/d"} {
		must(os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	for i := range 10000 {
		name := fmt.Sprintf("%05d", i) + strings.Repeat("x", i*i%97) // as the guest's manyName
		must(os.WriteFile(filepath.Join(dir, "disk/many", name), nil, 0o644))
		f, h, err := srv.Create(ctx, many, name, 0o644, p9.OREAD)
		must(err)
		srv.Clunk(h)
		srv.Clunk(f)
	}
	errs := srv.NewDir()
	for _, err := range sharedErrors() {
		name := fmt.Sprintf("%d %s", err.Errno, strings.ReplaceAll(err.Ename, "/", "|"))
		errs.Add(name, &refusal{srv.NewNode(0o444), err})
	}
	trees["errors"] = errs
	must(os.WriteFile(filepath.Join(dir, "readonly/f"), []byte("text"), 0o644))
	must(os.WriteFile(filepath.Join(dir, "readonly/d/f"), []byte("in d"), 0o644))
	must(os.Symlink("f", filepath.Join(dir, "readonly/l")))
	trees["diskfs"] = disk(filepath.Join(dir, "disk"), diskfs.PerUser())
	trees["readonly"] = disk(filepath.Join(dir, "readonly"), diskfs.ReadOnly())
	tools := filepath.Join(dir, "tools")
	carry(t, tools, "/usr/bin/stress-ng")
	if carry(t, tools, "/usr/bin/dbench") {
		must(copyFile("/usr/share/dbench/client.txt", filepath.Join(tools, "client.txt")))
	}
	trees["tools"] = disk(tools, diskfs.ReadOnly())
	return trees
}

// A refusal is a file that cannot be opened.
type refusal struct {
	srv.Node
	err *p9.Error
}

func (r *refusal) Open(context.Context, p9.Mode) (srv.Handle, error) { return nil, r.err }

// sharedErrors are those that the servers share and those of all numbers.
func sharedErrors() []*p9.Error {
	all := []*p9.Error{
		p9.ErrPerm, p9.ErrNotOwner, p9.ErrNotExist, p9.ErrExist, p9.ErrNotDir, p9.ErrIsDir, p9.ErrNotEmpty, p9.ErrUnknownFid,
		p9.ErrFidInUse, p9.ErrBadUseFid, p9.ErrOpen, p9.ErrBadMode, p9.ErrBadName, p9.ErrBadOffset, p9.ErrDirOffset,
		p9.ErrBadCount, p9.ErrReadOnly, p9.ErrExclOpen, p9.ErrBotch, p9.ErrBadStat, p9.ErrWstat, p9.ErrIO, p9.ErrInterrupted,
		p9.ErrNotSup, p9.ErrNoAuth, p9.ErrNameTooLong, p9.ErrHungup, p9.ErrUnknownUser,
	}
	for n := syscall.Errno(1); n <= unix.EHWPOISON; n++ {
		if n != 41 && n != 58 { // which no error has
			all = append(all, p9.ErrorOfErrno(n))
		}
	}
	return all
}

// carry puts a program of this machine and its libraries into dir/bin and dir/lib,
// and the loader there as ld.so.
func carry(t *testing.T, dir, file string) bool {
	t.Helper()
	for _, d := range []string{"bin", "lib"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("ldd", file).Output()
	if err != nil {
		return false
	}
	err = copyFile(file, filepath.Join(dir, "bin", filepath.Base(file)))
	for _, lib := range regexp.MustCompile(`(/\S+) \(0x`).FindAllStringSubmatch(string(out), -1) {
		name := filepath.Base(lib[1])
		if strings.HasPrefix(name, "ld-linux") {
			name = "ld.so"
		}
		err = errors.Join(err, copyFile(lib[1], filepath.Join(dir, "lib", name)))
	}
	if err != nil {
		t.Fatal(err)
	}
	return true
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

// serveTCP serves a tree on the loopback interface until the test's end and
// returns the port.
func serveTCP(t *testing.T, root srv.File) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- srv.New(root).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().(*net.TCPAddr).Port
}
