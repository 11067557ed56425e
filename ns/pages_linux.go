package ns

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
	"ninespace/srv/p9"
)

// What the kernel has in memory of a file's data, its pages, it gives to who reads without a
// question. Which they are is known by the file's version (node.vers), and they are looked
// after when that is known to be another: at each open, when a lock is got, and when the
// attributes are told. Under a lease the server tells of changes before they are made, and the
// pages go before it hears that it was heeded.
//
// What the kernel writes goes into its pages too, at the place where it takes the file to end:
// so who appends, which is done by the server, writes past them. So does who reads and writes a
// file of which nothing is kept: it is shared with others, perhaps, as a data base is. A kernel
// that does not map such files (before Linux 6.6) compares the times of changes instead, before
// each read.

// pass tells whether reads and writes of an open file go past the kernel's pages. Mappings
// use them even so, and find none at first.
func (h *fileHandle) pass() bool {
	_, kept := h.h.(*keptHandle)
	return h.n.fs.maps && (h.appends || h.access == unix.O_RDWR && !kept)
}

// assured tells whether a file's server is bound to tell of its changes.
func (c *Chan) assured() bool {
	k, ok := c.file.(*kept)
	return ok && k.assured()
}

// locked looks at a file of which a lock was got, so that what is read under the lock is what
// was written under the one before. It reports whether that is so: not if the request is to end
// while the kernel has pages still of before, which a read of them that is not answered keeps. The
// lock is there, so for as long as that usually takes an interrupt does not end it.
//
// Nor must a name be found that was removed under the one before, as data bases do with their
// journals. So from the first lock on the kernel asks what the names of files mean whenever
// they are used; those that it was told before it believes for a moment still. Directories,
// which it believes for longer, it is to ask about again: doubtDirs.
func (f *fuseFS) locked(ctx context.Context, h *fileHandle) bool {
	d := h.c.dev
	d.locking.Do(func() {
		d.locks.Store(true)
		time.Sleep(fileBelieved)
	})
	f.doubtDirs(d, nil)
	if h.direct || f.conn == nil || h.n.backing.lent() {
		return true
	}
	asks, cancel := bounded(context.WithoutCancel(ctx))
	defer cancel()
	vers := uint64(0)
	if st, err := h.file().Stat(asks); err == nil {
		vers = uint64(st.Qid.Vers) + 1
	}
	n := h.n
	switch {
	case vers == 0 || n.vers.Load() != vers:
		n.vers.Store(0) // others who look meanwhile do as much
		dropped := f.drop(n, vers)
		if doneIn(dropped, dropPatience) {
			break
		}
		select {
		case <-dropped:
		case <-ctx.Done():
			return false
		}
	case n.attrs.Load() != vers:
		f.expireAttr(n.id)
	}
	return true
}

// settled waits until nothing that was changed in memory of a file is on its way, where it may
// be: the file is about to be opened to be empty, and the kernel does not wait for that.
func (f *fuseFS) settled(ctx context.Context, n *node) {
	if f.conn == nil || !n.backing.cached() {
		return
	}
	select {
	case <-f.drop(n, 0):
	case <-ctx.Done():
	}
}

// looked follows the telling of a file's attributes: if it is open, and another version than
// its pages are of, they go. Where the length is another, the kernel sees to that when it takes
// the attributes, which it would not do of a file of which it is told something meanwhile.
func (f *fuseFS) looked(n *node, c *Chan, st *p9.Stat) {
	was, vers := n.vers.Load(), uint64(st.Qid.Vers)+1
	if was == vers || n.length.Load() != st.Length || f.conn == nil || !n.backing.cached() || c.assured() {
		return
	}
	if n.vers.CompareAndSwap(was, 0) {
		doneIn(f.drop(n, vers), tellPatience)
	}
}

// tellPatience is how long is waited for the kernel to be told something, for which that may
// have to wait itself.
const tellPatience = 100 * time.Millisecond

// doneIn waits for something, but no longer than some time.
func doneIn(done <-chan struct{}, patience time.Duration) bool {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}
