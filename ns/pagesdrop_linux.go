package ns

import (
	"sync"
	"time"

	"ninespace/srv/p9"
)

// dropPatience is how long is waited for the pages of files that others change to go, which
// have to wait for the kernel's reads and writes of them. The server waits that long.
const dropPatience = p9.LeaseTerm / 6

// drops are the files whose pages the kernel is told to forget. It takes a thread of ours for
// each until that is done, which is when the server has answered the reads and writes of the
// file that are under way: so it is one at a time of a file, and dropMost of a server's.
type drops struct {
	mu   sync.Mutex
	devs map[uint64]*devDrops
}

// devDrops are those of a device's files.
type devDrops struct {
	busy  int // how many threads
	queue []*node
}

const dropMost = 32

// A dropped is when a file's pages are gone, and the version that those are of which come
// after; 0: it is not known.
type dropped struct {
	done chan struct{}
	vers uint64
}

// drop has the kernel forget a file's pages, and its attributes. What it gives is closed when
// it has; node.vers, where that is 0, is vers then, unless this is 0 too.
func (f *fuseFS) drop(n *node, vers uint64) <-chan struct{} {
	f.drops.mu.Lock()
	defer f.drops.mu.Unlock()
	if n.dropping != nil && vers != 0 && n.dropping.vers == vers {
		return n.dropping.done // what is read since it began is as new
	}
	if n.drop == nil { // else it has not begun
		n.drop = &dropped{done: make(chan struct{})}
		if n.dropping == nil {
			f.queueDrop(n)
		}
	}
	if vers != 0 {
		n.drop.vers = vers
	}
	return n.drop.done
}

// queueDrop has a file be the last of its server's. f.drops.mu is held.
func (f *fuseFS) queueDrop(n *node) {
	dev := f.drops.devs[n.key.dev]
	if dev == nil {
		dev = &devDrops{}
		f.drops.devs[n.key.dev] = dev
	}
	dev.queue = append(dev.queue, n)
	if dev.busy < dropMost {
		dev.busy++
		go f.dropQueued(n.key.dev, dev)
	}
}

// dropQueued drops what is queued, one after the other.
func (f *fuseFS) dropQueued(id uint64, dev *devDrops) {
	d := &f.drops
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(dev.queue) > 0 {
		n := dev.queue[0]
		dev.queue = dev.queue[1:]
		n.dropping, n.drop = n.drop, nil
		d.mu.Unlock()
		f.conn.DropData(n.id)
		d.mu.Lock()
		if vers := n.dropping.vers; vers != 0 && (n.drop == nil || n.drop.vers == 0) {
			n.vers.CompareAndSwap(0, vers)
		}
		close(n.dropping.done)
		if n.dropping = nil; n.drop != nil { // asked for meanwhile
			dev.queue = append(dev.queue, n)
		}
	}
	if dev.busy--; dev.busy == 0 {
		delete(d.devs, id)
	}
}

// dropAll does so with many files. One that is waited for is not in the way of others.
func (f *fuseFS) dropAll(files []*node) {
	var late []<-chan struct{}
	for _, n := range files {
		done := f.drop(n, 0)
		if len(late) >= dropMost || !doneIn(done, time.Millisecond) {
			late = append(late, done)
		}
	}
	t := time.NewTimer(dropPatience)
	defer t.Stop()
	for _, done := range late {
		select {
		case <-done:
		case <-t.C:
			return
		}
	}
}
