// Package exportfs gives trees of this machine to others and takes theirs: exportfs(4) and
// import(4) of Plan 9.
//
// A caller that package door has let in names a tree, and each stream that it opens inside
// its connection is a conversation of 9P with that tree. What is given is what the process
// that serves may see, with that process's rights: who serves somebody else becomes him
// first.
//
//	Export.Serve    the giving end, on one door.Conn
//	Import.Serve    the taking end, which leads those who connect to a socket into the
//	                connection, a stream each
//	Patterns        which files of a tree are given
package exportfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/yamux"

	"ninespace/exportfs/door"
	"ninespace/srv"
)

// An Export says what callers get.
type Export struct {
	// Open gives the tree of a name, "" that of no name; where it is an io.Closer, it is
	// closed when the caller has gone.
	Open func(ctx context.Context, aname string) (srv.File, error)
	// Dial gives instead a connection to a server that speaks 9P itself, or nil: then it
	// is Open's. nil: all are.
	Dial func(ctx context.Context, aname string) (net.Conn, error)
}

// ErrCommand refuses those whose key is for a command.
var ErrCommand = errors.New("the key is for a command, not for files")

// Serve gives a caller the tree that it wants, until it hangs up or ctx ends. It closes c.
func (e *Export) Serve(ctx context.Context, c *door.Conn) error {
	defer c.Close()
	if c.Want.Service != door.Export {
		err := fmt.Errorf("there is no service %.20q here", c.Want.Service)
		c.Refuse(err)
		return err
	}
	if c.Peer.Command != "" {
		c.Refuse(ErrCommand)
		return ErrCommand
	}
	serve, done, err := e.Tree(ctx, c.Want.Arg)
	if err != nil {
		c.Refuse(err)
		return err
	}
	defer done()
	if err := c.Accept(); err != nil {
		return err
	}
	mux, err := c.Mux()
	if err != nil {
		return err
	}
	defer mux.Close()
	stop := context.AfterFunc(ctx, func() { mux.Close() })
	defer stop()
	return door.Left(ctx, door.Serve(mux, func(stream net.Conn) { serve(ctx, stream) }))
}

// Tree gives what serves a stream, and what is to be done when none is served any more.
func (e *Export) Tree(ctx context.Context, aname string) (serve func(context.Context, net.Conn), done func(), err error) {
	if e.Dial != nil {
		// That somebody is there is found out before the caller is told so.
		c, err := e.Dial(ctx, aname)
		if err != nil {
			return nil, nil, err
		}
		if c == nil {
			return e.open(ctx, aname)
		}
		c.Close()
		return func(ctx context.Context, stream net.Conn) {
			to, err := e.Dial(ctx, aname)
			if err != nil {
				stream.Close()
				return
			}
			Relay(ctx, stream, to)
		}, func() {}, nil
	}
	return e.open(ctx, aname)
}

func (e *Export) open(ctx context.Context, aname string) (serve func(context.Context, net.Conn), done func(), err error) {
	tree, err := e.Open(ctx, aname)
	if err != nil {
		return nil, nil, err
	}
	server := srv.New(tree) // one for all streams: its limits are the caller's
	return func(ctx context.Context, stream net.Conn) { server.ServeConn(ctx, stream) },
		func() {
			if c, ok := tree.(io.Closer); ok {
				c.Close()
			}
		}, nil
}

// Relay copies both ways between two streams until one of them ends or ctx does, and
// closes both.
func Relay(ctx context.Context, a, b io.ReadWriteCloser) {
	end := sync.OnceFunc(func() {
		a.Close()
		b.Close()
	})
	defer end()
	stop := context.AfterFunc(ctx, end)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() {
		io.Copy(a, b)
		end()
	})
	io.Copy(b, a)
	end()
	wg.Wait()
}

// Join copies both ways between two streams until both have ended, each end as it comes, and
// closes both. Where one is cut off so is the other, if it can be: else what was cut would
// pass for all there was.
func Join(a, b io.ReadWriteCloser) {
	var wg sync.WaitGroup
	var closed atomic.Bool // by us: what fails then has no more to say
	one := func(dst, src io.ReadWriteCloser) {
		_, err := io.Copy(dst, src)
		if cut(err) && !closed.Swap(true) {
			abort(a, err)
			abort(b, err)
			return
		}
		end := net.ErrClosed
		if w, ok := dst.(interface{ CloseWrite() error }); ok {
			end = w.CloseWrite()
		}
		// Of a socket that is not connected any more the other direction hears why.
		if end != nil && !errors.Is(end, syscall.ENOTCONN) {
			closed.Store(true)
			dst.Close()
		}
	}
	wg.Go(func() { one(a, b) })
	one(b, a)
	wg.Wait()
	a.Close()
	b.Close()
}

// cut tells whether a copy's error means that a stream was cut off. EPIPE ends one direction
// only: the reader has gone. A Unix socket's reset is no more than that either: its other end
// closed before it had read all, and what it wrote has come.
func cut(err error) bool {
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return false
	}
	if errors.Is(err, syscall.ECONNRESET) {
		for op, e := (*net.OpError)(nil), err; errors.As(e, &op); e = op.Err {
			if op.Net == "unix" {
				return false
			}
		}
	}
	return true
}

// abort closes a stream so that its other end takes it for cut off, as far as its kind can say so.
func abort(s io.ReadWriteCloser, err error) {
	switch s := s.(type) {
	case interface{ Abort(error) }:
		s.Abort(err)
	case interface{ SetLinger(int) error }: // TCP: a reset
		s.SetLinger(0)
	}
	s.Close()
}

// An Import is a connection to somebody's tree.
type Import struct {
	mux *yamux.Session
	c   *door.Conn
}

// Dial connects to the tree of a name at an address, as a user there ("" is one's own
// name).
func Dial(ctx context.Context, d *door.Dialer, addr, user, tree string) (*Import, error) {
	c, err := d.Dial(ctx, addr, door.Want{Service: door.Export, User: user, Arg: tree})
	if err != nil {
		return nil, err
	}
	mux, err := c.Mux()
	if err != nil {
		c.Close()
		return nil, err
	}
	// What the far side opens is its own folly: nothing is served here.
	go door.Serve(mux, func(stream net.Conn) { stream.Close() })
	return &Import{mux, c}, nil
}

// Open gives a stream for one more conversation of 9P with the tree.
func (i *Import) Open() (net.Conn, error) { return i.mux.Open() }

// Done is closed when the connection has ended.
func (i *Import) Done() <-chan struct{} { return i.mux.CloseChan() }

// Close hangs up.
func (i *Import) Close() error {
	err := i.mux.Close()
	i.c.Close()
	return err
}

// ErrLost says that the far side has gone.
var ErrLost = errors.New("the connection was lost")

// Serve leads each who connects to l into the connection, until that ends (ErrLost) or ctx
// does, or, where idle is not 0, nobody has been connected for so long. It closes l.
func (i *Import) Serve(ctx context.Context, l net.Listener, idle time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	go func() {
		select {
		case <-i.Done():
			cancel(ErrLost)
		case <-ctx.Done():
		}
	}()
	var mu sync.Mutex
	var users int
	var timer *time.Timer
	if idle > 0 {
		timer = time.AfterFunc(idle, func() {
			mu.Lock()
			defer mu.Unlock()
			if users == 0 {
				cancel(errIdle)
			}
		})
		defer timer.Stop()
	}
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		if users += n; users == 0 && timer != nil {
			timer.Reset(idle)
		}
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	for {
		c, err := srv.Accept(ctx, l, func(error) {})
		if err != nil {
			if cause := context.Cause(ctx); cause == ErrLost {
				return ErrLost
			} else if cause != nil {
				return nil
			}
			return err
		}
		count(1)
		wg.Go(func() {
			defer count(-1)
			stream, err := i.Open()
			if err != nil {
				c.Close()
				return
			}
			Relay(ctx, c, stream)
		})
	}
}

var errIdle = errors.New("nobody uses it")
