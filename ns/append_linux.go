package ns

import (
	"context"
	"sync"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A file that is open to append has each write put at its end by the server, whatever
// the offset. Two kinds of write through it are not meant so: what was changed in
// memory, a mapping, for which the kernel uses any open file of the inode; and all
// after O_APPEND was taken away by fcntl(2). For these it is opened once more.

// A plainHandle is a file open to write, once it is needed.
type plainHandle struct {
	mu sync.Mutex
	h  srv.Handle
}

// writer gives what a write with open(2)'s flags goes to.
func (h *fileHandle) writer(ctx context.Context, flags uint32) (srv.Writer, error) {
	to := h.h
	if h.appends && flags&unix.O_APPEND == 0 {
		p := &h.plain
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.h == nil {
			again, err := srv.Open(ctx, h.c.file, p9.OWRITE)
			if err != nil {
				return nil, err
			}
			p.h = again
		}
		to = p.h
	}
	if w, ok := to.(srv.Writer); ok {
		return w, nil
	}
	return nil, unix.EACCES
}

// flush waits for writes that were answered before the server had.
func (h *fileHandle) flush(ctx context.Context) error {
	h.plain.mu.Lock()
	hs := [...]srv.Handle{h.h, h.plain.h}
	h.plain.mu.Unlock()
	for _, h := range hs {
		if w, ok := h.(flusher); ok {
			if err := w.Flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// clunk lets the file go.
func (p *plainHandle) clunk() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.h != nil {
		srv.Clunk(p.h)
		p.h = nil
	}
}
