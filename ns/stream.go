package ns

import (
	"context"
	"fmt"
	"io"
	"sync"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// A channel is an open file as those have it who share it: its bytes, without
// offsets. Read and Write end with their ctx, a Read that does so takes nothing.
type channel interface {
	Read(ctx context.Context, p []byte) (int, error)
	Write(ctx context.Context, p []byte) (int, error)
	Mode() p9.Mode // OREAD, OWRITE or ORDWR, as it was opened
	Close() error
}

// streamer marks handles without offsets, of which a blocked read must not stop a
// write.
type streamer interface{ Stream() }

// A stream is a connection with, perhaps, a 9P server at its other end: one that
// the engine was started with (#d/N) or an open file (#s/name). It lives as long
// as somebody holds it.
type stream struct {
	rwc io.ReadWriteCloser // nil: it is made of ch
	ch  channel

	turn chan struct{} // has room for who attaches: one at a time, so that a tree is kept once

	mu   sync.Mutex
	refs int
	conn *client.Conn // once it is mounted; all its mounts share it. It is set by whose turn it is

	// Of a stream that the engine was started with: its trees, which are kept as with MCACHE
	// and as long as the engine. So a tree has one lease, what one name space changes the others
	// know, and what one has learnt as well. They are of whose turn it is.
	keep func(*Dev)
	kept map[streamTree]*Dev
}

// A streamTree is a tree of a stream's, and the attributes of the key by which it was asked for.
type streamTree struct{ aname, key string }

// newStream makes a stream of one of the two, held once.
func newStream(rwc io.ReadWriteCloser, ch channel) *stream {
	return &stream{rwc: rwc, ch: ch, turn: make(chan struct{}, 1), refs: 1}
}

func (s *stream) hold() *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refs++
	return s
}

// release lets it go; the last one closes it.
func (s *stream) release() {
	s.mu.Lock()
	s.refs--
	last := s.refs == 0
	s.mu.Unlock()
	if !last {
		return
	}
	if s.conn != nil {
		s.conn.Close()
	} else if s.rwc != nil {
		s.rwc.Close()
	}
	if s.ch != nil {
		s.ch.Close()
	}
}

// end closes it, whoever holds it. That ends a negotiation, which has s.mu.
func (s *stream) end() {
	if s.rwc != nil {
		s.rwc.Close()
	}
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
}

// mounted tells whether a mount speaks 9P on it.
func (s *stream) mounted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil
}

// attach makes a device of the stream, which holds it, or gives the one that it has. A person may
// be asked for a key meanwhile: others who attach wait for that until their ctx ends, and as for a
// key of their own.
func (s *stream) attach(ctx context.Context, name, aname string) (*Dev, error) {
	keyWaited(ctx, true)
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
		keyWaited(ctx, false)
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", name, ctx.Err())
	}
	tree := streamTree{aname: aname}
	if p := authOf(ctx); p.attach != nil {
		tree.key = p.Key
	}
	if d := s.kept[tree]; d != nil {
		return d, nil
	}
	if err := s.speak(ctx, name); err != nil {
		return nil, err
	}
	root, a, err := attachTo(ctx, s.conn, aname)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, ofTree(aname, err))
	}
	f := &mntFile{fid: root}
	s.hold()
	d := NewDev(name, f, func() {
		f.Clunk()
		s.release()
	})
	d.spec, d.auth = aname, a
	if s.keep != nil {
		d.server = name // always of the same kind: in a session of cpud the user's own, who may do there what he likes
		s.keep(d)
		d.refs.Add(1)
		s.kept[tree] = d
	}
	return d, nil
}

// speak sees to it that there is a conversation.
func (s *stream) speak(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		return nil
	}
	rwc := s.rwc
	if s.ch != nil {
		if s.ch.Mode() != p9.ORDWR {
			return fmt.Errorf("%s: not open for reading and writing: %w", name, errUseFd)
		}
		rwc = newChannelConn(s.ch)
	}
	// Half a negotiation would spoil the stream for those who ask again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), DialTimeout)
	defer cancel()
	conn, err := client.New(ctx, rwc, nil)
	if err != nil {
		if ctx.Err() != nil {
			err = p9.ErrorOfErrno(syscall.ETIMEDOUT)
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	s.conn = conn
	return nil
}

// attach makes a device of a posted connection.
func (p *postFile) attach(ctx context.Context, aname string) (*Dev, error) {
	s, err := p.stream()
	if err != nil {
		return nil, err
	}
	defer s.release()
	return s.attach(ctx, "#s/"+p.name, aname)
}

// A channelConn is a channel as the 9P client has a connection. Closing it ends
// what is under way and leaves the channel open.
type channelConn struct {
	ch  channel
	ctx context.Context
	end context.CancelFunc
}

func newChannelConn(ch channel) *channelConn {
	ctx, end := context.WithCancel(context.Background())
	return &channelConn{ch, ctx, end}
}

func (c *channelConn) Read(p []byte) (int, error) {
	n, err := c.ch.Read(c.ctx, p)
	if n <= 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

func (c *channelConn) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		m, err := c.ch.Write(c.ctx, p[n:])
		if n += max(m, 0); err != nil {
			return n, err
		}
		if m <= 0 {
			return n, io.ErrShortWrite
		}
	}
	return n, nil
}

func (c *channelConn) Close() error {
	c.end()
	return nil
}

// A fileChannel is an open file of the engine's. What is read and written goes on
// from where it was.
type fileChannel struct {
	c    *Chan
	h    srv.Handle
	mode p9.Mode

	mu       sync.Mutex
	rat, wat int64
}

// openChannel opens a file.
func openChannel(ctx context.Context, c *Chan, mode p9.Mode) (channel, error) {
	h, err := srv.Open(ctx, c.file, mode)
	if err != nil {
		return nil, err
	}
	return &fileChannel{c: c.hold(), h: h, mode: mode}, nil
}

func (f *fileChannel) Mode() p9.Mode { return f.mode }

func (f *fileChannel) Read(ctx context.Context, p []byte) (int, error) {
	r, ok := f.h.(srv.Reader)
	if !ok {
		return 0, p9.ErrPerm
	}
	return f.on(&f.rat, func(off int64) (int, error) { return r.Read(ctx, p, off) })
}

func (f *fileChannel) Write(ctx context.Context, p []byte) (int, error) {
	w, ok := f.h.(srv.Writer)
	if !ok {
		return 0, p9.ErrPerm
	}
	return f.on(&f.wat, func(off int64) (int, error) { return w.Write(ctx, p, off) })
}

// on does one read or write where the last one ended.
func (f *fileChannel) on(at *int64, do func(off int64) (int, error)) (int, error) {
	f.mu.Lock()
	off := *at
	f.mu.Unlock()
	n, err := do(off)
	f.mu.Lock()
	*at = off + int64(max(n, 0))
	f.mu.Unlock()
	return n, err
}

func (f *fileChannel) Close() error {
	clunkHandle(f.c.file, f.h)
	f.c.close()
	return nil
}

// clunkHandle lets a handle go that came with a file.
func clunkHandle(file srv.File, h srv.Handle) {
	if h != nil && h != srv.Handle(file) {
		srv.Clunk(h)
	}
}
