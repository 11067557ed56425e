package door

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// mux is yamux with windows that hold several of the largest messages of 9P, and without
// its log.
func mux(rwc io.ReadWriteCloser, dialled bool) (*yamux.Session, error) {
	c := yamux.DefaultConfig()
	c.MaxStreamWindowSize = 8 << 20
	c.ConnectionWriteTimeout = 30 * time.Second
	c.LogOutput = io.Discard
	if dialled {
		return yamux.Client(rwc, c)
	}
	return yamux.Server(rwc, c)
}

// maxStreams is how many conversations the other side may have at a time: the end of a
// session costs time that grows with their square.
const maxStreams = 256

// Serve calls serve with each stream that the other side opens until the connection ends,
// why is the error, and then waits for those that are served. A stream too many is closed.
func Serve(m *yamux.Session, serve func(net.Conn)) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	places := make(chan struct{}, maxStreams)
	for {
		stream, err := m.AcceptStream()
		if err != nil {
			return err
		}
		select {
		case places <- struct{}{}:
			wg.Go(func() {
				defer func() { <-places }()
				serve(stream)
			})
		default:
			stream.Close()
		}
	}
}
