// Package netfs serves the network of the machine, as ip(3) of Plan 9 has it.
//
//	/                   0555
//	    PROTO/          0555  tcp
//	        clone       0666  opening it makes the next conversation and is its ctl
//	        stats       0444  the protocol's counts
//	        N/          0555  conversation N
//	            ctl     0600  reads as N; accepts commands
//	            data    0600  what comes and goes
//	            err     0400  the last error
//	            listen  0600  opening it waits for a caller and is the ctl of the conversation with him
//	            local   0444  addr!port of this side
//	            remote  0444  that of the other
//	            status  0444  the state, and numbers
package netfs

import (
	"context"
	"fmt"
	"os"
	"sync"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A Config says what netfs asks outside of itself. The zero Config asks the system.
type Config struct{}

// An FS is the served tree.
type FS struct {
	*srv.Dir
	cfg Config

	mu     sync.Mutex
	closed bool
	convs  map[*conv]bool
	wg     sync.WaitGroup // counts convs
}

// New makes the tree.
func New(cfg Config) *FS {
	f := &FS{Dir: srv.NewDir(), cfg: cfg, convs: map[*conv]bool{}}
	newTCP(f)
	return f
}

// Attach gives the tree, to the user that the process runs as and, where that is root,
// to everybody.
func (f *FS) Attach(ctx context.Context, aname string) (srv.File, error) {
	if aname != "" && aname != "/" {
		return nil, p9.ErrNotExist
	}
	if u := srv.UserOf(ctx); os.Geteuid() != 0 && !u.Host() {
		return nil, fmt.Errorf("%s: the network here is another user's: %w", u.Name, p9.ErrPerm)
	}
	return f, nil
}

// enter counts a conversation, unless there are to be no more.
func (f *FS) enter(c *conv) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.convs[c] = true
	f.wg.Add(1)
	return true
}

func (f *FS) leave(c *conv) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.convs, c)
	f.wg.Done()
}

// Close hangs up every conversation: whoever waits is told. No more can be made. What a
// conversation has goes when its last file is clunked.
func (f *FS) Close() {
	f.mu.Lock()
	f.closed = true
	all := make([]*conv, 0, len(f.convs))
	for c := range f.convs {
		all = append(all, c)
	}
	f.mu.Unlock()
	for _, c := range all {
		c.hangup()
	}
}
