package cpu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/yamux"

	"ninespace/exportfs"
	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// A connection to a far side outlives the command that made it, so that the next one need
// not shake hands again, nor wait for a name space's engine: a process keeps it, until it has
// been idle for a while, and gives streams of it to whoever of the same user asks on a
// socket. Each begins with a line of hello, the far side's kind of processor and the round trips
// so far, which says that it is there.
const hello = "here"

// A Resident keeps one connection.
type Resident struct {
	Far
	Idle time.Duration // how long after the last stream has ended

	mux   *yamux.Session
	arch  string
	moved time.Time // when something was last heard from there
	went  chan net.Conn
	left  bool // a command was left there, when that was last asked
}

// Connect makes the connection.
func (r *Resident) Connect(ctx context.Context) error {
	if r.Trips == nil {
		r.Trips = new(atomic.Uint64)
	}
	var err error
	r.mux, r.arch, err = r.dial(ctx)
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
		alone := len(open) == 0
		open[c] = true
		alive := time.Since(r.moved) < fresh
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.stream(c, alive, alone)
		}()
		go func() {
			// Who has hung up waits for nothing, least of all for a far side that is gone:
			// what is said to that one ends with the connection at the latest.
			hungUp(c, done)
			c.Close()
			r.went <- c
		}()
	}
	add(first)
	idle := time.NewTimer(r.Idle)
	idle.Stop()
	// Whether a command was left is asked when the last stream has ended, and again at the
	// end of the time: a far side that does not answer then has none, unless it said so.
	var asked chan bool
	ask := func() {
		busy := make(chan bool, 1)
		asked = busy
		go func(ctx context.Context) { busy <- r.busy(ctx) }(ctx)
	}
	var late <-chan time.Time
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
				ask()
			}
		case <-accepting:
			accepting = nil
		case r.left = <-asked:
			asked = nil
			if late != nil && len(open) == 0 { // it was the end of the time
				if late = nil; r.left {
					idle.Reset(r.Idle)
				} else {
					stop()
				}
			}
		case <-idle.C:
			ask()
			late = time.After(aLive)
		case <-late:
			if late = nil; len(open) > 0 {
				continue
			}
			if !r.left {
				stop()
				continue
			}
			idle.Reset(r.Idle) // it does not say, so it is asked again
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
func (r *Resident) stream(c net.Conn, alive, alone bool) {
	defer c.Close()
	if uid, ok := srv.PeerOf(c); !ok || uid != uint32(os.Geteuid()) {
		return
	}
	if !alive && !r.there() {
		// Both ends may have slept, and the far one be gone for good. Others may
		// wait for it.
		if alone {
			r.mux.Close()
		}
		return
	}
	r.settle()
	s, err := r.mux.Open()
	if err != nil {
		return
	}
	defer s.Close()
	if _, err := fmt.Fprintf(c, "%s %s %d\n", hello, r.arch, r.Trips.Load()); err != nil {
		return
	}
	exportfs.Relay(context.Background(), c, s)
}

// settle has the far side, which keeps what it knows of the caller's tree, forget what has
// changed: a command sees what was done here before it began.
func (r *Resident) settle() {
	if l, ok := r.Tree.(srv.Leaser); ok {
		ctx, cancel := context.WithTimeout(context.Background(), aLive)
		defer cancel()
		l.Leases().Settle(ctx)
	}
}

// busy tells whether a command that was left runs there.
func (r *Resident) busy(ctx context.Context) bool {
	stream, err := r.mux.Open()
	if err != nil {
		return false
	}
	defer stream.Close()
	c, err := client.New(ctx, stream, nil)
	if err != nil {
		return false
	}
	defer c.Close()
	root, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		return false
	}
	if err := root.Open(ctx, p9.OREAD); err != nil {
		return false
	}
	for e, err := range root.List(ctx, 0) {
		if err != nil {
			return false
		}
		if e.Name[0] < '0' || e.Name[0] > '9' {
			continue
		}
		// One that is just ending, its cpu having ended, was not left.
		b, _ := client.Fsys{Root: root}.ReadFile(ctx, e.Name+"/status")
		if bytes.Contains(b, []byte("\ndetached\n")) {
			return true
		}
	}
	return false
}

// there asks the far side whether it is.
func (r *Resident) there() bool {
	answer := make(chan error, 1)
	go func() {
		_, err := r.mux.Ping()
		answer <- err
	}()
	select {
	case err := <-answer:
		return err == nil
	case <-time.After(aLive):
		return false
	}
}

// Ask takes the stream that a Resident gives, and says which processor is at its end and how
// many round trips the Resident's tree has taken: c is a connection to the Resident.
func Ask(ctx context.Context, c net.Conn) (arch string, trips uint64, err error) {
	if uid, ok := srv.PeerOf(c); !ok || uid != uint32(os.Geteuid()) {
		return "", 0, errors.New("the other end is not yours")
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	var line []byte
	for b := make([]byte, 1); len(line) < 64; line = append(line, b[0]) {
		if _, err := io.ReadFull(c, b); err != nil {
			return "", 0, err
		}
		if b[0] == '\n' {
			break
		}
	}
	f := strings.Split(string(line), " ")
	if len(f) == 3 && f[0] == hello {
		if trips, err = strconv.ParseUint(f[2], 10, 64); err == nil {
			return f[1], trips, nil
		}
	}
	return "", 0, errors.New("not a connection that is kept")
}
