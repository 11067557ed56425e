package srv

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ninespace/srv/p9"
)

// A Server serves one tree, or one for each attach, to any number of connections.
type Server struct {
	// Attach gives the root for a user and an attach name. An error refuses. It is the one
	// field that must be set, as New does.
	Attach func(ctx context.Context, uname, aname string) (File, error)
	// Auth begins an authentication conversation; nil: none is required.
	Auth func(ctx context.Context, uname, aname string) (AuthFile, error)
	// Msize is the largest message, p9.MaxMsize where 0.
	Msize uint32
	// Conns is how many connections Serve has at once, 32,768 where 0; more
	// have to wait until one ends.
	Conns int
	// Memory is how many bytes of replies may wait for clients to take them,
	// over all connections, 1 GiB where 0. While it is more, a connection whose
	// client has taken nothing for 30 seconds is cut off.
	Memory int64
	// Requests is how many bytes of requests may be held until they are done, over
	// all connections, 1 GiB where 0. A connection may hold a sixteenth of what
	// the others leave of that; what is more is refused with ENOMEM, but for
	// messages of 512 bytes and less, such as Tflush.
	Requests int64
	// Descriptors is how many descriptors files may hold (see Descriptor), over all
	// connections, seven eighths of what the process may have where 0: getrlimit(2)'s
	// RLIMIT_NOFILE when the first connection comes. A connection may have a quarter
	// of what the others leave of that; then it is told EMFILE.
	Descriptors int64
	// Leases, where set, are given to the clients that ask for them.
	Leases *Leases
	// Trace, where set, is given each message in the text form of p9.Fcall, by
	// many goroutines at once.
	Trace func(line string)
	// Log, where set, is told by many goroutines at once what the server's keeper may
	// want to know: who was refused, which connection broke the protocol or was cut
	// off, and, once for each, which may have no more of what all share. It must not wait.
	Log func(line string)

	once sync.Once
	st   *state
}

// What a server has that runs.
type state struct {
	shards [shards]shard
	limits [stocks]int64
	mem    atomic.Int64 // bytes of replies that wait
	down   atomic.Bool  // Shutdown

	mu        sync.Mutex
	conns     map[*conn]bool
	listeners map[*net.Listener]bool // by address: their types may not be comparable
	next      int                    // the next connection's shard
	watched   bool                   // somebody looks for slow readers
	stalled   time.Duration          // how long those may take nothing
	empty     chan struct{}          // closed when the last connection has ended, after Shutdown
}

// ErrShutdown refuses what is asked of a server that was told to stop.
var ErrShutdown = p9.NewError(syscall.ESHUTDOWN, "server is shutting down")

const (
	defaultConns  = 32 << 10
	defaultMemory = 1 << 30
	stalled       = 30 * time.Second // Server.Memory
)

func (s *Server) state() *state {
	s.once.Do(func() {
		s.st = &state{limits: s.limits(), conns: map[*conn]bool{}, listeners: map[*net.Listener]bool{}, empty: make(chan struct{}), stalled: stalled}
	})
	return s.st
}

// New makes a server of one tree: root's, if it is an Attacher, or else root
// itself, by an attach name that is empty or "/". Of a Leaser's files it gives leases.
func New(root File) *Server {
	var leases *Leases
	if l, ok := root.(Leaser); ok {
		leases = l.Leases()
	}
	return &Server{Leases: leases, Attach: func(ctx context.Context, _, aname string) (File, error) {
		if a, ok := root.(Attacher); ok {
			return a.Attach(ctx, aname)
		}
		if aname != "" && aname != "/" {
			return nil, p9.NewError(2, "no such tree: "+aname)
		}
		return root, nil
	}}
}

// Serve accepts connections and serves each until ctx ends, Shutdown is called or
// the listener fails; it returns when all have ended, with the listener closed.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	st := s.state()
	if !st.listen(&l) {
		return ErrShutdown
	}
	defer st.unlisten(&l)
	limit := s.Conns
	if limit == 0 {
		limit = defaultConns
	}
	room := make(chan struct{}, limit)
	var wg sync.WaitGroup
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
		}
		c, err := Accept(ctx, l, nil)
		switch {
		case err == nil:
		case st.down.Load() || ctx.Err() != nil:
			wg.Wait()
			return nil
		default:
			cancel()
			wg.Wait()
			return err
		}
		wg.Go(func() {
			s.ServeConn(ctx, c)
			<-room
		})
	}
}

func (st *state) listen(l *net.Listener) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.down.Load() {
		return false
	}
	st.listeners[l] = true
	return true
}

func (st *state) unlisten(l *net.Listener) {
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.listeners, l)
}

// enter counts a connection and gives its shard.
func (st *state) enter(c *conn) *shard {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.conns[c] = true
	st.next++
	return &st.shards[st.next%shards]
}

func (st *state) leave(c *conn) {
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.conns, c)
	if len(st.conns) == 0 && st.down.Load() {
		st.finish()
	}
}

// finish tells Shutdown that there is nothing left. st.mu is held.
func (st *state) finish() {
	select {
	case <-st.empty:
	default:
		close(st.empty)
	}
}

// Shutdown stops the server in order: no connection is accepted any more, what
// runs runs to its end, and what is asked meanwhile, but for Tflush and Tclunk,
// is refused with ErrShutdown. A connection ends when nothing runs on it and its
// client has taken all replies. If ctx ends first, all that still runs is
// cancelled and ctx's error returned. Serve then returns nil.
func (s *Server) Shutdown(ctx context.Context) error {
	st := s.state()
	st.mu.Lock()
	st.down.Store(true)
	if len(st.conns) == 0 {
		st.finish()
	}
	for l := range st.listeners {
		(*l).Close()
	}
	conns := st.list()
	st.mu.Unlock()
	for _, c := range conns {
		c.drain()
	}
	select {
	case <-st.empty:
		return nil
	case <-ctx.Done():
	}
	st.mu.Lock()
	conns = st.list()
	st.mu.Unlock()
	for _, c := range conns {
		c.rwc.Close()
	}
	<-st.empty
	return ctx.Err()
}

// list gives the connections. st.mu is held.
func (st *state) list() []*conn {
	l := make([]*conn, 0, len(st.conns))
	for c := range st.conns {
		l = append(l, c)
	}
	return l
}

// scarce reports whether too many bytes wait for slow clients, and has the
// slowest cut off.
func (s *Server) scarce() bool {
	limit := s.Memory
	if limit == 0 {
		limit = defaultMemory
	}
	st := s.st
	if st.mem.Load() <= limit {
		return false
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.watched {
		st.watched = true
		go s.cutSlow(limit)
	}
	return true
}

// cutSlow closes, as long as memory is short, the connections whose client has
// taken nothing for too long.
func (s *Server) cutSlow(limit int64) {
	st := s.st
	tick := time.NewTicker(min(time.Second, st.stalled))
	defer tick.Stop()
	for range tick.C {
		st.mu.Lock()
		if st.mem.Load() <= limit || len(st.conns) == 0 {
			st.watched = false
			st.mu.Unlock()
			return
		}
		conns := st.list()
		st.mu.Unlock()
		for _, c := range conns {
			if since := c.out.since.Load(); since != 0 && clock()-since > int64(st.stalled) {
				c.say("cut off: its client has taken nothing for %v", st.stalled)
				go c.rwc.Close() // which may take its time, where it is not a socket
			}
		}
	}
}
