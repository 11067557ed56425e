package ns

import (
	"io/fs"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// Reads, writes and mappings of a file on the host's own disks need not come
// here: the kernel does them by a descriptor that it is lent at open
// (FOPEN_PASSTHROUGH, Linux 6.9; root only). It has the open files of an inode
// be all lent one and the same file, or none: the first of them decides.

// A backer is a handle whose bytes are those of an open file of this process.
type backer interface {
	// Backing gives the file's descriptor, which stays the handle's.
	Backing() int
}

// backLeast is how long a file is that is read by the kernel itself. For a shorter
// one the lending costs more than it saves.
const backLeast = 64 << 10

// A backing is what the kernel is lent for an inode.
type backing struct {
	mu    sync.Mutex
	id    int32 // 0: nothing
	opens int   // open files, but for those that are never cached
}

// lent tells whether the kernel reads and writes the file by itself.
func (b *backing) lent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.id != 0
}

// cached tells whether the file is open, and the kernel may have some of it.
func (b *backing) cached() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opens > 0 && b.id == 0
}

// back sets how the data of a file that is being opened goes. It reports false if
// that is to be the engine's way.
func (f *fuseFS) back(fh *fileHandle, st *p9.Stat, flags uint32, out *devfuse.OpenOut) bool {
	b := &fh.n.backing
	b.mu.Lock()
	defer b.mu.Unlock()
	fh.counted = true
	b.opens++
	writes := flags&unix.O_ACCMODE != unix.O_RDONLY
	// Set-id bits go with a write of someone else's. The kernel's would be root's.
	setid := writes && st.Mode&(fs.ModeSetuid|fs.ModeSetgid) != 0
	if b.opens == 1 && !setid && (writes || st.Length >= backLeast) {
		b.id = f.lend(fh.h)
	}
	if b.id == 0 {
		return false
	}
	out.OpenFlags, out.BackingId = devfuse.FopenPassthrough, b.id
	if setid { // others have it lent, but writes of this one come here
		out.OpenFlags |= devfuse.FopenDirectIO
	}
	return true
}

// lend gives the number by which the kernel knows a handle's file, 0 where it
// takes none.
func (f *fuseFS) lend(h srv.Handle) int32 {
	o, ok := h.(backer)
	if !ok || f.conn == nil || f.alone.Load() {
		return 0
	}
	id, errno := f.conn.Lend(o.Backing())
	switch errno {
	case 0:
		return id
	case syscall.EPERM, syscall.ENOTTY, syscall.EINVAL:
		f.alone.Store(true) // not root, or an older kernel
	}
	return 0 // not from this disk
}

// unback lets go of what was lent, with the last open file.
func (f *fuseFS) unback(fh *fileHandle) {
	b := &fh.n.backing
	b.mu.Lock()
	defer b.mu.Unlock()
	if !fh.counted {
		return
	}
	if b.opens--; b.opens == 0 && b.id != 0 {
		f.conn.Unlend(b.id)
		b.id = 0
	}
}
