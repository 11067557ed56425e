package p9file

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	hp9 "github.com/hugelgupf/p9/p9"
)

// A contract holds those who call a tree's files to what p9.File's comments
// promise each method: with read, nothing runs that writes; with write and global,
// nothing else runs. (A promise for a directory is kept here by one for the tree.)
type contract struct {
	hp9.Attacher
	mu     sync.RWMutex
	calls  atomic.Int64
	mu2    sync.Mutex
	broken map[string]bool
}

func (c *contract) Attach() (hp9.File, error) {
	f, err := c.Attacher.Attach()
	return c.file(f, false, err), err
}

func (c *contract) file(f hp9.File, empty bool, err error) hp9.File {
	if err != nil {
		return nil
	}
	b := &bound{File: f, c: c}
	b.empty.Store(empty)
	return b
}

func (c *contract) check(t *testing.T) {
	for what := range c.broken {
		t.Error(what)
	}
	if c.calls.Load() == 0 {
		t.Error("no call was held to anything")
	}
}

func (c *contract) say(method string, did bool) {
	c.calls.Add(1)
	if !did {
		c.mu2.Lock()
		defer c.mu2.Unlock()
		c.broken[fmt.Sprintf("%s ran beside a method that excludes it", method)] = true
	}
}

func (c *contract) read(method string) func() {
	did := c.mu.TryRLock()
	c.say(method, did)
	if !did {
		return func() {}
	}
	return c.mu.RUnlock
}

func (c *contract) write(method string) func() {
	did := c.mu.TryLock()
	c.say(method, did)
	if !did {
		return func() {}
	}
	return c.mu.Unlock
}

// A bound is a file under contract.
type bound struct {
	hp9.File
	c     *contract
	empty atomic.Bool // was, when last asked: reading and writing may wait, and is under no promise
}

func free(f hp9.File) hp9.File { return f.(*bound).File }

func (b *bound) data(method string) func() {
	if b.empty.Load() {
		return func() {}
	}
	return b.c.read(method)
}

func (b *bound) Walk(names []string) ([]hp9.QID, hp9.File, error) {
	defer b.c.read("Walk")()
	q, f, err := b.File.Walk(names)
	return q, b.c.file(f, b.empty.Load(), err), err
}

func (b *bound) WalkGetAttr(names []string) ([]hp9.QID, hp9.File, hp9.AttrMask, hp9.Attr, error) {
	defer b.c.read("WalkGetAttr")()
	q, f, valid, a, err := b.File.WalkGetAttr(names)
	return q, b.c.file(f, a.Size == 0, err), valid, a, err
}

func (b *bound) GetAttr(req hp9.AttrMask) (hp9.QID, hp9.AttrMask, hp9.Attr, error) {
	defer b.c.read("GetAttr")()
	q, valid, a, err := b.File.GetAttr(req)
	if a.Size == 0 {
		b.empty.Store(true)
	}
	return q, valid, a, err
}

func (b *bound) SetAttr(valid hp9.SetAttrMask, a hp9.SetAttr) error {
	defer b.c.write("SetAttr")()
	return b.File.SetAttr(valid, a)
}

func (b *bound) Open(flags hp9.OpenFlags) (hp9.QID, uint32, error) {
	defer b.c.read("Open")()
	return b.File.Open(flags)
}

func (b *bound) ReadAt(p []byte, off int64) (int, error) {
	defer b.data("ReadAt")()
	return b.File.ReadAt(p, off)
}

func (b *bound) WriteAt(p []byte, off int64) (int, error) {
	defer b.data("WriteAt")()
	return b.File.WriteAt(p, off)
}

func (b *bound) FSync() error {
	defer b.data("FSync")()
	return b.File.FSync()
}

func (b *bound) Create(name string, flags hp9.OpenFlags, perm hp9.FileMode, uid hp9.UID, gid hp9.GID) (hp9.File, hp9.QID, uint32, error) {
	defer b.c.write("Create")()
	f, q, unit, err := b.File.Create(name, flags, perm, uid, gid)
	return b.c.file(f, false, err), q, unit, err
}

func (b *bound) Mkdir(name string, perm hp9.FileMode, uid hp9.UID, gid hp9.GID) (hp9.QID, error) {
	defer b.c.write("Mkdir")()
	return b.File.Mkdir(name, perm, uid, gid)
}

func (b *bound) Symlink(old, name string, uid hp9.UID, gid hp9.GID) (hp9.QID, error) {
	defer b.c.write("Symlink")()
	return b.File.Symlink(old, name, uid, gid)
}

func (b *bound) Link(target hp9.File, name string) error {
	defer b.c.write("Link")()
	return b.File.Link(free(target), name)
}

func (b *bound) RenameAt(old string, dir hp9.File, name string) error {
	defer b.c.write("RenameAt")()
	return b.File.RenameAt(old, free(dir), name)
}

func (b *bound) Renamed(dir hp9.File, name string) {
	defer b.c.write("Renamed")()
	b.File.Renamed(free(dir), name)
}

func (b *bound) UnlinkAt(name string, flags uint32) error {
	defer b.c.write("UnlinkAt")()
	return b.File.UnlinkAt(name, flags)
}

func (b *bound) Readdir(off uint64, count uint32) (hp9.Dirents, error) {
	defer b.c.read("Readdir")()
	return b.File.Readdir(off, count)
}

func (b *bound) Readlink() (string, error) {
	defer b.c.read("Readlink")()
	return b.File.Readlink()
}
