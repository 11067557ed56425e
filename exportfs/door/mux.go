package door

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/yamux"
)

// mux is yamux with windows that hold several of the largest messages of 9P, and without
// its log and its patience: whether a connection is dead is for what is below to find, and
// one that has no link for an hour may be well after that.
func mux(rwc io.ReadWriteCloser, dialled bool) (*yamux.Session, error) {
	c := yamux.DefaultConfig()
	c.MaxStreamWindowSize = 8 << 20
	c.EnableKeepAlive = false
	c.ConnectionWriteTimeout = never
	c.StreamOpenTimeout = 0
	c.StreamCloseTimeout = never
	c.LogOutput = io.Discard
	rwc = &framed{ReadWriteCloser: rwc}
	if dialled {
		return yamux.Client(rwc, c)
	}
	return yamux.Server(rwc, c)
}

const never = 1000 * time.Hour

// maxStreams is how many conversations the other side may have at a time.
const maxStreams = 256

// Serve calls serve with each stream that the other side opens until the connection ends,
// why is the error, and then waits for those that are served. A stream too many is closed.
func Serve(m *yamux.Session, serve func(net.Conn)) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	places := make(chan struct{}, maxStreams)
	var mu sync.Mutex
	live := map[*yamux.Stream]bool{}
	// From when a session begins to end until it comes to a stream, yamux has who reads that
	// look again and again; together they can keep it from coming. A deadline has them go.
	wg.Go(func() {
		<-m.CloseChan()
		mu.Lock()
		defer mu.Unlock()
		for s := range live {
			s.SetReadDeadline(time.Unix(1, 0))
		}
	})
	for {
		stream, err := m.AcceptStream()
		if err != nil {
			return err
		}
		select {
		case places <- struct{}{}:
			mu.Lock()
			live[stream] = true
			mu.Unlock()
			wg.Go(func() {
				serve(stream)
				mu.Lock()
				delete(live, stream)
				mu.Unlock()
				<-places
			})
		default:
			stream.Close()
		}
	}
}

// Left gives the error by which Serve has ended, and none where the caller, or ctx, meant it
// to: who has what it wanted leaves without a word.
func Left(ctx context.Context, err error) error {
	for _, end := range []error{io.EOF, yamux.ErrSessionShutdown, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return nil
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}
