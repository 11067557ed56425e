package factotum

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A secret is bytes in memory of their own, which is not swapped out and in no core
// dump, and is wiped in the end.
type secret struct {
	b   []byte
	mem []byte
}

// secret moves bytes into memory of their own: p is wiped.
func (f *Factotum) secret(p []byte) (*secret, error) {
	page := os.Getpagesize()
	mem, err := unix.Mmap(-1, 0, max(1, (len(p)+page-1)/page)*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		clear(p)
		return nil, fmt.Errorf("memory for a secret: %w", err)
	}
	// Where the limit of locked memory is reached the key is of more use than none.
	if err := unix.Mlock(mem); err != nil {
		f.unlocked.Do(func() { f.logf("secrets may be swapped out: mlock: %v", err) })
	}
	keepIn(mem)
	s := &secret{b: mem[:copy(mem, p):len(p)], mem: mem}
	clear(p)
	return s, nil
}

// free wipes it.
func (s *secret) free() {
	clear(s.mem)
	unix.Munmap(s.mem)
	s.b, s.mem = nil, nil
}
