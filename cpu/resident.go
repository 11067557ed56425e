package cpu

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/hashicorp/yamux"

	"ninespace/srv"
)

// A connection to a far side outlives the command that made it, so that the next one need
// not shake hands again, nor wait for a name space's engine: a process keeps it, until it has
// been idle for a while, and gives streams of it to whoever of the same user asks on a
// socket. Each begins with hello, which says that the far side is there.
const hello = "here\n"

// A Resident keeps one connection.
type Resident struct {
	Far
	Idle time.Duration // how long after the last stream has ended

	mux   *yamux.Session
	moved time.Time // when something was last heard from there
	went  chan net.Conn
}

// Connect makes the connection.
func (r *Resident) Connect(ctx context.Context) error {
	mux, err := r.dial(ctx)
	r.mux = mux
	return err
}

// Serve gives first a stream, and each that l accepts, until the connection ends or has
// been idle. l, which Serve closes, may be nil.
func (r *Resident) Serve(ctx context.Context, first net.Conn, l net.Listener) {
	defer r.mux.Close()
	came := make(chan net.Conn)
	r.went = make(chan net.Conn)
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for l != nil {
			c, err := l.Accept()
			if err != nil {
				return
			}
			came <- c
		}
	}()
	stop := func() {
		if l != nil {
			l.Close()
		}
	}
	r.moved = time.Now()
	open := map[net.Conn]bool{}
	add := func(c net.Conn) {
		open[c] = true
		alive := time.Since(r.moved) < fresh
		go func() {
			r.stream(c, alive)
			r.went <- c
		}()
	}
	add(first)
	idle := time.NewTimer(r.Idle)
	idle.Stop()
	end := r.mux.CloseChan()
	for len(open) > 0 || accepting != nil {
		select {
		case c := <-came:
			idle.Stop()
			add(c)
		case c := <-r.went:
			delete(open, c)
			r.moved = time.Now()
			if len(open) == 0 && l != nil {
				idle.Reset(r.Idle)
			}
		case <-accepting:
			accepting = nil
		case <-idle.C:
			stop()
		case <-end:
			end = nil
			stop()
		case <-ctx.Done():
			ctx = context.Background()
			r.mux.Close()
			stop()
		}
	}
}

// How long it is known that the far side is there without asking it, and how long that
// takes at most.
const (
	fresh = 5 * time.Second
	aLive = 5 * time.Second
)

// stream gives a caller a stream to the far side.
func (r *Resident) stream(c net.Conn, alive bool) {
	defer c.Close()
	if uid, ok := srv.PeerOf(c); !ok || uid != uint32(os.Geteuid()) {
		return
	}
	if !alive {
		// Both ends may have slept, and the far one be gone for good.
		limit := time.AfterFunc(aLive, func() { r.mux.Close() })
		_, err := r.mux.Ping()
		if limit.Stop(); err != nil {
			return
		}
	}
	s, err := r.mux.Open()
	if err != nil {
		return
	}
	defer s.Close()
	if _, err := io.WriteString(c, hello); err != nil {
		return
	}
	relay(c, s)
}

// Ask takes the stream that a Resident gives: c is a connection to it.
func Ask(ctx context.Context, c net.Conn) error {
	if uid, ok := srv.PeerOf(c); !ok || uid != uint32(os.Geteuid()) {
		return errors.New("the other end is not yours")
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	b := make([]byte, len(hello))
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	if string(b) != hello {
		return errors.New("not a connection that is kept")
	}
	return nil
}
