package cpu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"github.com/hashicorp/yamux"

	"ninespace/exportfs/door"
	"ninespace/srv"
)

// A Far is a far side and what it is given of ours.
type Far struct {
	door.Dialer
	Addr string   // dial string of its cpud, or door.Local
	User string   // as whom there; "" is the caller's own name
	Tree srv.File // the caller's tree, seen at /mnt/term; nil: none

	// Trips, if it is not nil, is added the round trips that Tree takes, by connections that
	// are made here: a few more where the far side asks ahead.
	Trips *atomic.Uint64

	// Resident gives a stream to the far side's commands through a connection that is kept
	// for the next one; nil: a connection is made for this command alone.
	Resident func(context.Context) (stream net.Conn, arch string, err error)
}

func (f *Far) log(format string, args ...any) {
	if f.Log != nil {
		f.Log(format, args...)
	}
}

// connect gives a stream to the far side's commands, and says which processor is there.
// Closing it is all there is to do.
func (f *Far) connect(ctx context.Context) (stream net.Conn, arch string, err error) {
	if f.Resident != nil {
		return f.Resident(ctx)
	}
	mux, arch, err := f.dial(ctx)
	if err != nil {
		return nil, "", err
	}
	if stream, err = mux.Open(); err != nil {
		mux.Close()
		return nil, "", err
	}
	return &whole{stream, mux}, arch, nil
}

// goOn gives a stream to the command that was left as name, which needs a connection of
// its own: this machine need not be the one that left it.
func (f *Far) goOn(ctx context.Context, name string) (io.ReadWriteCloser, error) {
	c, err := f.Dial(ctx, f.Addr, door.Want{Service: door.Attach, User: f.User, Arg: name})
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", name, err)
	}
	return c, nil
}

// whole is a stream whose end is its connection's.
type whole struct {
	net.Conn
	mux *yamux.Session
}

func (w *whole) Close() error { return errors.Join(w.Conn.Close(), w.mux.Close()) }

// dial makes a connection and serves the caller's tree on it.
func (f *Far) dial(ctx context.Context) (*yamux.Session, string, error) {
	c, err := f.Dial(ctx, f.Addr, door.Want{Service: door.CPU, User: f.User})
	if err != nil {
		return nil, "", err
	}
	mux, err := c.Mux()
	if err != nil {
		c.Close()
		return nil, "", err
	}
	ctx = context.WithoutCancel(ctx) // it is served while there is a connection
	var server *srv.Server           // one for all streams: its limits are the far side's
	if f.Tree != nil {
		server = srv.New(f.Tree)
	}
	go door.Serve(mux, func(stream net.Conn) {
		if server == nil {
			stream.Close()
			return
		}
		if f.Trips != nil {
			stream = &counted{Conn: stream, trips: f.Trips}
		}
		server.ServeConn(ctx, stream)
	})
	return mux, c.Peer.Arch, nil
}
