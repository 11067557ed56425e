package ns

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"slices"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/osthread"
)

// An engine may be in the process of its session, which then is one process and not two, and
// reads what comes from its streams without a further copy. That process must not use what the
// engine serves: it would wait for itself.

// StartHere starts an engine in this process. host makes the tree #U, as for Serve.
func StartHere(o EngineOptions, host func() (srv.File, error)) (*Session, error) {
	h, err := startApart(o, host)
	if err != nil {
		return nil, fmt.Errorf("nsd: %w", err)
	}
	ours, theirs, err := socketpair()
	if err != nil {
		h.end()
		return nil, fmt.Errorf("nsd: %w", err)
	}
	c, err := net.FileConn(theirs)
	theirs.Close()
	if err != nil {
		ours.Close()
		h.end()
		return nil, fmt.Errorf("nsd: %w", err)
	}
	s := &Session{exe: "/proc/self/exe", dev: h.dev, control: ours, done: make(chan struct{}), rest: h.rest}
	go func() {
		defer close(s.done)
		defer h.end()
		defer c.Close()
		h.control(c.(*net.UnixConn), nil)
	}()
	return s, nil
}

// startApart is start on a thread that has a mount namespace of its own, which this process
// need not have.
func startApart(o EngineOptions, tree func() (srv.File, error)) (h *host, err error) {
	ended := make(chan struct{})
	osthread.Go(func() {
		defer close(ended)
		if err = unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			err = fmt.Errorf("new mount namespace: %w", err)
			return
		}
		h, err = start(o, tree)
	})
	<-ended
	return h, err
}

// rest lets go of what is kept for what is asked next.
func (h *host) rest() {
	h.fuseFS.conn.Rest()
	h.home.rest()
}

// end ends an engine in a process that goes on, once nobody asks for groups any more.
func (h *host) end() {
	h.eng.settle()
	h.abort()
	go func() {
		<-h.served // the kernel asks nothing any more, nor does anybody by it
		h.forgetAll()
		h.tops.close()
		h.eng.close()
		h.home.end()
		unix.Close(h.dir)
		unix.Close(h.engine)
	}()
}

// forgetAll lets go of all that the kernel had open, or knew.
func (f *fuseFS) forgetAll() {
	f.hmu.Lock()
	handles := slices.Collect(maps.Keys(f.handles))
	f.hmu.Unlock()
	for _, fh := range handles {
		switch f.handle(fh).(type) {
		case *fileHandle:
			f.Release(nil, &devfuse.ReleaseIn{Fh: fh})
		case *dirHandle:
			f.ReleaseDir(&devfuse.ReleaseIn{Fh: fh})
		}
	}
	f.mu.Lock()
	nodes := slices.Collect(maps.Keys(f.nodes))
	f.mu.Unlock()
	for _, id := range nodes {
		f.Forget(id, math.MaxUint64)
	}
}

// close lets go of all that an engine has, of which there is no group with a process in it
// any more: connections, and descriptors that were posted.
func (e *Engine) close() {
	e.mu.Lock()
	groups := slices.Collect(maps.Values(e.groups))
	e.mu.Unlock()
	for _, g := range groups {
		g.Close()
	}
	if d, ok := e.srvDev.root.(*srvDir); ok {
		d.mu.Lock()
		posts := slices.Collect(maps.Values(d.posts))
		d.mu.Unlock()
		for _, p := range posts {
			p.Remove(context.Background())
		}
	}
	for _, s := range e.streams {
		s.end()
	}
	if c, ok := e.host.root.(io.Closer); ok {
		c.Close()
	}
}
