package devfuse

import (
	"sync"

	"golang.org/x/sys/unix"
)

// buffers are those of one size that are not in use. They are not of Go's heap, which counts all of
// one that is hardly used, and clears all of it when it is used again: the kernel gives memory
// for what is in them only.
type buffers struct {
	size int
	mu   sync.Mutex
	free [][]byte
}

const keepBuffers = 4

// get gives one, of which nobody may assume that it is cleared.
func (b *buffers) get() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.free); n > 0 {
		buf := b.free[n-1]
		b.free = b.free[:n-1]
		return buf
	}
	if buf, err := unix.Mmap(-1, 0, b.size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON); err == nil {
		return buf
	}
	return make([]byte, b.size)
}

func (b *buffers) put(buf []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.free) < keepBuffers {
		b.free = append(b.free, buf)
		return
	}
	unmap(buf)
}

// drop lets go of those that are free.
func (b *buffers) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, buf := range b.free {
		unmap(buf)
	}
	b.free = nil
}

// unmap gives back a buffer that is mapped; what is not is the garbage collector's.
func unmap(buf []byte) { unix.Munmap(buf) }

// Rest lets go of what is kept for the next requests, when none comes.
func (c *Conn) Rest() {
	c.large.drop()
	c.medium.drop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = nil
}
